"""Units: each is in one bucket, the buckets of a line add up to what was ordered, the state follows from them."""

from typing import Any

from schemas.scans import Scan
from services.status.order_facts import StoredEvent
from tests.builders import after, line, make_scan
from tests.unit.status.making import Told, buckets, fold, told


def placed(*quantities: int, **overrides: Any) -> StoredEvent:
    return told(lines=[line(count, name=str(index)) for index, count in enumerate(quantities or (2,), 1)], **overrides)


def created(shipment: str = "S1", *, minutes: float = 10, **overrides: Any) -> StoredEvent:
    number = f"{shipment}00000000"
    return told("shipment_created", shipment=shipment, number=number, occurred_at=after(minutes=minutes), **overrides)


def scanned(stage: str, shipment: str = "S1", hours: float = 2) -> Scan:
    return make_scan(stage=stage, number=f"{shipment}00000000", occurred_at=after(hours=hours))


def event(kind: str, minutes: float = 20, **overrides: Any) -> StoredEvent:
    return told(kind, occurred_at=after(minutes=minutes), **overrides)


def state(*everything: Told) -> str:
    return str(fold(*everything)["state"])


def both(*everything: Told) -> tuple[str, dict[str, int]]:
    document = fold(*everything)
    return document["state"], buckets(document)


def test_a_placed_order_is_open_and_processing() -> None:
    assert both(placed()) == ("processing", {"open": 2})


def test_an_order_whose_payment_is_awaited_waits_until_it_is_confirmed() -> None:
    waiting = placed(payment_awaited=True)
    paid, refused = event("payment_confirmed", 5), event("payment_failed", 6)
    assert state(waiting) == "awaiting_payment"
    assert state(waiting, paid) == "processing"
    assert state(waiting, paid, refused) == "awaiting_payment"
    assert state(waiting, refused, event("payment_confirmed", 7)) == "processing"
    assert state(waiting, event("picking_started")) == "awaiting_payment"


def test_what_left_the_warehouse_is_shipped_even_if_nobody_paid() -> None:
    assert state(placed(payment_awaited=True), created(), scanned("in_transit")) == "in_transit"


def test_picking_and_packing_of_some_units_is_picking() -> None:
    assert both(placed(3), event("picking_started", lines=[line(2)])) == ("picking", {"picking": 2, "open": 1})
    assert both(placed(3), event("packed")) == ("picking", {"picking": 3})
    assert both(placed(3), event("picking_started", lines=[line(9)])) == ("picking", {"picking": 3})


def test_units_that_went_on_to_the_carrier_are_not_picked_any_more() -> None:
    document = both(
        placed(3), event("picking_started", lines=[line(2)]), created(lines=[line(2)]), scanned("in_transit")
    )
    assert document == ("partially_shipped", {"shipped": 2, "open": 1})


def test_a_label_alone_is_not_shipped() -> None:
    assert both(placed(), created()) == ("processing", {"open": 2})
    assert both(placed(), created(), scanned("announced")) == ("processing", {"open": 2})
    assert both(placed(), event("picking_started"), created()) == ("picking", {"picking": 2})


def test_dispatched_is_shipped_and_the_first_scan_makes_it_in_transit() -> None:
    sent = (placed(), created(), event("dispatched", shipment="S1"))
    assert both(*sent) == ("shipped", {"shipped": 2})
    assert both(*sent, scanned("accepted")) == ("in_transit", {"shipped": 2})


def test_dispatched_without_a_number_is_shipped() -> None:
    assert both(placed(), event("dispatched")) == ("shipped", {"shipped": 2})


def test_the_number_that_follows_a_dispatch_does_not_take_shipped_back() -> None:
    sent = (placed(2, 1), event("dispatched", 20))
    assert state(*sent, created(minutes=30)) == "shipped"
    assert state(*sent, created(minutes=30, lines=[line(2)])) == "shipped"
    assert state(*sent, created(minutes=30, lines=[line(2)]), created("S2", minutes=40)) == "shipped"


