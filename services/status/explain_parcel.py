"""The story of one parcel: where it is, by which record and rule, and what was made of every scan. Pure.

Called by `explain.py` for the parcels of an order, and for a number that no order claims. Nothing is decided here: the
machine's verdicts get their sentences (`reasons.py`), and facts of the path stand beside them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.carriers import carrier_name
from schemas.order_status import PieceState
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, ScanKind, Stage
from schemas.words import (
    CONDITION_WORDS,
    OVERRULED,
    PARCEL_WORDS,
    Words,
    parcel_words,
)
from services.status import parcel_document, reasons
from services.status.explain_answers import (
    Because,
    ConditionStory,
    CorrectionStory,
    OverrideStory,
    ParcelStory,
    ScanStory,
)
from services.status.explain_times import told, when, when_of_scan
from services.status.positions import ParcelPosition
from services.status.shipment import Correction, Episode, ShipmentState, Verdict


@dataclass(frozen=True, slots=True)
class Path:
    """How the history came here: facts of the path, which no state depends on."""

    first_n: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By shipment key and event key: the first ledger row of a scan."""
    readings: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many different readings there are of it."""
    repeats: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How often one of them was told again."""
    events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By source and id: how often an order event was told again."""

    def late(self, keys: Sequence[str], verdicts: Sequence[Verdict]) -> frozenset[str]:
        """Return the scans that came after one that stands later."""
        found: set[str] = set()
        least: dict[str, int] = {}
        for verdict in reversed(verdicts):
            event = verdict.scan.event_key
            for key in keys:
                n = self.first_n.get((key, event))
                if n is None:
                    continue
                if least.get(key, n) < n and verdict.scan.kind != ScanKind.TIME:
                    found.add(event)
                least[key] = min(n, least.get(key, n))
        return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose story it is: a parcel of an order, or a number alone."""

    shipment: str | None
    key: str | None
    keys: tuple[str, ...]
    carrier_name: str
    number: str | None
    stage: Stage
    leg: Leg
    words: Words
    set_by: Mapping[str, Any] | None
    voided_at: datetime | None = None
    is_return: bool = False
    pieces: int = 1
    pieces_delivered: int = 0


def subject_of(position: ParcelPosition, state: ShipmentState) -> Subject:
    """Return whose story a parcel of an order is."""
    parcel = position.facts
    return Subject(
        shipment=parcel.shipment,
        key=parcel.key,
        keys=parcel.keys,
        carrier_name=parcel_document.carrier_title(parcel),
        number=parcel.number,
        stage=position.stage,
        leg=position.leg,
        words=parcel_words(position.stage, position.leg, state.substatus, dispatched=parcel.dispatched is not None),
        set_by=parcel_document.set_by(position, state),
        voided_at=None if parcel.voided is None else parcel.voided.event.occurred_at,
        is_return=parcel.is_return,
        pieces=parcel.pieces,
        pieces_delivered=parcel_document.pieces_delivered(position, state),
    )


def subject_of_number(key: str, state: ShipmentState) -> Subject:
    """Return whose story a number is that no order claims: nobody told how many pieces there are."""
    carrier, _, number = key.partition(":")
    told_by = carrier if state.last is None or carrier != "ref" else state.last.carrier
    return Subject(
        shipment=None,
        key=key,
        keys=(key,),
        carrier_name=carrier_name(told_by),
        number=number,
        stage=state.stage,
        leg=state.leg,
        words=parcel_words(state.stage, state.leg, state.substatus),
        set_by=parcel_document.brought_by(state),
        pieces=max(len(state.pieces), 1),
        pieces_delivered=sum(piece.stage is Stage.DELIVERED for piece in state.pieces.values()),
    )


def parcel_story(
    subject: Subject, state: ShipmentState, *, path: Path, zone: str | None, most: int | None = None
) -> ParcelStory:
    """Return the story of a parcel with its newest `most` scans; `zone` is the order's."""
    newest = state.verdicts if most is None else state.verdicts[len(state.verdicts) - min(most, len(state.verdicts)) :]
    return ParcelStory(
        shipment=subject.shipment,
        key=subject.key,
        carrier_name=subject.carrier_name,
        number=subject.number,
        is_return=subject.is_return,
        stage=subject.stage,
        leg=subject.leg,
        substatus=state.substatus,
        status=subject.words.status,
        # What the stage means where scans tell it would be a lie where an agent does.
        definition=subject.words.definition if state.override is None else OVERRULED.definition,
        next=subject.words.next,
        acts=subject.words.acts,
        set_by=None if subject.set_by is None else because(**subject.set_by),
        since=_since(subject, state, zone),
        attempt_no=state.attempt_no,
        override=_override(state, zone),
        conditions=_conditions(state.episodes, zone),
        corrections=tuple(_correction(one, zone) for one in state.corrections),
        pieces=subject.pieces,
        pieces_delivered=subject.pieces_delivered,
        piece_states=tuple(_piece(name, piece) for name, piece in sorted(state.pieces.items())),
        scans=_scans(subject, state, newest, path=path, zone=zone),
        left_out=len(state.verdicts) - len(newest),
    )


