"""Order events beside the main way: holds, promises, edits, the store's shelf, returns, overrides, erasure."""

import itertools
from typing import Any

import pytest

from schemas.order_events import EVENT_TYPES
from schemas.scans import Scan
from schemas.vocabulary import OrderState
from services.status.order_facts import StoredEvent
from tests.builders import after, line, make_scan
from tests.unit.status.making import Told, buckets, fold, milestones, parcel, read_back, told

BACK = "RT123456785GB"


def event(kind: str, minutes: float = 20, **overrides: Any) -> StoredEvent:
    return told(kind, occurred_at=after(minutes=minutes), **overrides)


def created(shipment: str = "S1", *, minutes: float = 10, **overrides: Any) -> StoredEvent:
    return event("shipment_created", minutes, shipment=shipment, **overrides)


def scanned(stage: str, hours: float = 2, **overrides: Any) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), **overrides)


def both(*everything: Told) -> tuple[str, dict[str, int]]:
    document = fold(*everything)
    return document["state"], buckets(document)


DELIVERED: tuple[Told, ...] = (told(event_id="p"), created(event_id="s"), scanned("delivered"))


def test_a_hold_keeps_the_order_until_it_is_released() -> None:
    held = (told(), event("on_hold", 1, reason="address to be checked"))
    assert both(*held) == ("on_hold", {"open": 2})
    assert both(*held, event("picking_started", 2))[0] == "on_hold"
    assert both(*held, event("released", 3))[0] == "processing"
    assert both(*held, event("released", 3), event("on_hold", 4))[0] == "on_hold"


def test_a_hold_of_what_has_left_holds_nothing() -> None:
    split = (told(), created(lines=[line(1)]), event("on_hold"), scanned("in_transit"))
    assert both(*split) == ("on_hold", {"shipped": 1, "open": 1})
    assert both(told(), created(), event("on_hold"), scanned("in_transit"))[0] == "in_transit"


def test_a_backorder_shows_what_is_missing_until_it_is_picked() -> None:
    missing = (told(), event("backordered", 1, lines=[line(1)], expected={"day": "2026-12-01"}))
    document = fold(*missing)
    assert (document["state"], document["conditions"]) == ("processing", ["backordered"])
    assert document["lines"][0]["backordered"] == 1
    assert document["lines"][0]["expected"]["day"] == "2026-12-01"
    picked = fold(*missing, event("packed"))
    assert (picked["conditions"], picked["lines"][0]["backordered"], picked["lines"][0]["expected"]) == ([], 0, None)


def test_a_changed_promise_shows_what_was_promised_before() -> None:
    promised = told(promised={"day": "2026-11-24"})
    document = fold(promised, event("promise_changed", promised={"day": "2026-11-26"}))
    assert (document["promised"]["day"], document["promised_before"]["day"]) == ("2026-11-26", "2026-11-24")
    withdrawn = fold(promised, event("promise_changed"))
    assert (withdrawn["promised"], withdrawn["promised_before"]["day"]) == (None, "2026-11-24")


@pytest.mark.parametrize("rule", ["promise_missed", "never_dispatched"])
def test_a_time_that_is_still_awaited_makes_the_order_delayed(rule: str) -> None:
    promised = told(event_id="p", promised={"day": "2026-11-24"})
    reached = event("time_reached", 60 * 24 * 6, rule=rule, basis="oms#p", due_at=after(days=6))
    assert fold(promised, reached)["conditions"] == ["delayed"]
    assert fold(promised, reached, created(), scanned("delivered"))["conditions"] == []
    assert fold(promised, event("time_reached", rule=rule, basis="oms#other"))["conditions"] == []
    assert fold(promised, reached, event("cancelled"))["conditions"] == []


def test_a_new_promise_ends_the_delay_of_the_old_one_and_a_dispatch_that_of_never_dispatched() -> None:
    promised = told(event_id="p", promised={"day": "2026-11-24"})
    missed = event("time_reached", rule="promise_missed", basis="oms#p")
    assert fold(promised, missed, event("promise_changed", promised={"day": "2026-11-30"}))["conditions"] == []
    never = event("time_reached", rule="never_dispatched", basis="oms#p")
    assert fold(promised, never, event("dispatched"))["conditions"] == []
    assert fold(promised, never, event("on_hold"))["conditions"] == []


def test_edited_lines_are_the_lines() -> None:
    edited = event("lines_edited", lines=[line(1), line(3, name="2")])
    document = fold(told(), edited)
    assert [(one["line"], one["ordered"]) for one in document["lines"]] == [("1", 1), ("2", 3)]
    assert fold(edited)["lines"] == document["lines"]
    assert both(told(), edited, created(lines=[line(2)]), scanned("delivered"))[1] == {"delivered": 1}


def test_what_nobody_collects_goes_back_to_the_shop() -> None:
    ready = (told(), event("ready_to_collect", 10, until=after(days=7)))
    assert both(*ready, event("collection_expired")) == ("returned", {"returned": 2})
    assert both(*ready, event("collected", 15, lines=[line(1)]), event("collection_expired")) == (
        "partially_returned", {"collected": 1, "returned": 1},
    )  # fmt: skip
    assert both(*ready, event("collection_expired", lines=[line(1)])) == (
        "ready_to_collect",
        {"ready": 1, "returned": 1},
    )


