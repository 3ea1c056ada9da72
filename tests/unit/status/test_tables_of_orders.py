"""The tables of an order's rules, row by row: which units, parcels and problems make which state."""

from datetime import date
from typing import Any

import pytest

from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import Bucket, Condition, Leg, OrderState, Stage
from services.status.order_facts import OrderFacts, Promise, Quantities, StoredEvent, gather
from services.status.order_parts import collection, condition_counts, conditions
from services.status.positions import ParcelPosition, slowness
from services.status.returns import Back, bring_back
from services.status.units import order_state
from tests.builders import after, line, make_scan
from tests.unit.status.making import fold, told

OPEN, PICKING, READY, SHIPPED, DELIVERED, COLLECTED, RETURNING, RETURNED, LOST, CANCELLED = Bucket
EVERY_BUCKET = dict.fromkeys(Bucket, 1)


def counted(*buckets: Bucket) -> dict[str, dict[Bucket, int]]:
    return {"1": dict.fromkeys(buckets, 1)}


@pytest.mark.parametrize(
    ("buckets", "state"),
    [
        ((CANCELLED,), "cancelled"),
        ((COLLECTED,), "collected"),
        ((DELIVERED,), "delivered"),
        ((DELIVERED, COLLECTED), "delivered"),
        ((RETURNED,), "returned"),
        ((LOST,), "lost"),
        ((DELIVERED, RETURNED), "partially_returned"),
        ((COLLECTED, RETURNED), "partially_returned"),
        ((DELIVERED, LOST), "closed_short"),
        ((COLLECTED, LOST), "closed_short"),
        ((RETURNED, LOST), "closed_short"),
        ((RETURNING,), "returning"),
        ((RETURNING, DELIVERED), "returning"),
        ((RETURNING, COLLECTED), "returning"),
        ((RETURNING, RETURNED), "returning"),
        ((RETURNING, LOST), "returning"),
        ((DELIVERED, OPEN), "partially_delivered"),
        ((COLLECTED, OPEN), "partially_delivered"),
        ((DELIVERED, READY), "partially_delivered"),
        ((READY, RETURNING), "ready_to_collect"),
        ((READY, SHIPPED), "ready_to_collect"),
        ((RETURNING, OPEN), "returning"),
        ((RETURNING, SHIPPED), "returning"),
        ((SHIPPED,), "shipped"),
        ((SHIPPED, OPEN), "partially_shipped"),
        ((SHIPPED, PICKING), "partially_shipped"),
        ((PICKING,), "picking"),
        ((PICKING, OPEN), "picking"),
        ((OPEN,), "processing"),
    ],
)
def test_the_units_make_the_state(buckets: tuple[Bucket, ...], state: str) -> None:
    assert order_state(OrderFacts(), counted(*buckets), []) == state
    assert order_state(OrderFacts(), counted(*buckets, CANCELLED), []) == state


@pytest.mark.parametrize("bucket", [one for one in Bucket if one is not CANCELLED])
def test_a_hold_stops_what_is_still_in_the_house_and_only_that(bucket: Bucket) -> None:
    state = order_state(OrderFacts(hold=told("on_hold")), counted(bucket, SHIPPED), [])
    assert (state is OrderState.ON_HOLD) == (bucket in {OPEN, PICKING, READY})


@pytest.mark.parametrize("bucket", [one for one in Bucket if one is not CANCELLED])
def test_the_payment_is_awaited_while_everything_is_in_the_house(bucket: Bucket) -> None:
    state = order_state(OrderFacts(payment=told("payment_failed")), counted(bucket), [])
    assert (state is OrderState.AWAITING_PAYMENT) == (bucket in {OPEN, PICKING, READY})


@pytest.mark.parametrize(
    ("one", "other", "state"),
    [
        ("delivered", "out_for_delivery", "partially_delivered"),
        ("out_for_delivery", "available_for_pickup", "out_for_delivery"),
        ("available_for_pickup", "attempted", "ready_to_collect"),
        ("attempted", "on its way back", "attempted"),
        ("on its way back", "in_transit", "returning"),
        ("in_transit", "announced", "partially_shipped"),
        ("in_transit", "accepted", "in_transit"),
    ],
)
def test_of_two_parcels_the_one_that_is_told_of_first_makes_the_state(one: str, other: str, state: str) -> None:
    events = [told(lines=[line(1), line(1, name="2")])]
    for name, shipment in (("1", "S1"), ("2", "S2")):
        events.append(created(shipment, lines=[line(1, name=name)]))
    assert fold(*events, scanned(one, "S1"), scanned(other, "S2"))["state"] == state
    assert fold(*events, scanned(other, "S1"), scanned(one, "S2"))["state"] == state