def test_a_dispatch_without_a_shipment_covers_what_was_created_by_then() -> None:
    document = fold(
        placed(1, 1), created(lines=[line(1)]), event("dispatched", 20),
        created("S2", minutes=30, lines=[line(1, name="2")]),
    )  # fmt: skip
    assert (buckets(document, "1"), buckets(document, "2")) == ({"shipped": 1}, {"open": 1})
    assert document["state"] == "partially_shipped"


def test_a_voided_label_is_not_what_a_later_dispatch_speaks_of() -> None:
    voided = (placed(), created(), event("shipment_voided", 15))
    assert both(*voided) == ("processing", {"open": 2})
    assert state(*voided, event("dispatched", 20), created("S2", minutes=30)) == "shipped"


def test_all_numbers_of_a_dispatch_voided_leave_its_units_open() -> None:
    assert both(placed(), event("dispatched", 20), created(minutes=30), event("shipment_voided", 40))[1] == {"open": 2}


def test_a_split_order_is_partly_shipped_and_partly_delivered() -> None:
    split = (placed(2, 1), created(lines=[line(2)]), created("S2", lines=[line(1, name="2")]))
    assert state(*split, scanned("in_transit")) == "partially_shipped"
    assert state(*split, scanned("in_transit"), scanned("in_transit", "S2")) == "in_transit"
    assert state(*split, scanned("out_for_delivery"), scanned("in_transit", "S2")) == "out_for_delivery"
    assert state(*split, scanned("delivered"), scanned("in_transit", "S2")) == "partially_delivered"
    assert state(*split, scanned("delivered")) == "partially_delivered"
    assert state(*split, scanned("delivered"), scanned("delivered", "S2")) == "delivered"


def test_the_units_of_one_line_in_two_parcels_are_counted_apart() -> None:
    split = (placed(3), created(lines=[line(1)]), created("S2", lines=[line(2)]))
    assert both(*split, scanned("delivered"), scanned("in_transit", "S2"))[1] == {"delivered": 1, "shipped": 2}


def test_parcels_without_lines_share_the_units_and_stand_where_the_slowest_stands() -> None:
    shared = (placed(4), created(), created("S2"))
    assert both(*shared, scanned("delivered"), scanned("in_transit", "S2")) == ("in_transit", {"shipped": 4})
    assert both(*shared, scanned("delivered"), scanned("delivered", "S2")) == ("delivered", {"delivered": 4})
    assert both(*shared, scanned("delivered"))[1] == {"open": 4}


def test_a_parcel_without_lines_carries_what_no_other_parcel_names() -> None:
    mixed = (placed(3), created(lines=[line(1)]), created("S2"))
    assert both(*mixed, scanned("delivered", "S2"))[1] == {"delivered": 2, "open": 1}


def test_a_label_that_was_never_used_does_not_hold_the_units_of_its_replacement() -> None:
    replaced = (placed(), created(lines=[line(2)]), created("S2", minutes=30, lines=[line(2)]))
    assert both(*replaced, scanned("in_transit", "S2")) == ("in_transit", {"shipped": 2})


def test_a_cancelled_label_carries_nothing() -> None:
    assert both(placed(), created(), scanned("cancelled"))[1] == {"open": 2}
    shared = (placed(), created(), created("S2"), scanned("cancelled"))
    assert both(*shared, scanned("delivered", "S2"))[1] == {"delivered": 2}


def test_a_voided_shipment_that_moves_after_all_is_shipped() -> None:
    voided = (placed(), created(), event("shipment_voided"))
    assert both(*voided) == ("processing", {"open": 2})
    assert both(*voided, scanned("in_transit")) == ("in_transit", {"shipped": 2})


def test_cancelled_units_stand_beside_the_state() -> None:
    part = (placed(3), event("cancelled", lines=[line(1)]))
    assert both(*part) == ("processing", {"cancelled": 1, "open": 2})
    assert both(*part, created(), scanned("delivered")) == ("delivered", {"cancelled": 1, "delivered": 2})
    assert both(*part, event("cancelled", 30, lines=[line(2)])) == ("cancelled", {"cancelled": 3})
    assert both(placed(3), event("cancelled")) == ("cancelled", {"cancelled": 3})


