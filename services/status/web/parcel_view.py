"""What the tracking page says of one parcel: where it is, who carries it, what is in it, and its history. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from babel import Locale

from schemas.order_events import Window
from schemas.order_status import LineState, Parcel
from schemas.scans import Place
from schemas.vocabulary import Milestone, ScanKind, Stage, TimePrecision
from services.status.machine import Verdict
from services.status.web import phrases
from services.status.web.moments import Clock, Moment
from services.status.web.parcel_words import (
    ENDS,
    Notice,
    nothing_yet,
    notices,
    pieces_text,
    stage_words,
    time_note,
    words_of,
)

#: So many entries are open on the page; the rest of `MOST_ENTRIES` unfolds, and what is older is left out and said so.
OPEN_ENTRIES: Final = 20
MOST_ENTRIES: Final = 200

_SHOWN_KINDS: Final = frozenset({ScanKind.SCAN, ScanKind.SUMMARY})


@dataclass(frozen=True, slots=True)
class Expected:
    """An awaited time in words: `Expected`, `Today, Tuesday 24 November, by 14:00 London time`."""

    label: str
    text: str
    earlier: str | None = None
    """What was expected before."""


@dataclass(frozen=True, slots=True)
class Content:
    """So many of an article."""

    quantity: int
    name: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One of several pieces under one number, and where it is."""

    name: str
    status: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history."""

    title: str
    moment: Moment
    text: str | None = None
    """The carrier's own words, where they say more."""
    place: str | None = None
    moved: bool = True
    """Whether it brought the parcel on."""
    note: str | None = None
    """Why its time is not the carrier's own."""


@dataclass(frozen=True, slots=True)
class ParcelView:
    """One parcel on the page."""

    heading: str
    is_open: bool
    """It has not come to its end."""
    status: str
    sentence: str
    """What that means and what happens next: for one parcel of several."""
    mood: str
    """`done`, `moving`, `waiting`, `trouble` or `off`: a colour beside the word, never instead of it."""
    details: tuple[str, ...]
    carrier: str
    service: str | None
    number: str | None
    page: str | None
    contents: tuple[Content, ...]
    pieces: str | None
    """How many of several pieces have arrived."""
    named_pieces: tuple[Piece, ...]
    notices: tuple[Notice, ...]
    expected: Expected | None
    last_news: str | None
    entries: tuple[Entry, ...]
    more_entries: tuple[Entry, ...]
    left_out: int
    nothing_yet: str | None


def parcel_view(
    parcel: Parcel, verdicts: Sequence[Verdict], *, heading: str, lines: Mapping[str, LineState], clock: Clock
) -> ParcelView:
    """Return one parcel in words."""
    entries = [_entry(verdict, clock) for verdict in reversed(verdicts) if _is_shown(verdict)]
    is_open = parcel.stage not in ENDS
    words = words_of(parcel)
    return ParcelView(
        heading=heading,
        is_open=is_open,
        status=words.status,
        sentence=f"{words.sentence} {words.next}".strip(),
        mood=_mood(parcel),
        details=_details(parcel, verdicts, clock),
        carrier=parcel.carrier_name,
        service=parcel.service,
        number=parcel.number,
        page=parcel.tracking_page,
        contents=tuple(Content(entry.quantity, line_name(lines.get(entry.line))) for entry in parcel.lines),
        pieces=pieces_text(parcel),
        named_pieces=tuple(
            Piece(one.piece, stage_words(one.stage, one.leg, one.substatus).status)
            for one in parcel.piece_states
            if parcel.pieces > 1
        ),
        notices=notices(parcel, is_open=is_open),
        expected=expected(parcel, verdicts, clock) if is_open else None,
        last_news=_last_news(parcel, clock) if is_open else None,
        entries=tuple(entries[:OPEN_ENTRIES]),
        more_entries=tuple(entries[OPEN_ENTRIES:MOST_ENTRIES]),
        left_out=max(0, len(entries) - MOST_ENTRIES),
        nothing_yet=None if entries else nothing_yet(parcel),
    )


