"""The whole story of an order in plain words: why it shows what it shows, and what was made of everything told. Pure.

Folded from the same events and scans as the state document (`order.py`); the words are those of `schemas/words` and of
`reasons.py`. Called by the API, the agents' page and `trackfold explain`, which differ only in how they show it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.keys import split_order_key
from schemas.order_events import OrderEvent
from schemas.order_status import Change
from schemas.vocabulary import Bucket, OrderState
from schemas.words import BUCKET_WORDS, order_words
from services.status import reasons
from services.status.explain_answers import Because, ChangeStory, EventStory, LineStory, ParcelStory, Story
from services.status.explain_parcel import Path, because, parcel_story, subject_of, subject_of_number
from services.status.explain_times import when
from services.status.order_facts import OrderFacts, StoredEvent
from services.status.order_parts import conditions, substatus
from services.status.order_times import judged
from services.status.order_verdicts import set_aside_of
from services.status.parcel_fold import History, fold_parcels, position_of, units_of
from services.status.pieces import fold_unclaimed
from services.status.positions import ParcelPosition
from services.status.shipment import ShipmentState
from services.status.units import Row, buckets_of, order_row

_ERASED: Final = Row(OrderState.ERASED, "erased")
_BUCKETS: Final[Mapping[Bucket, str]] = {bucket: BUCKET_WORDS[bucket] for bucket in Bucket}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an order."""

    key: str
    events: Sequence[StoredEvent]
    histories: Mapping[str, History]
    """Every key the order claims."""
    path: Path = field(default_factory=Path)
    change: Change | None = None
    """What the newest published version changed."""


def story_of(found: Evidence, *, most: int | None = None) -> Story:
    """Return the story of an order, with the newest `most` scans of each parcel."""
    facts = judged(found.key, found.events, found.histories)
    if facts.erased is not None:
        return _story(found, _ERASED, conditions=())
    parcels = fold_parcels(found.key, facts, found.histories)
    folded = [(position_of(parcel, state), state) for parcel, state in parcels]
    positions = units_of(parcels)
    lines = buckets_of(facts, positions)
    row = order_row(facts, lines, positions)
    return _story(
        found,
        row,
        substatus=substatus(row.state, facts, lines, positions=positions, folded=folded),
        conditions=conditions(facts, lines, folded),
        lines=_lines(facts, lines),
        parcels=_parcels(folded, found.path, facts.zone, most=most),
        facts=facts,
    )


def story_of_number(key: str, history: History, path: Path, *, most: int | None = None) -> ParcelStory:
    """Return the story of a number that no order claims, from its scans alone."""
    state = fold_unclaimed(history.scans())
    return parcel_story(subject_of_number(key, state), state, path=path, zone=None, most=most)


def _story(
    found: Evidence,
    row: Row,
    *,
    substatus: str | None = None,
    conditions: Iterable[str],
    lines: tuple[LineStory, ...] = (),
    parcels: tuple[ParcelStory, ...] = (),
    facts: OrderFacts | None = None,
) -> Story:
    """Return the story; without `facts` it tells nothing of the order but its state."""
    shop, order = split_order_key(found.key)
    words, change = order_words(row.state, substatus), found.change
    return Story(
        shop=shop,
        order=order,
        printed=None if facts is None else facts.printed,
        state=row.state,
        status=words.status,
        definition=words.definition,
        row=row.row,
        because=reasons.sentence(reasons.ROWS, row.row),
        next=words.next,
        acts=words.acts if change is None else change.action_by,
        action_required=words.required if change is None else change.action_required,
        conditions=tuple(conditions),
        lines=lines,
        parcels=parcels,
        events=() if facts is None else _events(facts, found.path),
        change=None if change is None else _change(change),
        unpublished=change is not None and change.state not in {None, row.state},
    )


def _change(change: Change) -> ChangeStory:
    word = change.reason or change.marked
    table = reasons.CORRECTIONS if change.correction or change.marked else reasons.CHANGES
    said = None if word is None else reasons.sentence(table, word)
    return ChangeStory(**{name: getattr(change, name) for name in Change.model_fields}, sentence=said)


def _parcels(
    folded: Iterable[tuple[ParcelPosition, ShipmentState]], path: Path, zone: str | None, *, most: int | None
) -> tuple[ParcelStory, ...]:
    return tuple(
        parcel_story(subject_of(position, state), state, path=path, zone=zone, most=most) for position, state in folded
    )


def _lines(facts: OrderFacts, lines: Mapping[str, Mapping[Bucket, int]]) -> tuple[LineStory, ...]:
    return tuple(
        LineStory(line=line.line, name=line.name, ordered=line.quantity, where=_where(lines[line.line]))
        for line in facts.lines or ()
    )


def _where(counts: Mapping[Bucket, int]) -> str:
    return ", ".join(f"{counts[bucket]} {words}" for bucket, words in _BUCKETS.items() if counts.get(bucket))


def _events(facts: OrderFacts, path: Path) -> tuple[EventStory, ...]:
    aside = {(one.stored.source, one.stored.id): because(one.stored.key, one.rule, one.reason)
             for one in set_aside_of(facts)}  # fmt: skip
    return tuple(_event(stored, aside.get((stored.source, stored.id)), path, facts.zone) for stored in facts.ordered)


def _event(stored: StoredEvent, aside: Because | None, path: Path, zone: str | None) -> EventStory:
    event = stored.event
    by = None if event.by is None else f"{event.by.kind} {event.by.name or ''}".rstrip()
    return EventStory(
        event=stored.key,
        type=event.type,
        at=when(event.occurred_at, zone),
        about=about(event),
        by=by,
        reason=event.reason,
        says=reasons.sentence(reasons.EVENTS, event.type),
        set_aside=aside,
        repeated=path.events.get((stored.source, stored.id), 0),
    )


def about(event: OrderEvent) -> str | None:
    """Return what an event speaks of: a shipment, lines, another order, a rule of time."""
    for name in ("shipment", "replacement", "rule"):
        named: str | None = getattr(event, name, None)
        if named is not None:
            return named
    lines = getattr(event, "lines", ())
    return ", ".join(f"{entry.quantity} of line {entry.line}" for entry in lines) or None
