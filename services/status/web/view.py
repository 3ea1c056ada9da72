"""What the tracking page says of an order: sentences, days and lists for its template. Pure.

Nothing is decided about the order here (that is the machine's), and no contact, postcode or name gets in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.carriers import canonical_carrier, carrier_name
from schemas.order_events import ReadyToCollect, ShipmentCreated
from schemas.order_status import Collection, LineState, OrderStatus, SellerState
from schemas.vocabulary import OrderState, Stage
from schemas.words import BUCKET_WORDS, NO_PARCEL_YET, ORDER_CONDITION_WORDS, ORDER_WORDS, WHO_ACTS
from services.status.machine import Verdict
from services.status.order_facts import StoredEvent
from services.status.web import phrases
from services.status.web.moments import Clock, Moment
from services.status.web.parcel_view import Entry, Expected, ParcelView, awaited, expected, line_name, parcel_view
from services.status.web.steps import CLICK_AND_COLLECT, Step, steps

_NO_LONGER_AWAITED: Final = phrases.FINISHED | {OrderState.READY_TO_COLLECT}


@dataclass(frozen=True, slots=True)
class CollectionView:
    """Where the goods wait."""

    store: str
    until: Moment | None
    hours: str | None


@dataclass(frozen=True, slots=True)
class LineView:
    """One ordered article and where its units are."""

    name: str
    quantity: int
    where: str


@dataclass(frozen=True, slots=True)
class SellerView:
    """One seller's part of a marketplace order, and whom to ask about it."""

    name: str
    status: str
    next: str
    articles: tuple[str, ...]
    help: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingView:
    """All that the template may use."""

    order: str
    """The number that customers know."""
    headline: str
    sentence: str
    next: str
    acts: str | None
    """Who acts next, in words; None where nobody has to."""
    summary: str | None
    """How many of several parcels have arrived."""
    badges: tuple[str, ...]
    notes: tuple[str, ...]
    """What the badges mean, where no parcel says it."""
    expected: tuple[Expected, ...]
    steps: tuple[Step, ...]
    collection: CollectionView | None
    parcels: tuple[ParcelView, ...]
    no_parcels: str | None
    lines: tuple[LineView, ...]
    sellers: tuple[SellerView, ...]
    history: tuple[Entry, ...]
    live: bool
    """More is to come: the page asks again by itself."""
    as_of: Moment


def tracking_view(
    status: OrderStatus, events: Sequence[StoredEvent], histories: Mapping[str, Sequence[Verdict]], *, clock: Clock
) -> TrackingView:
    """Return the page of an order; `histories` holds the verdicts of its parcels by the shop's id."""
    lines = {line.line: line for line in status.lines}
    parcels = tuple(
        parcel_view(
            parcel,
            histories.get(parcel.shipment, ()),
            heading="Your parcel" if len(status.parcels) == 1 else f"Parcel {number} of {len(status.parcels)}",
            lines=lines,
            clock=clock,
        )
        for number, parcel in enumerate(status.parcels, 1)
    )
    return TrackingView(
        order=status.printed or status.order,
        headline=status.display.status,
        sentence=status.display.sentence,
        next=status.display.next,
        acts=WHO_ACTS.get(status.display.acts),
        summary=_summary(status),
        badges=tuple(_badge(name) for name in status.conditions),
        notes=_notes(status),
        expected=_expected(status, histories, clock),
        steps=steps(status, clock),
        collection=_collection(status.collection, clock),
        parcels=tuple(sorted(parcels, key=lambda parcel: not parcel.is_open)),
        no_parcels=None if parcels else _no_parcels(status),
        lines=tuple(_line(line) for line in status.lines),
        sellers=tuple(_seller(one, lines) for one in status.sellers),
        history=_history(events, clock),
        live=status.state not in phrases.FINISHED,
        as_of=clock.of(clock.now),
    )