def created(shipment: str, **overrides: Any) -> StoredEvent:
    number = f"{shipment}00000000"
    return told("shipment_created", shipment=shipment, number=number, occurred_at=after(minutes=10), **overrides)


def scanned(stage: str, shipment: str) -> Scan:
    back = stage == "on its way back"
    number, leg = f"{shipment}00000000", "return" if back else "outbound"
    return make_scan(stage="in_transit" if back else stage, leg=leg, number=number, occurred_at=after(hours=2))


@pytest.mark.parametrize("name", list(Condition))
def test_what_needs_attention_is_an_exception_of_the_order(name: Condition) -> None:
    document = fold(told(), created("S1"), scanned("in_transit", "S1"), troubled(name))
    exceptions = {
        "damaged", "refused", "address_problem", "documents_missing", "payment_due", "customs_hold", "held",
        "contradiction", "action_required",
    }  # fmt: skip
    expected = {"exception": 1} if name in exceptions else {"delayed": 1} if name == "delayed" else {}
    assert document["condition_counts"] == expected
    assert document["conditions"] == list(expected)


def troubled(*names: str) -> Scan:
    return make_scan(stage=None, number="S100000000", occurred_at=after(hours=3), conditions_set=list(names))


def test_the_conditions_of_an_order_stand_in_one_order() -> None:
    document = fold(
        told(lines=[line(2), line(1, name="2"), line(1, name="3")]),
        created("S1", lines=[line(1)]),
        created("S3", lines=[line(1, name="3")]),
        scanned("in_transit", "S1"),
        troubled("delayed", "damaged"),
        scanned("delivered", "S3"),
        told("backordered", lines=[line(1, name="2")]),
        told("return_requested", lines=[line(1, name="3")]),
    )
    assert document["conditions"] == ["delayed", "exception", "backordered", "return_requested"]
    assert list(document["condition_counts"]) == ["delayed", "exception"]
    assert condition_counts([]) == {}


def reached(rule: str, since: StoredEvent) -> StoredEvent:
    return told("time_reached", rule=rule, basis=since.key)


@pytest.mark.parametrize("bucket", list(Bucket))
def test_a_missed_promise_counts_while_something_is_to_come(bucket: Bucket) -> None:
    placed = told()
    promise = Promise(placed, Window(day=date(2026, 11, 21)))
    facts = OrderFacts(promises=[promise], times=[reached("promise_missed", placed)])
    late = conditions(facts, counted(bucket), []) == ["delayed"]
    assert late == (bucket in {OPEN, PICKING, READY, SHIPPED, RETURNING})


@pytest.mark.parametrize("bucket", [one for one in Bucket if one is not CANCELLED])
def test_never_dispatched_counts_while_nothing_is_ready_or_gone(bucket: Bucket) -> None:
    facts = gather([placed := told()])
    facts.times = [reached("never_dispatched", placed)]
    assert (conditions(facts, counted(bucket), []) == ["delayed"]) == (bucket in {OPEN, PICKING})


@pytest.mark.parametrize("bucket", list(Bucket))
def test_a_requested_return_shows_on_what_the_customer_has(bucket: Bucket) -> None:
    facts = gather([told("return_requested")])
    asked = conditions(facts, counted(bucket), []) == ["return_requested"]
    assert asked == (bucket in {DELIVERED, COLLECTED})


@pytest.mark.parametrize("bucket", list(Bucket))
def test_the_store_is_named_while_something_waits_there(bucket: Bucket) -> None:
    found = collection(gather([told("ready_to_collect")]), counted(bucket))
    assert (found is not None) == (bucket is READY)


