"""One parcel of an order: which scans the order may see of it, the fold of them, and where that puts its units. Pure.

Called by the order's fold, by the timers, and by whoever explains a parcel. Scans of other orders' boxes under the same
number are left out here (rule E3), and histories of several keys united (rule E4).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas.order_events import Destination, PackedQuantity
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, Milestone, ScanKind, Stage
from services.status.claims import Claim, scans_of
from services.status.expectations import Mark, basis_of
from services.status.folding import begin
from services.status.kept import Kept, KeptOrder, KeptParcel
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent, gather
from services.status.pieces import Telling, fold_pieces, names_of
from services.status.positions import ParcelPosition
from services.status.readings import merge
from services.status.shipment import Route, ShipmentState


@dataclass(slots=True)
class History:
    """What is known of one shipment key: the readings of its scans and the claims on it."""

    readings: dict[tuple[str, str], Scan] = field(default_factory=dict)
    """By event key and content hash."""
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    """By order key and shipment id; only claims that hold."""

    def scans(self) -> list[Scan]:
        """Return the scans, each merged from all its readings."""
        return merged(self.readings.items())


def merged(readings: Iterable[tuple[tuple[str, str], Scan]]) -> list[Scan]:
    """Return one scan per event key."""
    by_event: dict[str, list[Scan]] = {}
    for (event_key, _), scan in readings:
        by_event.setdefault(event_key, []).append(scan)
    return [merge(told) for told in by_event.values()]


def facts_of(key: str, events: Iterable[StoredEvent], kept: Kept) -> OrderFacts:
    """Return the facts of an order, gathered once while none of its events changes."""
    held = kept.orders.get(key)
    if held is None:
        held = kept.orders[key] = KeptOrder(gather(events))
    return held.facts


def fold_parcels(
    key: str, facts: OrderFacts, histories: Mapping[str, History], *, kept: Kept | None = None
) -> list[tuple[ParcelFacts, ShipmentState]]:
    """Fold all parcels of an order, in the order in which they were created."""
    held = None if kept is None else kept.orders.get(key)
    return [(parcel, fold_parcel(key, facts, parcel, histories, held=held)) for parcel in facts.parcels.values()]


def fold_parcel(
    key: str, facts: OrderFacts, parcel: ParcelFacts, histories: Mapping[str, History], *, held: KeptOrder | None = None
) -> ShipmentState:
    """Fold one parcel from the union of the histories of its keys (rule E4), each cut to this order's box."""
    known = None if held is None else held.parcels.get(parcel.shipment)
    if known is not None:
        return known.folding.state
    scans, whole = _visible(key, parcel, histories)
    route = route_of(facts, parcel)
    if names := names_of(scans):
        told = Telling(zone=facts.zone, route=route, overrides=tuple(parcel.overrides))
        return fold_pieces(scans, names, declared=parcel.pieces, told=told)
    folding = begin(scans, zone=facts.zone, route=route, overrides=parcel.overrides)
    # What comes next of a return would have to be turned round first, and of a number that others claim, or of which
    # another box was left out, asked for whose it is: all are few, and folded anew.
    if held is not None and whole and not parcel.is_return:
        held.parcels[parcel.shipment] = KeptParcel(folding)
    return folding.state


def _visible(key: str, parcel: ParcelFacts, histories: Mapping[str, History]) -> tuple[list[Scan], bool]:
    """Return the merged scans of a parcel's keys that this order may see, and whether they are all, and its alone."""
    readings: dict[tuple[str, str], Scan] = {}
    of_many: set[str] = set()
    whole = True
    of_each: list[list[Scan]] = []
    for shipment_key in parcel.keys:
        history = histories.get(shipment_key)
        if history is None or not history.readings:
            continue
        # The order's own claim always stands among the others: without it, all groups would be other orders' boxes.
        claims = {**history.claims, (key, parcel.shipment): Claim(parcel.start, key, parcel.shipment)}
        told = history.scans()
        visible = {scan.event_key for scan in scans_of(parcel.start, claims.values(), told)}
        whole = whole and len(claims) == 1 and len(visible) == len(told)
        readings |= {at: scan for at, scan in history.readings.items() if at[0] in visible}
        of_each.append(told)
        if len(claims) > 1:
            of_many |= visible
    # Most parcels have one key and all of its scans.
    told = of_each[0] if whole and len(of_each) == 1 else merged(readings.items())
    scans = _without_others_times(parcel, told, of_many)
    if parcel.is_return:
        # The shop knows which way it travels; carriers call such a parcel outbound, and its end "delivered" (R6).
        scans = [scan.model_copy(update={"leg": Leg.RETURN.value}) for scan in scans]
    return scans, whole


def _without_others_times(parcel: ParcelFacts, scans: Sequence[Scan], of_many: Collection[str]) -> list[Scan]:
    """Leave out, of numbers that several claim, what other orders' dispatches awaited: those are theirs (rule E3)."""
    if not of_many:
        return list(scans)
    told = [parcel.created, *([] if parcel.dispatched is None else [parcel.dispatched])]
    bases = {basis_of(key) for key in (*(scan.event_key for scan in scans), *(one.key for one in told))}
    return [one for one in scans if one.kind != ScanKind.TIME or one.basis in bases or one.event_key not in of_many]


def route_of(facts: OrderFacts, parcel: ParcelFacts) -> Route:
    """Return the way of a parcel, as far as the shop told: the way back ends where nobody told us."""
    if parcel.is_return:
        return Route()
    left = parcel.dispatched or parcel.created
    return Route(
        origin=_place(parcel.origin),
        destination=_place(facts.destination),
        store=_place(None if facts.placed is None else facts.placed.collect_at),
        handed_over=Mark(left.key, left.event.occurred_at),
    )


def _place(region: Destination | None) -> Place | None:
    if region is None:
        return None
    return Place(city=region.city, region=region.region, country=region.country, time_zone=region.time_zone)


def units_of(folded: Iterable[tuple[ParcelFacts, ShipmentState]]) -> list[ParcelPosition]:
    """Return where the units of all parcels are."""
    return [one for parcel, state in folded for one in unit_positions(parcel, state)]


def unit_positions(parcel: ParcelFacts, state: ShipmentState) -> list[ParcelPosition]:
    """Return where the units of a parcel are: those that name a piece with it, the others with the slowest (R22)."""
    if not state.pieces:
        return [position_of(parcel, state)]
    packed: dict[str, list[PackedQuantity]] = {}
    for line in parcel.lines:
        packed.setdefault(line.piece if line.piece in state.pieces else "", []).append(line)
    rest = packed.pop("", [])
    found = [
        position_of(replace(parcel, lines=tuple(lines)), state.pieces[piece]) for piece, lines in sorted(packed.items())
    ]
    if rest or not found:
        found.append(position_of(replace(parcel, lines=tuple(rest)), state))
    return found


def position_of(parcel: ParcelFacts, state: ShipmentState) -> ParcelPosition:
    """Return where a parcel is: a withdrawn label that nobody scanned carries nothing."""
    scanned = state.first_physical is not None
    voided = parcel.voided is not None and not scanned
    return ParcelPosition(
        facts=parcel,
        stage=Stage.CANCELLED if voided else state.stage,
        shipped=scanned or parcel.dispatched is not None,
        scanned=scanned,
        leg=Leg.RETURN if parcel.is_return else state.leg,
        arrived=any(reached.name is Milestone.DELIVERED for reached in state.milestones),
    )
