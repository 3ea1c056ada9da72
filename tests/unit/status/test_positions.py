"""Positions: every stage and leg says where a parcel's units are, and what parcels without lines say together."""

import itertools

import pytest

from schemas.order_events import ReturnShipmentCreated
from schemas.vocabulary import Bucket, Leg, Stage
from services.status.order_facts import StoredEvent, gather
from services.status.positions import ENDS, SLOWEST_FIRST, ParcelPosition, shared_of
from services.status.units import buckets_of, order_state
from tests.builders import line
from tests.unit.status.making import told

LABELS = {Stage.NOT_FOUND, Stage.ANNOUNCED, Stage.CANCELLED}
FOUND_AT = {Stage.LOST: "lost", Stage.DISPOSED: "lost", Stage.RETURNED: "returned"}


def position(
    stage: Stage,
    *,
    leg: Leg = Leg.OUTBOUND,
    shipped: bool = True,
    arrived: bool = False,
    created: StoredEvent | None = None,
) -> ParcelPosition:
    created = created or told("shipment_created")
    (parcel,) = gather([created]).parcels.values()
    return ParcelPosition(parcel, stage, shipped=shipped, scanned=shipped, leg=leg, arrived=arrived)


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_on_the_way_out_has_a_bucket(stage: Stage) -> None:
    expected = {**FOUND_AT, Stage.DELIVERED: "delivered"}
    assert position(stage).bucket == expected.get(stage, "shipped")
    assert position(stage, shipped=False).bucket == expected.get(stage)


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_on_the_way_back_has_a_bucket_and_none_is_delivered(stage: Stage) -> None:
    expected = {**FOUND_AT, Stage.DELIVERED: "returned", **dict.fromkeys(LABELS, "shipped")}
    assert position(stage, leg=Leg.RETURN).bucket == expected.get(stage, "returning")
    assert position(stage, created=told("return_shipment_created")).bucket == {
        **expected, **dict.fromkeys(LABELS, None),
    }.get(stage, "returning")  # fmt: skip


@pytest.mark.parametrize("stage", [Stage.ANNOUNCED, Stage.NOT_FOUND])
def test_a_label_for_the_way_back_leaves_delivered_units_delivered(stage: Stage) -> None:
    assert position(stage, leg=Leg.RETURN, arrived=True).bucket is Bucket.DELIVERED
    assert position(stage, leg=Leg.RETURN, shipped=False).bucket is None


@pytest.mark.parametrize("stage", list(Stage))
def test_a_parcel_is_open_until_its_end_or_its_label_is_cancelled(stage: Stage) -> None:
    ended = position(stage).bucket in ENDS
    assert position(stage).open == (not ended and stage is not Stage.CANCELLED)


def test_every_stage_has_its_place_from_slowest_to_delivered() -> None:
    assert set(Stage) <= set(SLOWEST_FIRST)


@pytest.mark.parametrize(
    ("slow", "fast"), list(itertools.combinations([s for s in SLOWEST_FIRST if s in set(Stage)][:-1], 2))
)
def test_units_nobody_names_stand_with_the_slowest_parcel(slow: Stage, fast: Stage) -> None:
    two = [position(Stage(fast)), position(Stage(slow))]
    assert shared_of(two).bucket == position(Stage(slow)).bucket


def test_what_comes_back_is_slower_than_an_end_and_faster_than_what_still_goes_out() -> None:
    back = position(Stage.IN_TRANSIT, leg=Leg.RETURN)
    assert shared_of([back, position(Stage.AVAILABLE_FOR_PICKUP)]).bucket is Bucket.SHIPPED
    assert shared_of([back, position(Stage.LOST)]).bucket is Bucket.RETURNING


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ((Stage.LOST, Stage.DELIVERED), "closed_short"),
        ((Stage.LOST, Stage.RETURNED), "closed_short"),
        ((Stage.DISPOSED, Stage.DELIVERED), "closed_short"),
        ((Stage.RETURNED, Stage.DELIVERED), "partially_returned"),
        ((Stage.LOST, Stage.DISPOSED), "lost"),
        ((Stage.RETURNED, Stage.RETURNED), "returned"),
        ((Stage.DELIVERED, Stage.DELIVERED), "delivered"),
    ],
)
def test_parcels_without_lines_that_end_differently_end_the_order_as_parts(ends: tuple[Stage, ...], state: str) -> None:
    facts, positions = gather([told()]), [position(stage) for stage in ends]
    assert order_state(facts, buckets_of(facts, positions), positions) == state


@pytest.mark.parametrize(("stage", "leg"), list(itertools.product(Stage, Leg)))
@pytest.mark.parametrize("kind", ["shipment_created", "return_shipment_created"])
def test_units_add_up_at_every_stage_of_every_parcel(stage: Stage, leg: Leg, kind: str) -> None:
    events = [told(lines=[line(3)]), told("collected", lines=[line(1)]), told("returned", lines=[line(1)])]
    facts = gather(events)
    for lines in ([], [line(2)], [line(9)]):
        one = position(stage, leg=leg, created=told(kind, lines=lines))
        assert isinstance(one.facts.created.event, ReturnShipmentCreated) == one.facts.is_return
        counts = buckets_of(facts, [one])["1"]
        assert sum(counts.values()) == 3
        assert min(counts.values()) > 0
        order_state(facts, {"1": counts}, [one])