def position(stage: Stage, *, leg: Leg = Leg.OUTBOUND, **facts: Any) -> ParcelPosition:
    parcel = gather([told("return_shipment_created" if facts.pop("is_return", False) else "shipment_created")]).parcels
    return ParcelPosition(next(iter(parcel.values())), stage, **{"shipped": True, "scanned": True, **facts}, leg=leg)


def test_the_slowest_parcel_speaks_for_units_that_name_none() -> None:
    back = position(Stage.IN_TRANSIT, leg=Leg.RETURN)
    slowest_first = [
        position(Stage.NOT_FOUND), position(Stage.ANNOUNCED), position(Stage.ACCEPTED), position(Stage.IN_TRANSIT),
        position(Stage.OUT_FOR_DELIVERY), position(Stage.ATTEMPTED), position(Stage.AVAILABLE_FOR_PICKUP), back,
        position(Stage.LOST), position(Stage.DISPOSED), position(Stage.RETURNED), position(Stage.DELIVERED),
        position(Stage.CANCELLED),
    ]  # fmt: skip
    ranks = [slowness(one) for one in slowest_first]
    assert ranks == sorted(set(ranks))
    assert slowness(position(Stage.ANNOUNCED, shipped=False)) < ranks[0]


@pytest.mark.parametrize(
    ("stage", "outbound", "back"),
    [
        (Stage.NOT_FOUND, SHIPPED, None),
        (Stage.ANNOUNCED, SHIPPED, None),
        (Stage.CANCELLED, SHIPPED, None),
        (Stage.ACCEPTED, SHIPPED, RETURNING),
        (Stage.IN_TRANSIT, SHIPPED, RETURNING),
        (Stage.OUT_FOR_DELIVERY, SHIPPED, RETURNING),
        (Stage.ATTEMPTED, SHIPPED, RETURNING),
        (Stage.AVAILABLE_FOR_PICKUP, SHIPPED, RETURNING),
        (Stage.DELIVERED, DELIVERED, RETURNED),
        (Stage.RETURNED, RETURNED, RETURNED),
        (Stage.LOST, LOST, LOST),
        (Stage.DISPOSED, LOST, LOST),
    ],
)
def test_each_stage_puts_its_units_somewhere(stage: Stage, outbound: Bucket, back: Bucket | None) -> None:
    assert position(stage).bucket is outbound
    assert position(stage, is_return=True).bucket is back
    assert position(stage).open == (outbound is SHIPPED and stage is not Stage.CANCELLED)


def brought_back(back: Back, said: Quantities, *buckets: Bucket) -> list[Bucket]:
    """Return which of these units are still where they were."""
    counts = dict.fromkeys(buckets, 1)
    bring_back(counts, said, back, line="1")
    return [one for one in buckets if counts.get(one) and one is not RETURNED]


@pytest.mark.parametrize(
    ("units", "left"),
    [(1, [COLLECTED, SHIPPED, LOST]), (2, [SHIPPED, LOST]), (3, [LOST]), (4, [LOST])],
)
def test_a_return_parcel_takes_what_arrived_first(units: int, left: list[Bucket]) -> None:
    back = Back(named={"1": {RETURNED: units}})
    assert brought_back(back, Quantities(), DELIVERED, COLLECTED, SHIPPED, LOST) == left


def test_return_parcels_without_lines_bring_all_that_arrived() -> None:
    assert brought_back(Back(rest=RETURNED), Quantities(), DELIVERED, COLLECTED, SHIPPED) == [SHIPPED]


@pytest.mark.parametrize("units", range(6))
def test_the_shop_receives_first_what_was_coming_back(units: int) -> None:
    first_to_last = (RETURNING, DELIVERED, COLLECTED, SHIPPED, LOST)
    said = Quantities(per_line={"1": units})
    assert brought_back(Back(), said, *first_to_last) == list(first_to_last[units:])


@pytest.mark.parametrize("arrived", [RETURNING, DELIVERED, COLLECTED, RETURNED])
def test_everything_returned_is_what_arrived_and_not_what_is_still_on_its_way(arrived: Bucket) -> None:
    said = Quantities(everything=told("returned"))
    assert brought_back(Back(), said, arrived, SHIPPED) == [SHIPPED]
    assert brought_back(Back(), said, SHIPPED) == []
