"""What an order and its parcels wait for, and the records that say it did not come (rule E15). Pure.

The state of all parcels and the order is folded here once more, after a batch, to learn its expectations. A time that
was told already needs no timer: whether it counts is the fold's business.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.envelope import ce_headers
from schemas.keys import split_order_key
from schemas.order_events import ORDER_EVENT, TimeReached
from schemas.scans import SCAN, Scan
from schemas.vocabulary import ScanKind, TimeKind
from services.status.drawn import Weight
from services.status.expectations import Expectation, Rule, expectations, order_expectations
from services.status.inputs import ORDER_EVENTS, SCANS
from services.status.kept import Kept, KeptOrder
from services.status.messages import SOURCE
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent
from services.status.order_times import open_since, outlook_of_order
from services.status.outlook import outlook_of
from services.status.parcel_fold import History, facts_of, fold_parcels, position_of, route_of, units_of
from services.status.pieces import parts_of
from services.status.replay import World
from services.status.shipment import Route, ShipmentState

PROVIDER: Final = "trackfold"
TIME_REACHED: Final = "time_reached"


@dataclass(frozen=True, slots=True)
class Address:
    """What a scan of a parcel must carry to be read with its others."""

    carrier: str
    number: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Awaited:
    """An expectation and whose it is. Its time event is made when it is asked for: most are never fired."""

    expectation: Expectation
    order: str
    address: Address | None = None
    """Of an expectation of a parcel; None: it is the order's own."""

    @property
    def topic(self) -> str:
        """The subject's own topic."""
        return ORDER_EVENTS if self.address is None else SCANS

    @property
    def key(self) -> str:
        """The subject's own key."""
        return self.order if self.address is None else self._scan(self.address).key

    @property
    def value(self) -> bytes:
        """The record."""
        if self.address is None:
            return ORDER_EVENT.dump_json(self._event(), exclude_defaults=True)
        return SCAN.dump_json(self._scan(self.address), exclude_defaults=True)

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The envelope; nothing in it is of the moment of firing, so that a repeat is the same bytes."""
        return ce_headers(
            self.topic,
            ScanKind.TIME if self.topic == SCANS else TIME_REACHED,
            event_id=self.expectation.identity,
            source=SOURCE,
            subject=self.key,
            time=self.expectation.due_at,
        )

    def _event(self) -> TimeReached:
        shop, number = split_order_key(self.order)
        expected = self.expectation
        return TimeReached(
            type="time_reached",
            shop=shop,
            order=number,
            occurred_at=expected.due_at,
            rule=expected.rule,
            basis=expected.basis,
            due_at=expected.due_at,
            limit=expected.limit,
        )

    def _scan(self, address: Address) -> Scan:
        expected = self.expectation
        return Scan(
            kind=ScanKind.TIME,
            event_key=expected.identity,
            provider=PROVIDER,
            carrier=address.carrier,
            number=address.number,
            references=dict(address.references),
            occurred_at=expected.due_at,
            time_kind=TimeKind.UTC,
            rule=expected.rule,
            basis=expected.basis,
            due_at=expected.due_at,
            limit=expected.limit,
            told_at=expected.due_at,
        )


def look(
    order: str, events: Iterable[StoredEvent], histories: Mapping[str, History], *, kept: Kept | None = None
) -> list[Awaited]:
    """Return what an order awaits, from its events and the histories of all its parcels' keys."""
    held = list(events)
    kept = kept if kept is not None else Kept()
    facts = facts_of(order, held, kept)
    if facts.erased is not None:
        return []
    parcels = fold_parcels(order, facts, histories, kept=kept)
    found = [one for told in parcels for one in _of_parcel(order, facts, *told, histories=histories)]
    return found + _of_order(order, facts, parcels)


def _of_order(order: str, facts: OrderFacts, parcels: Sequence[tuple[ParcelFacts, ShipmentState]]) -> list[Awaited]:
    """Return the time events of an order itself that are not among its events yet."""
    outlook = outlook_of_order(facts, units_of(parcels), since=_open_since(parcels))
    told = _told(facts)
    return [Awaited(one, order) for one in order_expectations(outlook) if one.identity not in told]


def _told(facts: OrderFacts) -> set[str]:
    return {stored.id for stored in facts.ordered if stored.source == SOURCE}


def _open_since(parcels: Iterable[tuple[ParcelFacts, ShipmentState]]) -> datetime | None:
    return open_since(state for _, state in parcels)


def _of_parcel(
    order: str, facts: OrderFacts, parcel: ParcelFacts, state: ShipmentState, *, histories: Mapping[str, History]
) -> list[Awaited]:
    """Return the time events of a parcel, each piece's own (R22), that are not among its scans yet.

    Where an override is the order's event, its end is one too.
    """
    route = route_of(facts, parcel)
    possible = _possible(order, facts, parcel, state, route=route)
    told = _told_of_parcel(parcel, histories)
    found = {one.expectation.identity: one for one in possible if not _is_told(one, facts, told)}
    return list(found.values())