def test_an_extended_collection_waits_longer_even_where_it_had_expired() -> None:
    ready = (told(), event("ready_to_collect", 10, until=after(days=7)))
    extended = event("collection_extended", 30, until=after(days=9))
    assert fold(*ready, extended)["collection"]["until"] == "2026-11-29T09:00:00.000Z"
    assert both(*ready, event("collection_expired"), extended) == ("ready_to_collect", {"ready": 2})
    assert both(*ready, event("collection_expired"), event("ready_to_collect", 40))[0] == "ready_to_collect"


def test_a_changed_address_changes_the_zone_of_the_order() -> None:
    moved = event("address_changed", destination={"country": "AU", "time_zone": "Australia/Sydney"})
    assert fold(told(time_zone="Europe/London"), moved)["time_zone"] == "Australia/Sydney"
    assert fold(told(time_zone="Europe/London"), event("address_changed"))["time_zone"] == "Europe/London"


def test_a_requested_and_a_labelled_return_leave_the_units_delivered() -> None:
    asked = (*DELIVERED, event("return_requested", 600, lines=[line(1)]))
    assert both(*asked) == ("delivered", {"delivered": 2})
    assert fold(*asked)["conditions"] == ["return_requested"]
    labelled = fold(*asked, event("return_shipment_created", 610, lines=[line(1)]))
    assert (labelled["state"], buckets(labelled)) == ("delivered", {"delivered": 2})
    assert (parcel(labelled, "R1")["leg"], parcel(labelled, "R1")["stage"]) == ("return", "announced")


def test_a_return_moves_with_its_first_physical_scan_and_ends_as_returned_never_delivered() -> None:
    label = (
        *DELIVERED,
        event("return_requested", 600, lines=[line(1)]),
        event("return_shipment_created", 610, lines=[line(1)]),
    )
    moving = (*label, scanned("in_transit", 20, number=BACK))
    assert both(*moving) == ("returning", {"delivered": 1, "returning": 1})
    assert fold(*moving)["conditions"] == []
    document = fold(*moving, scanned("delivered", 30, number=BACK))
    assert (document["state"], buckets(document)) == ("partially_returned", {"delivered": 1, "returned": 1})
    assert parcel(document, "R1")["stage"] == "returned"
    assert [name for name, _ in milestones(parcel(document, "R1"))] == ["returned"]


def test_a_return_parcel_without_lines_brings_everything_back() -> None:
    moving = (*DELIVERED, event("return_shipment_created", 610), scanned("in_transit", 20, number=BACK))
    assert both(*moving) == ("returning", {"returning": 2})
    assert both(*moving, scanned("delivered", 30, number=BACK)) == ("returned", {"returned": 2})


def test_the_shops_word_and_the_scan_of_one_return_count_once() -> None:
    label = event("return_shipment_created", 610, lines=[line(1)])
    back = (*DELIVERED, label, scanned("delivered", 30, number=BACK))
    assert both(*back, event("returned", 2000, lines=[line(1)]))[1] == {"delivered": 1, "returned": 1}
    assert both(*DELIVERED, event("returned", 2000, lines=[line(1)]))[1] == {"delivered": 1, "returned": 1}
    assert both(*DELIVERED, event("returned", 2000)) == ("returned", {"returned": 2})
    assert both(told(), created(), scanned("in_transit"), event("returned", 2000)) == ("returned", {"returned": 2})


def test_a_parcel_the_carrier_brings_back_is_returning_then_returned() -> None:
    sent = (told(), created(), scanned("in_transit"))
    assert both(*sent, scanned("in_transit", 30, leg="return")) == ("returning", {"returning": 2})
    assert both(*sent, scanned("delivered", 40, leg="return")) == ("returned", {"returned": 2})


def test_lost_units_end_the_order_short_or_lost() -> None:
    split = (told(), created(lines=[line(1)]), created("S2", number="ZZ1", lines=[line(1)]), scanned("delivered"))
    assert both(*split, scanned("in_transit", 3, number="ZZ1"), scanned("lost", 40, number="ZZ1")) == (
        "closed_short", {"delivered": 1, "lost": 1},
    )  # fmt: skip
    assert both(told(), created(), scanned("in_transit"), scanned("lost", 40)) == ("lost", {"lost": 2})


def test_a_failed_attempt_is_the_orders_state() -> None:
    document = fold(told(), created(), scanned("out_for_delivery"), scanned("attempted", 3))
    assert (document["state"], parcel(document)["attempt_no"]) == ("attempted", 1)


