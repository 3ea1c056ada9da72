"""Which row of the table of words a parcel of the page reads, and what else is said of it in whole sentences. Pure.

The texts themselves stand in `schemas/words`.
"""

from dataclasses import dataclass
from typing import Final

from schemas.order_status import Parcel
from schemas.scans import Scan
from schemas.vocabulary import Condition, Leg, Stage, TimeKind
from schemas.words import (
    CONDITION_WORDS,
    NO_NUMBER_YET,
    NO_SCAN_YET,
    OVERRULED,
    PARCEL_WORDS,
    SHIPPED_WITHOUT_SCAN,
    Words,
    parcel_words,
)
from services.status.parcel_document import is_clamped
from services.status.web import phrases

ENDS: Final = frozenset({Stage.DELIVERED, Stage.CANCELLED, Stage.RETURNED, Stage.LOST, Stage.DISPOSED})
_DOUBTS: Final = frozenset({Condition.CONTRADICTION})


@dataclass(frozen=True, slots=True)
class Notice:
    """A condition in words: what it is, and what follows from it."""

    title: str
    sentence: str


def pieces_text(parcel: Parcel) -> str | None:
    """Return how many of several pieces have arrived: `1 of 2 delivered`."""
    if parcel.pieces < 2:  # noqa: PLR2004 - one piece needs no count
        return None
    return f"{parcel.pieces_delivered} of {parcel.pieces} delivered" if parcel.pieces_delivered else str(parcel.pieces)


def words_of(parcel: Parcel) -> Words:
    """Return the row of the table of words for a parcel: by stage, leg, and whether the shop sent it off."""
    if parcel.stage == Stage.ANNOUNCED and parcel.leg == Leg.OUTBOUND and parcel.dispatched:
        return SHIPPED_WITHOUT_SCAN
    return stage_words(parcel.stage, parcel.leg, parcel.substatus)


def stage_words(stage: str, leg: str | None, substatus: str | None = None) -> Words:
    """Return the row for a stage on a leg; the stage itself where this version has no row for it."""
    known = stage in PARCEL_WORDS
    return parcel_words(Stage(stage), leg, substatus) if known else Words(phrases.readable(stage), "", "", "")


def notices(parcel: Parcel, *, is_open: bool) -> tuple[Notice, ...]:
    """Return what is to be known beside the stage; at its end only what puts that end in doubt."""
    told = [Notice(OVERRULED.status, OVERRULED.sentence)] if parcel.override is not None else []
    names = [condition.name for condition in parcel.conditions if is_open or condition.name in _DOUBTS]
    return (*told, *(_notice(name) for name in names))


def _notice(name: str) -> Notice:
    words = CONDITION_WORDS.get(name)
    if words is None:
        return Notice(phrases.readable(name), "The carrier reported this.")
    return Notice(words.status, f"{words.sentence} {words.next}")


def nothing_yet(parcel: Parcel) -> str:
    """Return what stands in the place of a history that is empty."""
    if parcel.stage == Stage.CANCELLED:
        return PARCEL_WORDS[Stage.CANCELLED].sentence
    return NO_NUMBER_YET if parcel.number is None else f"{words_of(parcel).sentence} {NO_SCAN_YET}"


def time_note(scan: Scan) -> str | None:
    """Return why a scan does not stand at the carrier's own time: that lay in the future when we were told (R14)."""
    if not is_clamped(scan):
        return None
    unsure = scan.time_kind == TimeKind.UNKNOWN_ZONE
    why = "The carrier told a time without its zone" if unsure else "The carrier's clock is ahead"
    return f"{why}: this is when it was reported to us."