def expected(parcel: Parcel, verdicts: Iterable[Verdict], clock: Clock) -> Expected | None:
    """Return what the carrier expects, and what it expected before."""
    if parcel.window is None:
        return None
    told = [verdict.scan.window for verdict in verdicts if verdict.scan.kind == ScanKind.ESTIMATE]
    texts = [clock.window(window) for window in told if window is not None]
    text = clock.window(parcel.window)
    earlier = next((was for was in reversed(texts) if was != text), None)
    return Expected(awaited("Expected", parcel.window, clock), text, earlier)


def awaited(label: str, window: Window, clock: Clock) -> str:
    """Return a label, in the past once its time is over."""
    return f"Was {label[0].lower()}{label[1:]}" if clock.is_over(window) else label


def line_name(line: LineState | None) -> str:
    """Return what an article is called."""
    return (line.name or line.sku if line is not None else None) or "article"


def _mood(parcel: Parcel) -> str:
    if parcel.stage == Stage.DELIVERED:
        return "done"
    if parcel.stage in {Stage.CANCELLED, Stage.RETURNED, Stage.DISPOSED}:
        return "off"
    if parcel.conditions or parcel.stage in {Stage.LOST, Stage.ATTEMPTED}:
        return "trouble"
    return "waiting" if parcel.stage in {Stage.ANNOUNCED, Stage.NOT_FOUND} and not parcel.dispatched else "moving"


def _details(parcel: Parcel, verdicts: Sequence[Verdict], clock: Clock) -> tuple[str, ...]:
    """Return where it waits, or when and how it was handed over."""
    if parcel.stage == Stage.AVAILABLE_FOR_PICKUP:
        last = next((v.scan for v in reversed(verdicts) if v.scan.stage == Stage.AVAILABLE_FOR_PICKUP), None)
        where = _place(last.place, clock.locale) if last is not None else None
        return () if where is None else (f"It waits for you at: {where}",)
    if parcel.stage != Stage.DELIVERED:
        return ()
    handed = phrases.HANDED_OVER.get((parcel.substatus or "").rsplit(".", 1)[-1])
    proofs = [phrases.PROOFS.get(proof, phrases.readable(proof).lower()) for proof in parcel.pod]
    moment = _delivered_at(parcel, verdicts, clock)
    found = (
        moment.text if moment is not None else None,
        handed,
        f"The carrier keeps {' and '.join(proofs)}" if proofs else None,
    )
    return tuple(text for text in found if text is not None)


def _delivered_at(parcel: Parcel, verdicts: Sequence[Verdict], clock: Clock) -> Moment | None:
    """Return when it was delivered: the last time, where an earlier delivery was taken back (R4)."""
    reached = next((one for one in reversed(parcel.milestones) if one.name == Milestone.DELIVERED), None)
    if reached is None:
        return None
    scan = next((verdict.scan for verdict in verdicts if verdict.scan.event_key == reached.event_key), None)
    return clock.of_text(reached.at) if scan is None else clock.of_scan(scan)


def _last_news(parcel: Parcel, clock: Clock) -> str | None:
    """Return how long ago the last scan was; its day where the carrier told no more."""
    if parcel.last_scan is None:
        return None
    at = datetime.fromisoformat(parcel.last_scan.at)
    return clock.short_day(at.date()) if parcel.last_scan.time_precision == TimePrecision.DAY else clock.ago(at)


def _is_shown(verdict: Verdict) -> bool:
    """Leave out what is no scan, and a provider's summary that only repeats its scans."""
    kind = verdict.scan.kind
    return kind in _SHOWN_KINDS and (kind == ScanKind.SCAN or verdict.moved)


def _entry(verdict: Verdict, clock: Clock) -> Entry:
    scan = verdict.scan
    title = scan.description or "Update from the carrier"
    if scan.stage is not None:
        title = stage_words(scan.stage, scan.leg, scan.substatus).status
    words = scan.description
    return Entry(
        title=title,
        moment=clock.of_scan(scan),
        text=words if words and _folded(words) != _folded(title) else None,
        place=_place(scan.place, clock.locale),
        moved=verdict.moved,
        note=time_note(scan),
    )


def _folded(text: str) -> str:
    return text.casefold().strip(" .")


def _place(place: Place | None, locale: Locale) -> str | None:
    """Return town, region and country; never the postcode: at the door it is the customer's."""
    if place is None:
        return None
    country = locale.territories.get(place.country.upper(), place.country) if place.country else None
    parts = [phrases.place_name(place.city) if place.city else None, place.region, country]
    return ", ".join(part for part in parts if part) or None
