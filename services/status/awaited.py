"""What an order and its parcels wait for, and the records that say it did not come (rule E15). Pure.

The state of all parcels and the order is folded here once more, after a batch, to learn its expectations. A time that
was told already needs no timer: whether it counts is the fold's business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.envelope import ce_headers
from schemas.keys import split_order_key
from schemas.order_events import ORDER_EVENT, TimeReached
from schemas.scans import SCAN, Scan
from schemas.vocabulary import ScanKind, TimeKind
from services.status.expectations import Expectation, Rule, expectations, order_expectations
from services.status.inputs import ORDER_EVENTS, SCANS
from services.status.kept import Kept
from services.status.messages import SOURCE
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent
from services.status.order_times import open_since, outlook_of_order
from services.status.outlook import outlook_of
from services.status.parcel_fold import History, facts_of, fold_parcels, position_of, route_of, units_of
from services.status.pieces import parts_of
from services.status.replay import World
from services.status.shipment import ShipmentState

PROVIDER: Final = "trackfold"
TIME_REACHED: Final = "time_reached"


@dataclass(frozen=True, slots=True)
class Awaited:
    """An expectation and where its time event belongs: the subject's own topic and key."""

    expectation: Expectation
    topic: str
    key: str
    value: bytes

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


def look(
    order: str, events: Iterable[StoredEvent], histories: Mapping[str, History], *, kept: Kept | None = None
) -> list[Awaited]:
    """Return what an order awaits, from its events and the histories of all its parcels' keys."""
    held = list(events)
    kept = kept if kept is not None else Kept()
    facts = facts_of(order, held, kept)
    if facts.erased is not None:
        return []
    found: list[Awaited] = []
    parcels = fold_parcels(order, facts, histories, kept=kept)
    for parcel, state in parcels:
        found += _of_parcel(order, facts, parcel, state, histories=histories)
    outlook = outlook_of_order(facts, units_of(parcels), since=open_since(state for _, state in parcels))
    found += [of_order(order, one) for one in order_expectations(outlook)]
    told = {stored.id for stored in held if stored.source == SOURCE}
    return [one for one in found if one.topic == SCANS or one.expectation.identity not in told]


def _of_parcel(
    order: str, facts: OrderFacts, parcel: ParcelFacts, state: ShipmentState, *, histories: Mapping[str, History]
) -> list[Awaited]:
    """Return the time events of a parcel, each piece's own (R22), that are not among its scans yet.

    Where an override is the order's event, its end is one too.
    """
    route, found = route_of(facts, parcel), {}
    address = _address(parcel) if position_of(parcel, state).active else None
    told = {key for shipment in parcel.keys if shipment in histories for key, _ in histories[shipment].readings}
    for part in parts_of(state):
        by_order = part.override is not None and not part.override.by_scan
        for one in expectations(outlook_of(part, facts.zone, route)):
            if one.rule is Rule.OVERRIDE_EXPIRED and by_order:
                found[one.identity] = of_order(order, one)
            elif address is not None and one.identity not in told:
                found[one.identity] = _of_shipment(address, one)
    return list(found.values())


def of_order(order: str, expectation: Expectation) -> Awaited:
    """Return the time event of an order."""
    shop, number = split_order_key(order)
    event = TimeReached(
        type="time_reached",
        shop=shop,
        order=number,
        occurred_at=expectation.due_at,
        rule=expectation.rule,
        basis=expectation.basis,
        due_at=expectation.due_at,
        limit=expectation.limit,
    )
    return Awaited(expectation, ORDER_EVENTS, order, ORDER_EVENT.dump_json(event, exclude_defaults=True))


@dataclass(frozen=True, slots=True)
class _Address:
    """What a scan of a parcel must carry to be read with its others."""

    carrier: str
    number: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)


def _address(parcel: ParcelFacts) -> _Address | None:
    """Return the parcel's number, else a reference, else another carrier's number; None: nothing can be told of it."""
    if parcel.number is not None:
        return _Address(parcel.carrier, parcel.number)
    if parcel.references:
        return _Address(parcel.carrier, references=parcel.references)
    if not parcel.aliases:
        return None
    carrier, _, number = parcel.aliases[0].partition(":")
    return _Address(carrier, number)


def _of_shipment(address: _Address, expectation: Expectation) -> Awaited:
    """Return the time event of a parcel that has an address."""
    scan = Scan(
        kind=ScanKind.TIME,
        event_key=expectation.identity,
        provider=PROVIDER,
        carrier=address.carrier,
        number=address.number,
        references=dict(address.references),
        occurred_at=expectation.due_at,
        time_kind=TimeKind.UTC,
        rule=expectation.rule,
        basis=expectation.basis,
        due_at=expectation.due_at,
        limit=expectation.limit,
        told_at=expectation.due_at,
    )
    return Awaited(expectation, SCANS, scan.key, SCAN.dump_json(scan, exclude_defaults=True))


def first_dates(world: World) -> dict[str, datetime]:
    """Return, for each order that a batch changed, when it must be looked at first; no entry: it awaits nothing."""
    # A claim on what nobody scanned changes nothing for the others that claim it (`World._sharing`).
    changed = {row.shipment for row in world.rows if world.histories[row.shipment].readings}
    changed |= {shipment for shipment, _, _ in world.told_earlier}
    orders = {order for order, _ in world.new_events}
    orders |= {order for shipment in changed for order, _ in world.histories[shipment].claims}
    found = {
        order: look(order, world.events[order].values(), world.histories, kept=world.kept) for order in sorted(orders)
    }
    return {order: min(one.expectation.due_at for one in waiting) for order, waiting in found.items() if waiting}
