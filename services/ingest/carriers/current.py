"""What one body says of each parcel now: for `carriers parse`, where no other body and no order is known.

The provider's own word where it is an end (rule R23), or a problem that no newest scan speaks of (no news for a month);
else its newest scan that says something, else what it says of the parcel as a whole. The state machine, which knows
every body, decides what Trackfold shows. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import Leg, ScanKind, Stage, TimePrecision
from services.ingest.carriers.meanings import INFORMATIONAL, UNMAPPED

_ENDS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.LOST, Stage.CANCELLED, Stage.DISPOSED})
_RANK: Final = {stage: rank for rank, stage in enumerate(Stage)}


@dataclass(frozen=True, slots=True)
class Current:
    """What is said of one parcel now."""

    scan: Scan
    """The scan or summary that says it."""
    window: Window | None
    """The newest estimate in the body."""


def current_of(scans: Sequence[Scan]) -> tuple[Current, ...]:
    """Return the current word on each parcel of a body, in the order in which the parcels are first named."""
    by_key: dict[str, list[Scan]] = {}
    for scan in scans:
        by_key.setdefault(scan.key, []).append(scan)
    told = ((_word(of_one), _window(of_one)) for of_one in by_key.values())
    return tuple(Current(scan, window) for scan, window in told if scan is not None)


def _word(scans: Sequence[Scan]) -> Scan | None:
    whole = next((one for one in reversed(scans) if one.kind == ScanKind.SUMMARY), None)
    history = [one for one in scans if one.kind == ScanKind.SCAN]
    telling = [one for one in history if _says_something(one)]
    if whole is not None and whole.stage in _ENDS and not _came_back(whole, telling):
        return whole
    newest = max(telling, key=lambda one: _place(one, telling), default=None)
    if whole is not None and _is_problem(whole) and not (newest is not None and _speaks_of_a_problem(newest)):
        return whole
    return newest or whole or next(reversed(history), None)


def _window(scans: Sequence[Scan]) -> Window | None:
    told = [one for one in scans if one.window is not None]
    return max(told, key=lambda one: one.occurred_at).window if told else None


def _came_back(whole: Scan, history: Sequence[Scan]) -> bool:
    """`delivered` does not outrank scans of the return leg (R23): what was delivered there is the sender's again."""
    return whole.stage == Stage.DELIVERED and any(scan.leg == Leg.RETURN for scan in history)


def _says_something(scan: Scan) -> bool:
    silent = scan.stage is None and not scan.conditions_set
    return not silent and scan.substatus not in ({INFORMATIONAL, UNMAPPED} if scan.stage is None else ())


def _is_problem(whole: Scan) -> bool:
    return whole.stage is None and bool(whole.conditions_set)


def _speaks_of_a_problem(scan: Scan) -> bool:
    """Tell whether a scan says itself what is wrong: it knows more of it than a word on the whole."""
    return bool(scan.conditions_set) or scan.stage == Stage.ATTEMPTED


def _place(scan: Scan, history: Sequence[Scan]) -> tuple[datetime, bool, int]:
    """Return where a scan stands (R3): one of a day alone after what is timed in that day and ranks no higher."""
    rank = _rank(scan)
    at = scan.occurred_at
    if scan.time_precision == TimePrecision.DAY:
        same_day = [one.occurred_at for one in history if one.occurred_at.date() == at.date() and _rank(one) <= rank]
        at = max(same_day, default=at)
    return at, scan.leg == Leg.RETURN, rank


def _rank(scan: Scan) -> int:
    return -1 if scan.stage is None else _RANK[Stage(scan.stage)]