def because(event: str, rule: str, why: str) -> Because:
    """Return a reason in words."""
    return Because(
        event=event,
        why=why,
        sentence=reasons.sentence(reasons.REASONS, why),
        rule=rule,
        rule_says=reasons.sentence(reasons.RULES, rule),
    )


def _since(subject: Subject, state: ShipmentState, zone: str | None) -> Any:
    why = None if subject.set_by is None else subject.set_by["why"]
    if why == parcel_document.LABEL_VOIDED and subject.voided_at is not None:
        return when(subject.voided_at, zone)
    if why == parcel_document.OVERRIDE and state.override is not None:
        return when(state.override.at, zone)
    return None if state.entered is None else when_of_scan(state.entered, zone)


def _override(state: ShipmentState, zone: str | None) -> OverrideStory | None:
    override, shown = state.override, parcel_document.override_document(state)
    if override is None or shown is None or state.beneath is None:
        return None
    return OverrideStory(
        **shown,
        stage=state.stage,
        stage_says=PARCEL_WORDS[state.stage].status,
        beneath_says=PARCEL_WORDS[state.beneath].status,
        author=override.author,
        reason=override.reason,
        since_text=when(override.at, zone).text,
        until_text=None if override.until is None else when(override.until, zone).text,
    )


def _conditions(episodes: Iterable[Episode], zone: str | None) -> tuple[ConditionStory, ...]:
    stories = [_condition(one, zone) for one in episodes]
    return tuple(sorted(stories, key=lambda story: story.cleared_at is not None))


def _condition(episode: Episode, zone: str | None) -> ConditionStory:
    words = CONDITION_WORDS.get(episode.name)
    return ConditionStory(
        name=episode.name,
        title=episode.name if words is None else words.status,
        sentence=reasons.sentence({}, episode.name) if words is None else words.definition,
        since=when(episode.since, zone),
        set_by=episode.source,
        reason=episode.reason,
        because=reasons.sentence(reasons.RAISED_BY, episode.reason),
        cause=episode.cause,
        cleared_at=None if episode.cleared_at is None else when(episode.cleared_at, zone),
        cleared_by=episode.cleared_by,
    )


def _correction(correction: Correction, zone: str | None) -> CorrectionStory:
    said = reasons.sentence(reasons.REASONS, correction.reason)
    return CorrectionStory(event=correction.key, at=when(correction.at, zone), why=correction.reason, sentence=said)


def _piece(name: str, piece: ShipmentState) -> PieceState:
    return PieceState(piece=name, stage=piece.stage, leg=piece.leg, substatus=piece.substatus)


def _scans(
    subject: Subject, state: ShipmentState, verdicts: Sequence[Verdict], *, path: Path, zone: str | None
) -> tuple[ScanStory, ...]:
    late = path.late(subject.keys, state.verdicts)
    aside = {verdict.scan.event_key for verdict in parcel_document.set_aside(state)}
    return tuple(
        ScanStory(
            **_told(verdict.scan, zone),
            moved=verdict.moved,
            set_aside=verdict.scan.event_key in aside,
            because=because(verdict.scan.event_key, verdict.rule, verdict.reason),
            left_at=verdict.stage,
            late=verdict.scan.event_key in late,
            repeated=_count(path.repeats, subject.keys, verdict.scan),
            readings=max(_count(path.readings, subject.keys, verdict.scan), 1),
        )
        for verdict in verdicts
    )


def _count(counts: Mapping[tuple[str, str], int], keys: Iterable[str], scan: Scan) -> int:
    return sum(counts.get((key, scan.event_key), 0) for key in keys)


def _told(scan: Scan, zone: str | None) -> dict[str, Any]:
    """Return what a scan says itself."""
    return {
        "event_key": scan.event_key,
        "kind": scan.kind,
        "at": when_of_scan(scan, zone),
        "told_at": told(scan),
        "as_written": scan.occurred_at_text,
        "clamped": parcel_document.is_clamped(scan),
        "code": scan.raw_code,
        "stage": scan.stage,
        "leg": scan.leg,
        "substatus": scan.substatus,
        "conditions_set": scan.conditions_set,
        "conditions_cleared": scan.conditions_cleared,
        "piece": scan.piece,
        "place": _place(scan.place),
        "description": scan.description,
        "provider": scan.provider,
        "carrier": scan.carrier,
    }


def _place(place: Place | None) -> str | None:
    """Return a place in words: the town and the country, never a postcode."""
    if place is None:
        return None
    return ", ".join(part for part in (place.city, place.region, place.country) if part) or None
