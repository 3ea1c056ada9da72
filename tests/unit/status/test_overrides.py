"""An agent's word told with a shipment's scans (R17), and a place that proves who has it (R6)."""

from typing import Any

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Stage
from services.status.awaited import look
from services.status.inputs import ORDER_EVENTS, SCANS
from services.status.machine import fold
from tests.builders import KEY, after, line
from tests.unit.status.making import fold as fold_order
from tests.unit.status.making import histories_of, parcel, told
from tests.unit.status.parcels import at, in_any_order, reasons, staged

WORD = staged("delivered", 5, kind="override", event_key="override:1", by={"kind": "agent"}, reason="phoned")
ROUTE: dict[str, Any] = {"origin": {"country": "GB", "city": "Daventry"}}


def word(stage: str | None, hours: float, **said: Any) -> Scan:
    return staged(stage, hours, kind="override", by={"kind": "agent", "name": "Desk 3"}, **said)


def test_r17_an_agents_word_stands_over_the_scans_whatever_came_first() -> None:
    state = in_any_order(staged("in_transit", 1), WORD, staged(None, 6, conditions_set=["weather"]))
    assert (state.stage, state.beneath) == (Stage.DELIVERED, Stage.IN_TRANSIT)
    assert reasons(state) == ["moved", "override", "informational"]
    assert state.override is not None
    assert (state.override.author, state.override.reason, state.override.by_scan) == ("agent", "phoned", True)


def test_r17_a_later_physical_scan_ends_it_unless_it_is_pinned() -> None:
    later = staged("out_for_delivery", 9)
    assert in_any_order(staged("in_transit", 1), WORD, later).stage is Stage.OUT_FOR_DELIVERY
    pinned = word("delivered", 5, pinned=True)
    assert in_any_order(staged("in_transit", 1), pinned, later).stage is Stage.DELIVERED


def test_r17_a_word_without_a_stage_ends_the_one_before() -> None:
    state = in_any_order(staged("in_transit", 1), WORD, word(None, 6))
    assert (state.stage, state.override, reasons(state)[-1]) == (Stage.IN_TRANSIT, None, "override_ended")


def test_r17_a_word_stands_after_the_scans_of_its_instant() -> None:
    assert in_any_order(staged("out_for_delivery", 5), WORD).stage is Stage.DELIVERED


@pytest.mark.parametrize(
    ("said", "reason"), [({"stage": "teleported"}, "unknown_stage"), ({"leg": "up"}, "unknown_leg")]
)
def test_r12_a_word_of_an_unknown_stage_or_leg_moves_nothing(said: dict[str, str], reason: str) -> None:
    state = fold([staged("in_transit", 1), WORD.model_copy(update=said)])
    assert (state.stage, reasons(state)[-1]) == (Stage.IN_TRANSIT, reason)


def test_r17_a_word_that_was_withdrawn_is_none() -> None:
    assert in_any_order(staged("in_transit", 1), WORD, staged(None, 7, kind="void", voids=WORD.event_key)).stage is (
        Stage.IN_TRANSIT
    )


@pytest.mark.parametrize("topic", [SCANS, ORDER_EVENTS])
def test_r17_its_end_is_told_where_it_was_told(topic: str) -> None:
    until = after(days=2)
    events = [told(lines=[line(1)]), told("shipment_created")]
    scans = [staged("in_transit", 1)]
    if topic == SCANS:
        scans.append(word("attempted", 5, until=until))
    else:
        events.append(told("override_set", stage="attempted", until=until, occurred_at=after(hours=5)))
    waiting = [one for one in look(KEY, events, histories_of({KEY: events}, scans))
               if one.expectation.rule == "override_expired"]  # fmt: skip
    assert [(one.topic, one.expectation.due_at) for one in waiting] == [(topic, until)]


def delivered(place: str, **changed: Any) -> dict[str, object]:
    """Return where an order's parcel is after a delivery at a place; it goes from Daventry to Leeds."""
    placed = told(destination={"country": "GB", "city": "Leeds"}, **changed)
    scans = [staged("in_transit", 2, **at("Warrington")), staged("delivered", 20, **at(place))]
    one = parcel(fold_order(placed, told("shipment_created", **ROUTE), *scans))
    return {"stage": one["stage"], "leg": one["leg"]}


def test_r6_delivered_where_it_started_is_returned() -> None:
    assert delivered("Daventry") == {"stage": "returned", "leg": "return"}


def test_r6_a_place_on_the_way_or_at_the_destination_proves_nothing() -> None:
    assert delivered("Leeds") == delivered("York") == {"stage": "delivered", "leg": "outbound"}


def test_r6_a_store_chosen_for_collection_is_no_sender() -> None:
    chosen = {"country": "GB", "city": "Daventry"}
    assert delivered("Daventry", collect_at=chosen) == {"stage": "delivered", "leg": "outbound"}