def _summary(status: OrderStatus) -> str | None:
    sent = [parcel for parcel in status.parcels if parcel.stage != Stage.CANCELLED]
    if len(sent) < 2:  # noqa: PLR2004 - one parcel needs no count, but its pieces do
        counts = [(one.pieces_delivered, one.pieces) for one in sent if 0 < one.pieces_delivered < one.pieces]
        return next((f"{delivered} of {pieces} pieces delivered" for delivered, pieces in counts), None)
    delivered = sum(parcel.stage == Stage.DELIVERED for parcel in sent)
    delayed = sum(any(c.name == "delayed" for c in parcel.conditions) for parcel in sent)
    count = f"{delivered} of {len(sent)} parcels delivered" if delivered else f"{len(sent)} parcels"
    return f"{count}, {delayed} delayed" if delayed else count


def _badge(name: str) -> str:
    words = ORDER_CONDITION_WORDS.get(name)
    return phrases.readable(name) if words is None else words.status


def _notes(status: OrderStatus) -> tuple[str, ...]:
    """Return what the order's own conditions mean; those that parcels have are told by the parcels."""
    own = [ORDER_CONDITION_WORDS.get(name) for name in status.conditions if name not in status.condition_counts]
    return tuple(f"{words.sentence} {words.next}" for words in own if words is not None)


def _seller(part: SellerState, lines: Mapping[str, LineState]) -> SellerView:
    articles = tuple(line_name(lines.get(line)) for line in part.lines)
    following = ORDER_WORDS[OrderState(part.state)].next if part.state in ORDER_WORDS else ""
    return SellerView(part.seller or "The shop", part.status, following, articles, part.help)


def _expected(status: OrderStatus, histories: Mapping[str, Sequence[Verdict]], clock: Clock) -> tuple[Expected, ...]:
    """Return what the carrier of a single parcel expects, and what the shop promised."""
    if status.state in _NO_LONGER_AWAITED:
        return ()
    found: list[Expected | None] = []
    if len(status.parcels) == 1 and status.parcels[0].stage != Stage.CANCELLED:
        found.append(expected(status.parcels[0], histories.get(status.parcels[0].shipment, ()), clock))
    if status.promised is not None:
        ready = status.delivery_method == CLICK_AND_COLLECT
        label = "Promised to be ready" if ready else "Promised by the shop"
        found.append(Expected(awaited(label, status.promised, clock), clock.window(status.promised)))
    return tuple(one for one in found if one is not None and one.text)


def _collection(collection: Collection | None, clock: Clock) -> CollectionView | None:
    if collection is None:
        return None
    until = None if collection.until is None else clock.of_text(collection.until)
    return CollectionView(collection.store, until, collection.hours)


def _no_parcels(status: OrderStatus) -> str | None:
    if status.delivery_method == CLICK_AND_COLLECT or status.state in phrases.FINISHED:
        return None
    return None if status.state == OrderState.SHIPPED else NO_PARCEL_YET


def _line(line: LineState) -> LineView:
    order = [bucket for bucket in BUCKET_WORDS if line.buckets.get(bucket)]
    order += [bucket for bucket in line.buckets if bucket not in BUCKET_WORDS]
    words = {bucket: BUCKET_WORDS.get(bucket) or phrases.readable(bucket).lower() for bucket in order}
    if len(order) == 1:
        return LineView(line_name(line), line.ordered, words[order[0]])
    return LineView(line_name(line), line.ordered, ", ".join(f"{line.buckets[b]} {words[b]}" for b in order))


def _history(events: Iterable[StoredEvent], clock: Clock) -> tuple[Entry, ...]:
    """Return what the shop did, newest first; reasons and authors are the shop's own business."""
    shown = [stored for stored in events if stored.event.type in phrases.SHOP_EVENTS]
    return tuple(_shop_entry(stored, clock) for stored in reversed(shown))


def _shop_entry(stored: StoredEvent, clock: Clock) -> Entry:
    event = stored.event
    partly = event.type in phrases.PARTLY and bool(getattr(event, "lines", ()))
    title = (phrases.PARTLY if partly else phrases.SHOP_EVENTS)[event.type]
    text = None
    if isinstance(event, ReadyToCollect):
        text = event.store
    elif isinstance(event, ShipmentCreated):
        text = _carrier(event.carrier)
    return Entry(title, clock.of(event.occurred_at), text=text)


def _carrier(name: str) -> str | None:
    try:
        return carrier_name(canonical_carrier(name))
    except ValueError:
        return None
