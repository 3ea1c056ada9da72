"""In which order the scans of a shipment stand, whatever the order they came in (R3, R14, R16, R23, E15). Pure.

By instant, then the trust of the source, the stage's rank and the event key. A day stands after the timed events of
that day that it can follow, a summary after its provider's scans, a time event after everything else of its instant.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.scans import Scan
from schemas.vocabulary import Leg, ScanKind, Stage, TimeKind, TimePrecision
from services.status.transitions import ENDS, RANK

#: Providers that tell what carriers told them; whoever is not here tells of its own parcels (R16).
AGGREGATORS: Final = frozenset(
    {"aftership", "easypost", "karrio", "parcellab", "sendcloud", "ship24", "shipengine", "shippo", "shopify",
     "track17", "trackingmore"}
)  # fmt: skip

#: The return leg stands after the outbound one (R3).
_BACK: Final = 100
_AFTER_ALL: Final = 9
#: An agent's word stands after the scans of its instant (R17).
_AFTER_SCANS: Final = 8
#: Kinds that always have a time.
_EXACT: Final = frozenset({ScanKind.SUMMARY, ScanKind.TIME, ScanKind.OVERRIDE})

#: Asked for at every scan: a plain name is found ten times as fast as a member of its class, and a word as a member.
_TIME: Final = ScanKind.TIME
_MINUTE: Final = TimePrecision.MINUTE
_RANKS: Final[Mapping[str, int]] = {stage.value: place for stage, place in RANK.items()}

Key = tuple[datetime, int, int, str, int, int, int, str]


def sort_scans(
    scans: Iterable[Scan], zone: str | None = None, *, withdrawn: Collection[str] = frozenset()
) -> list[Scan]:
    """Return scans in the order of the fold; `zone` is the destination's: whose day an event of no known zone is in.

    Nothing takes its place from a scan that is `withdrawn` (R15), or from what tells no stage.
    """
    everything = list(scans)
    rough = [scan for scan in everything if is_of_a_day(scan)]
    exact = [scan for scan in everything if scan.kind != ScanKind.SUMMARY and not is_of_a_day(scan)]
    keys = {scan.event_key: _exact_key(scan) for scan in exact}
    leading = {scan.event_key for scan in everything if leads(scan)} - set(withdrawn)
    followed = [scan for scan in exact if scan.event_key in leading] if rough else []
    anchors = sorted((keys[scan.event_key], local_date(scan, zone)) for scan in followed)
    keys |= {scan.event_key: _key_of_a_day(scan, anchors) for scan in rough}
    told = sorted((*exact, *rough), key=lambda scan: keys[scan.event_key])
    for summary in sorted((scan for scan in everything if scan.kind == ScanKind.SUMMARY), key=_exact_key):
        key = _exact_key(summary)
        told.insert(_place_of_summary(summary, key, told, keys=keys, leading=leading), summary)
        keys[summary.event_key] = key
    return told


def place_at(moment: datetime, ordered: Sequence[Scan]) -> int:
    """Return where a word of that instant stands among ordered scans: after all that are not later, but for times."""
    return max((index for index, scan in enumerate(ordered, start=1) if _is_before(scan, moment)), default=0)


def _is_before(scan: Scan, moment: datetime) -> bool:
    """Tell whether a scan stands before a word of that instant; a time event stands behind everything (E15)."""
    at = instant(scan)
    return at < moment or (at == moment and scan.kind != ScanKind.TIME)


def outranked(scans: Iterable[Scan]) -> frozenset[str]:
    """Return the scans that a more trusted source contradicts or repeats at their own instant (R3)."""
    everything = list(scans)
    by_moment: dict[datetime, list[Scan]] = {}
    if len({_trust(scan) for scan in everything}) == 1:
        return frozenset()  # nobody is trusted more than another, as with most parcels
    for scan in everything:
        if scan.kind == ScanKind.SCAN and rank(scan) and not is_of_a_day(scan):
            by_moment.setdefault(moment_of(scan, instant(scan)), []).append(scan)
    return frozenset(
        scan.event_key
        for told in by_moment.values()
        for scan in told
        if _trust(scan) < max(_trust(other) for other in told)
    )


def instant(scan: Scan) -> datetime:
    """Return when a scan stands, in its own offset: a future time is clamped to when we were told of it (R14).

    A time event stands when it was due, whenever it was fired (E15).
    """
    if scan.kind == _TIME and scan.due_at is not None:
        return scan.due_at
    if scan.occurred_at <= scan.told_at:
        return scan.occurred_at
    return scan.told_at.astimezone(scan.occurred_at.tzinfo)


def local_zone(scan: Scan, zone: str | None) -> tzinfo | None:
    """Return the zone of a scan's local date: its place's, else its own offset (None), else the destination's."""
    placed = known_zone(scan.place.time_zone if scan.place is not None else None)
    if placed is None and scan.time_kind != TimeKind.UTC:
        return None
    return placed or known_zone(zone) or UTC