def _possible(
    order: str, facts: OrderFacts, parcel: ParcelFacts, state: ShipmentState, *, route: Route
) -> Iterator[Awaited]:
    """Give the time events of a parcel, told or not."""
    address = _address(parcel) if position_of(parcel, state).active else None
    for part in parts_of(state):
        by_order = part.override is not None and not part.override.by_scan
        for one in expectations(outlook_of(part, facts.zone, route)):
            if one.rule is Rule.OVERRIDE_EXPIRED and by_order:
                yield Awaited(one, order)
            elif address is not None:
                yield Awaited(one, order, address)


def _told_of_parcel(parcel: ParcelFacts, histories: Mapping[str, History]) -> set[str]:
    return {key for shipment in parcel.keys if shipment in histories for key, _ in histories[shipment].readings}


def _is_told(one: Awaited, facts: OrderFacts, of_parcel: Collection[str]) -> bool:
    return one.expectation.identity in (of_parcel if one.address is not None else _told(facts))


def _address(parcel: ParcelFacts) -> Address | None:
    """Return the parcel's number, else a reference, else another carrier's number; None: nothing can be told of it."""
    if parcel.number is not None:
        return Address(parcel.carrier, parcel.number)
    if parcel.references:
        return Address(parcel.carrier, references=parcel.references)
    if not parcel.aliases:
        return None
    carrier, _, number = parcel.aliases[0].partition(":")
    return Address(carrier, number)


def first_dates(world: World, *, partly: Collection[str] = ()) -> dict[str, datetime | None]:
    """Return, for each order that a batch changed, when it must be looked at first; None: it awaits nothing.

    Of orders in `partly` only what this batch changed is asked: others have kept the timer for what they did to them.
    """
    # A claim on what nobody scanned changes nothing for the others that claim it (`World._sharing`).
    changed = {row.shipment for row in world.rows if world.histories[row.shipment].readings}
    changed |= {shipment for shipment, _, _ in world.told_earlier}
    orders = {order for order, _ in world.new_events}
    if world.erased:  # with its claims gone, others can see other scans of a number (rule E3)
        orders |= {one.order for one in world.published}
        partly = ()
    orders |= {order for shipment in changed for order, _ in world.histories[shipment].claims}
    return {order: first_date(order, world, changed if order in partly else None) for order in sorted(orders)}


def first_date(order: str, world: World, changed: Collection[str] | None = None) -> datetime | None:
    """Return what `look` would have first, asking again only where a scan was taken since.

    Of its parcels only those count that have a key in `changed`, where that is given.
    """
    facts = facts_of(order, world.events[order].values(), world.kept)
    if facts.erased is not None:
        return None
    held = world.kept.orders[order]
    parcels = fold_parcels(order, facts, world.histories, kept=world.kept)
    asked = [told for told in parcels if changed is None or not set(told[0].keys).isdisjoint(changed)]
    dates = [_first_of_parcel(order, *told, held=held, world=world) for told in asked]
    return _earliest((*dates, _first_of_order(order, parcels, held)))


def _first_of_parcel(
    order: str, parcel: ParcelFacts, state: ShipmentState, *, held: KeptOrder, world: World
) -> datetime | None:
    known = held.parcels.get(parcel.shipment)
    if known is not None and known.first_date is not None and known.first_date[0] == len(state.verdicts):
        return known.first_date[1]
    route = route_of(held.facts, parcel) if known is None else known.folding.run.told.route
    possible = sorted(_possible(order, held.facts, parcel, state, route=route), key=lambda one: one.expectation.due_at)
    told = _told_of_parcel(parcel, world.histories) if known is None else known.folding.seen
    # An identity is dear: asked for of the earliest only, and of the next where that was told.
    first = next((one.expectation.due_at for one in possible if not _is_told(one, held.facts, told)), None)
    if known is not None:
        known.first_date = len(state.verdicts), first
    return first


def _first_of_order(
    order: str, parcels: Sequence[tuple[ParcelFacts, ShipmentState]], held: KeptOrder
) -> datetime | None:
    weights, since = _weights(parcels, held), _open_since(parcels)
    known = held.first_date
    if known is not None and weights is not None and known[:2] == (weights, since):
        return known[2]
    first = _first(_of_order(order, held.facts, parcels))
    held.first_date = None if weights is None else (weights, since, first)
    return first


def _weights(parcels: Iterable[tuple[ParcelFacts, ShipmentState]], held: KeptOrder) -> Sequence[Weight] | None:
    """Return how the parcels weigh in the last document; None where it is not of all that they have seen."""
    for parcel, _ in parcels:
        known = held.parcels.get(parcel.shipment)
        if known is None or known.shows is None:
            return None
    return None if held.shown is None else held.shown.weights


def _first(awaited: Iterable[Awaited]) -> datetime | None:
    return _earliest(one.expectation.due_at for one in awaited)


def _earliest(dates: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in dates if at is not None), default=None)