def test_refunds_replacements_and_notes_move_nothing_and_the_replacement_is_linked() -> None:
    before = fold(*DELIVERED)
    assert fold(*DELIVERED, event("refunded"), event("note")) == before
    assert fold(*DELIVERED, event("replaced")) == {**before, "replacement": "1009"}
    assert fold(told(replaces="0990"))["replaces"] == "0990"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [("#1001", "#1001"), (" #1001\u200b", "#1001"), ("1001", None), ("\u200b", None), (None, None)],
)
def test_the_number_that_customers_know_is_shown_where_it_is_another(printed: str | None, shown: str | None) -> None:
    document = fold(told(printed=printed))
    assert (document["order"], document["printed"]) == ("1001", shown)
    assert read_back(document).printed == shown


def test_the_printed_number_is_that_of_the_first_word_and_changes_no_state() -> None:
    first, again = told(event_id="p", printed="#1001"), told(event_id="q", printed="#1002")
    assert fold(first, *DELIVERED[1:]) == {**fold(*DELIVERED), "printed": "#1001"}
    assert fold(again, first)["printed"] == "#1001"
    assert fold(event("on_hold"))["printed"] is None


def test_of_an_erased_order_no_printed_number_is_left() -> None:
    assert fold(told(printed="#1001"), event("erased"))["printed"] is None


def test_an_agents_word_counts_until_it_is_taken_back() -> None:
    sent = (told(), created(), scanned("in_transit"))
    said = event("override_set", 300, stage="delivered", event_id="o", pinned=True)
    assert both(*sent, said) == ("delivered", {"delivered": 2})
    assert both(*sent, said, event("override_ended", 310))[0] == "in_transit"
    assert both(*sent, event("override_set", 300, stage="teleported"))[0] == "in_transit"
    assert both(*sent, event("override_set", 300, shipment="S9"))[0] == "in_transit"


def test_an_override_ends_when_its_time_has_come() -> None:
    sent = (told(), created(), scanned("in_transit"))
    said = event("override_set", 300, event_id="o", until=after(days=1))
    expired = event("time_reached", 60 * 24, rule="override_expired", basis="oms#o", due_at=after(days=1))
    other = event("time_reached", 60 * 24, rule="override_expired", basis="oms#x", due_at=after(days=1))
    assert both(*sent, said, expired)[0] == "in_transit"
    assert both(*sent, said, other)[0] == "delivered"


def test_erasure_absorbs_everything_before_and_after_it() -> None:
    document = fold(*DELIVERED, event("erased"), event("replaced", 90), scanned("in_transit", 99))
    assert document == fold(event("erased"))
    assert (document["state"], document["lines"], document["parcels"]) == ("erased", [], [])
    read_back(document)


def test_an_erased_orders_parcel_shows_in_no_other_order() -> None:
    later = {"main:1002": [told("shipment_created", order="1002", occurred_at=after(days=45))]}
    mine = [told(order="1002"), *later["main:1002"]]
    erased = {"main:1001": [told(), created(), event("erased")]}
    document = fold(*mine, scanned("delivered"), key="main:1002", others=erased)
    assert document["state"] == "processing"


def test_a_marketplace_order_has_a_part_per_seller_and_says_whom_to_ask() -> None:
    lines = [line(1) | {"seller": "Lamps"}, line(1, name="2") | {"seller": "Wool"}, line(1, name="3")]
    sold = told(lines=lines, sellers=[{"seller": "Lamps", "help": "help@lamps.example"}])
    document = fold(sold, created(lines=[line(1)]), scanned("delivered"), event("cancelled", lines=[line(1, name="2")]))
    assert [(one["seller"], one["state"], one["help"]) for one in document["sellers"]] == [
        (None, "processing", None), ("Lamps", "delivered", "help@lamps.example"), ("Wool", "cancelled", None),
    ]  # fmt: skip
    assert fold(told(lines=[line(1) | {"seller": "Lamps"}]))["sellers"] == []


def test_delays_and_problems_are_counted_in_open_parcels() -> None:
    two = (told(), created(lines=[line(1)]), created("S2", number="ZZ1", lines=[line(1)]))
    trouble = (
        scanned("in_transit", conditions_set=["delayed"]),
        scanned("in_transit", number="ZZ1", conditions_set=["delayed", "damaged"]),
    )
    assert fold(*two, *trouble)["condition_counts"] == {"delayed": 2, "exception": 1}
    assert fold(*two, *trouble, scanned("delivered", 9))["condition_counts"] == {"delayed": 1, "exception": 1}


def test_a_dispatch_without_a_number_says_that_the_number_follows() -> None:
    assert "number follows" in fold(told(), event("dispatched"))["display"]["next"]
    assert "number follows" not in fold(told(), event("dispatched"), created(minutes=30))["display"]["next"]


@pytest.mark.parametrize("first", EVENT_TYPES)
def test_every_pair_of_order_events_has_an_answer_in_either_order(first: str) -> None:
    base = (told(event_id="p", lines=[line(3)]), created(event_id="s"))
    for second, minutes in itertools.product(EVENT_TYPES, (20, 30)):
        one, other = event(first, 25, event_id="a"), event(second, minutes, event_id="b")
        document = fold(*base, one, other)
        assert document == fold(other, one, *base)
        assert document["state"] in set(OrderState)
        read_back(document)
        for told_line in document["lines"]:
            assert sum(told_line["buckets"].values()) == told_line["ordered"]