def local_date(scan: Scan, zone: str | None) -> str:
    """Return the local date of a scan."""
    moment, local = instant(scan), local_zone(scan, zone)
    return (moment if local is None else moment.astimezone(local)).date().isoformat()


def known_zone(name: str | None) -> ZoneInfo | None:
    """Return the zone of that name, or None: names come from strangers (OSError: "Europe" is a folder)."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def rank(scan: Scan) -> int:
    """Return the rank of what a scan says (R3); 0 where it says no stage."""
    if scan.stage is None or scan.stage not in _RANKS:
        return 0
    back = scan.leg == Leg.RETURN or scan.stage == Stage.RETURNED
    return _RANKS[scan.stage] + (_BACK if back else 0)


def moment_of(scan: Scan, at: datetime) -> datetime:
    """Return what a scan is sorted by, from its instant: a minute stands at its first second (R3)."""
    if scan.time_precision == _MINUTE:
        return at - timedelta(seconds=at.second, microseconds=at.microsecond)
    return at


def is_of_a_day(scan: Scan) -> bool:
    """Tell whether an event has a day and no time (R3)."""
    return scan.time_precision == TimePrecision.DAY and scan.kind not in _EXACT


def _trust(scan: Scan) -> int:
    return 0 if scan.provider in AGGREGATORS else 1


def _exact_key(scan: Scan) -> Key:
    if scan.kind == ScanKind.TIME:
        return instant(scan), _AFTER_ALL, 0, scan.event_key, 0, 0, 0, ""
    if scan.kind == ScanKind.OVERRIDE:
        return instant(scan), _AFTER_SCANS, 0, scan.event_key, 0, 0, 0, ""
    return moment_of(scan, instant(scan)), _trust(scan), rank(scan), scan.event_key, 0, 0, 0, ""


def _key_of_a_day(scan: Scan, anchors: Sequence[tuple[Key, str]]) -> Key:
    """Return where an event of a whole day stands: after the last timed event it can follow, else at the day's start.

    The day is the one that is written; no zone moves it.
    """
    own = (1, rank(scan), _trust(scan), scan.event_key)
    written = instant(scan)
    day = written.date().isoformat()
    followed = [key for key, date in anchors if date == day and key[2] <= rank(scan)]
    if followed:
        last = followed[-1]
        return last[0], last[1], last[2], last[3], *own
    start = written.replace(hour=0, minute=0, second=0, microsecond=0)
    return start, -1, 0, "", *own


def leads(event: Scan) -> bool:
    """Tell whether others take their place behind an event: a scan of a stage (R3), a provider's last word (R23)."""
    if event.kind == ScanKind.SUMMARY:
        return event.stage in ENDS
    return event.kind == ScanKind.SCAN and event.stage in _RANKS


def _place_of_summary(
    summary: Scan, key: Key, told: Sequence[Scan], *, keys: Mapping[str, Key], leading: Collection[str]
) -> int:
    """Return where a summary stands: an end stage directly after its provider's last word of no later time (R23)."""
    earlier = [index for index, scan in enumerate(told) if keys[scan.event_key] <= key]
    own = [index for index in earlier if told[index].provider == summary.provider and told[index].event_key in leading]
    if summary.stage in ENDS and any(told[index].kind == ScanKind.SCAN for index in own):
        return own[-1] + 1
    return earlier[-1] + 1 if earlier else 0