def test_what_was_shipped_or_delivered_cannot_be_cancelled_any_more() -> None:
    cancelled = event("cancelled", 300)
    assert both(placed(3), created(lines=[line(2)]), scanned("delivered"), cancelled) == (
        "delivered", {"delivered": 2, "cancelled": 1},
    )  # fmt: skip
    assert both(placed(3), created(), scanned("delivered"), cancelled) == ("delivered", {"delivered": 3})
    assert both(placed(3), event("dispatched"), cancelled) == ("shipped", {"shipped": 3})
    assert both(placed(3), event("collected"), cancelled) == ("collected", {"collected": 3})


def test_a_label_does_not_save_its_units_from_being_cancelled() -> None:
    assert both(placed(), created(lines=[line(2)]), event("cancelled")) == ("cancelled", {"cancelled": 2})


def test_click_and_collect_goes_from_picking_over_ready_to_collected() -> None:
    story: list[Told] = [placed(delivery_method="click_and_collect")]
    assert state(*story) == "processing"
    story.append(event("picking_started", 5))
    assert state(*story) == "picking"
    story.append(event("ready_to_collect", 10))
    assert both(*story) == ("ready_to_collect", {"ready": 2})
    story.append(event("collected", 20))
    assert both(*story) == ("collected", {"collected": 2})


def test_collected_without_lines_is_what_was_ready_by_then() -> None:
    first = (placed(1, 1), event("ready_to_collect", 10, lines=[line(1)]), event("collected", 20))
    document = fold(*first, event("ready_to_collect", 30, lines=[line(1, name="2")]))
    assert (buckets(document, "1"), buckets(document, "2")) == ({"collected": 1}, {"ready": 1})
    assert document["state"] == "partially_delivered"
    again = fold(*first, event("ready_to_collect", 30, lines=[line(1, name="2")]), event("collected", 40))
    assert again["state"] == "collected"


def test_some_collected_and_some_ready_of_one_line_add_up() -> None:
    ready = event("ready_to_collect", 10)
    assert both(placed(3), ready, event("collected", lines=[line(1)]))[1] == {"collected": 1, "ready": 2}
    named = event("ready_to_collect", 10, lines=[line(2)])
    assert both(placed(3), named, event("collected", lines=[line(1)]))[1] == {"collected": 1, "ready": 1, "open": 1}


def test_a_cancelled_unit_was_not_collected_with_the_others() -> None:
    part = event("cancelled", 5, lines=[line(1)])
    assert both(placed(3), part, event("ready_to_collect", 10), event("collected")) == (
        "collected", {"cancelled": 1, "collected": 2},
    )  # fmt: skip


def test_collected_at_the_store_and_delivered_at_home_is_delivered() -> None:
    mixed = (placed(1, 1), created(lines=[line(1)]), scanned("delivered"))
    assert state(*mixed, event("collected", lines=[line(1, name="2")])) == "delivered"


def test_a_parcel_that_waits_at_the_carriers_point_is_ready_to_collect() -> None:
    assert state(placed(), created(), scanned("available_for_pickup")) == "ready_to_collect"


def test_an_order_whose_placed_has_not_come_counts_one_unit_a_parcel() -> None:
    assert state(created()) == "processing"
    assert state(created(), scanned("in_transit")) == "in_transit"
    assert state(created(), created("S2"), scanned("in_transit")) == "partially_shipped"
    assert state(created(), created("S2"), scanned("delivered")) == "partially_delivered"
    assert state(created(), scanned("delivered")) == "delivered"
    assert fold(created(), scanned("delivered"))["lines"] == []


def test_quantities_of_lines_that_were_not_ordered_move_nothing() -> None:
    assert both(placed(), event("packed", lines=[line(5, name="9")]))[1] == {"open": 2}
    assert both(placed(), created(lines=[line(5, name="9")]), scanned("in_transit"))[1] == {"open": 2}


def test_a_parcel_that_names_more_than_was_ordered_carries_what_was_ordered() -> None:
    assert both(placed(), created(lines=[line(9)]), scanned("delivered")) == ("delivered", {"delivered": 2})
