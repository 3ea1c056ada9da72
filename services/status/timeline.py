"""What moved an order and its parcels, in time order, each entry with its event and its rule. Pure.

Entries: the order's own events that counted; of each parcel the stages it entered, the conditions that began and ended,
and what took something back. What moved nothing is told by `order_verdicts.py` and `parcel_document.set_aside`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.order_events import Erased, OverrideEnded, OverrideSet, TimeReached
from schemas.vocabulary import Leg
from services.status.expectations import Rule
from services.status.order_facts import StoredEvent
from services.status.order_times import judged
from services.status.order_verdicts import set_aside_of
from services.status.parcel_fold import History, fold_parcels
from services.status.sequence import instant
from services.status.shipment import Episode, ShipmentState, Verdict

ORDER: Final = "order"
CLEARED: Final = "cleared"

#: Scans that moved no stage and took something back, or put an agent's word over it.
_TOOK_BACK: Final = frozenset({"void", "override", "override_ended", "override_expired"})

#: What the table of moves raises, by the rule that judged the move; other conditions come with a code (R10).
_JUDGED: Final = frozenset({"contradiction", "shipped_although_cancelled"})


@dataclass(frozen=True, slots=True)
class Moved:
    """One thing that moved something."""

    at: datetime
    subject: str
    """`order`, or the shop's id of the shipment."""
    event: str
    what: str
    """An order event's type, a time rule, a stage that was entered, a condition that began; `delayed cleared`."""
    rule: str | None
    leg: Leg | None = None
    """On which leg a stage was entered."""
    piece: str | None = None
    """Which piece of the parcel entered it, where the scan names one (R22)."""
    stands: datetime | None = None
    """Where it stands among the others: a day without a time comes after that day's scans before it (R3)."""


def timeline(key: str, events: Iterable[StoredEvent], histories: Mapping[str, History]) -> list[Moved]:
    """Return what moved an order, oldest first; the parameters are those of `fold_order`."""
    facts = judged(key, events, histories)
    if facts.erased is not None:
        return [_told(facts.erased)]
    aside = {id(verdict.stored) for verdict in set_aside_of(facts)}
    found = [_told(stored) for stored in facts.ordered if id(stored) not in aside]
    for parcel, state in fold_parcels(key, facts, histories):
        found += moves(parcel.shipment, state)
    return sorted(found, key=lambda entry: entry.stands or entry.at)


def moves(subject: str, state: ShipmentState) -> list[Moved]:
    """Return what moved one parcel, in the order of the fold."""
    verdicts = {verdict.scan.event_key: verdict for verdict in state.verdicts}
    found = list(_stages(subject, state.verdicts))
    found += [
        Moved(one.at, subject, one.key, one.reason, "R4") for one in state.corrections if one.reason == "reopened"
    ]
    for episode in state.episodes:
        found += _of_condition(subject, episode, verdicts)
    return found


def _told(stored: StoredEvent) -> Moved:
    event = stored.event
    what, rule = event.type, None
    match event:
        case TimeReached():
            what, rule = event.rule, "R17" if event.rule == Rule.OVERRIDE_EXPIRED else "E15"
        case OverrideSet() | OverrideEnded():
            rule = "R17"
        case Erased():
            rule = "E9"
        case _:
            pass
    return Moved(stored.at, ORDER, stored.key, what, rule)


def _stages(subject: str, verdicts: Iterable[Verdict]) -> Iterator[Moved]:
    """Give the stages that were entered; the first word of a parcel enters even the stage where all of them begin."""
    began, stands = False, None
    for verdict in verdicts:
        enters = verdict.moved or (verdict.reason == "same_stage" and not began)
        began = began or enters
        scan, at = verdict.scan, instant(verdict.scan)
        stands = at if stands is None else max(at, stands)
        if enters and verdict.stage is not None:
            yield Moved(at, subject, scan.event_key, verdict.stage.value, verdict.rule, verdict.leg, scan.piece, stands)
        elif verdict.reason in _TOOK_BACK:
            yield Moved(at, subject, scan.event_key, verdict.reason, verdict.rule, stands=stands)


def _of_condition(subject: str, episode: Episode, verdicts: Mapping[str, Verdict]) -> Iterator[Moved]:
    yield Moved(episode.since, subject, episode.source, episode.name, _rule_of_beginning(verdicts.get(episode.source)))
    if episode.cleared_at is not None and episode.cleared_by is not None:
        rule = _rule_of_end(verdicts.get(episode.cleared_by))
        yield Moved(episode.cleared_at, subject, episode.cleared_by, f"{episode.name} {CLEARED}", rule)


def _rule_of_beginning(verdict: Verdict | None) -> str:
    judged = verdict is not None and (verdict.reason in _JUDGED or verdict.reason == "time")
    return verdict.rule if verdict is not None and judged else "R10"


def _rule_of_end(verdict: Verdict | None) -> str:
    """Return why a condition ended: an agent's word, a new date, or a scan."""
    if verdict is None or verdict.reason == "override":
        return "R17"
    return "R11" if verdict.reason == "estimate" else "R10"
