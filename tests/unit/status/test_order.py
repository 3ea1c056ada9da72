"""The document of an order: what it shows, in whose words and times, and what of other orders it never shows."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from schemas.scans import Scan
from services.status.claims import Claim
from services.status.order import fold_order
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from tests.builders import KEY, NUMBER, SHIPMENT_KEY, after, line, make_scan
from tests.unit.status.making import fold, histories_of, milestones, parcel, read_back, told


def created(shipment: str = "S1", *, minutes: float = 10, **overrides: Any) -> StoredEvent:
    return told("shipment_created", shipment=shipment, occurred_at=after(minutes=minutes), **overrides)


def scanned(stage: str | None, hours: float = 2, **overrides: Any) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), **overrides)


def event(kind: str, minutes: float = 20, **overrides: Any) -> StoredEvent:
    return told(kind, occurred_at=after(minutes=minutes), **overrides)


STORY = (
    told(destination={"country": "AU", "time_zone": "Australia/Sydney"}, promised={"day": "2026-11-25"}),
    created(lines=[line(2)], service="Tracked 48"),
    scanned("announced", 0.5),
    scanned("accepted", 1),
    scanned("out_for_delivery", 14, time_kind="utc", place={"city": "Sydney"}),
    scanned(None, 15, event_key="e", kind="estimate", window={"day": "2026-11-24"}),
    scanned("delivered", 16, pod=["photo"], conditions_set=["damaged"]),
)


def test_the_whole_story_reads_as_a_status_message_and_back() -> None:
    document = fold(*STORY)
    read = read_back(document)
    assert read.state == "delivered"
    assert read.model_dump(mode="json", exclude={"change", "truncated"}) == document


def test_scans_before_their_order_wait_for_nobody() -> None:
    document = fold(*STORY)
    assert fold(*reversed(STORY)) == document
    assert fold(*STORY[1:])["state"] == "delivered"


def test_a_parcel_says_its_number_carrier_and_milestones() -> None:
    shown = parcel(fold(*STORY))
    assert (shown["key"], shown["carrier_name"]) == (SHIPMENT_KEY, "Royal Mail")
    assert shown["tracking_page"].endswith(NUMBER)
    assert shown["window"]["day"] == "2026-11-24"
    assert milestones(shown) == [("shipped", "S1"), ("out_for_delivery", "2026-11-21"), ("delivered", "S1")]


def test_an_unknown_carrier_is_shown_as_the_shop_wrote_it() -> None:
    shown = parcel(fold(told(), created(carrier="DHL Paketdienst GmbH")))
    assert (shown["carrier"], shown["carrier_name"]) == ("dhl-paketdienst-gmbh", "DHL Paketdienst GmbH")
    corrected = event("shipment_corrected", carrier="ups")
    assert parcel(fold(told(), created(carrier="Upps"), corrected))["carrier_name"] == "UPS"


def test_a_carrier_or_number_nobody_can_read_does_not_stop_the_order() -> None:
    document = fold(told(), created(carrier="---", number="'; drop table"), event("dispatched"))
    assert document["state"] == "shipped"
    assert (parcel(document)["key"], parcel(document)["number"]) == (None, None)
    read_back(document)


def test_a_corrected_number_shows_the_scans_of_the_new_number_only() -> None:
    wrong, right = scanned("delivered", number="WRONG1"), scanned("in_transit", number="RIGHT1")
    document = fold(told(), created(number="WRONG1"), event("shipment_corrected", number="RIGHT1"), wrong, right)
    assert document["state"] == "in_transit"
    assert parcel(document)["number"] == "RIGHT1"


def test_a_scan_without_a_number_joins_by_the_providers_reference() -> None:
    by_reference = scanned("in_transit", number=None, references={"easypost": "trk_1"})
    known = created(number=None, references={"easypost": "trk_1"})
    assert fold(told(), known, by_reference)["state"] == "in_transit"
    assert fold(told(), created(number=None, references={"easypost": "trk_2"}), by_reference)["state"] == "processing"


def test_number_and_reference_of_one_parcel_are_one_history() -> None:
    parts = (created(references={"easypost": "trk_1"}), scanned("in_transit", 1))
    later = scanned("delivered", 2, number=None, references={"easypost": "trk_1"})
    document = fold(told(), *parts, later)
    assert document["state"] == "delivered"
    assert milestones(parcel(document)) == [("shipped", "S1"), ("delivered", "S1")]


def test_a_reference_that_no_scan_could_carry_is_left_out() -> None:
    assert (
        fold(told(), created(references={"bad.kind": "1", "good": "2"}), scanned("in_transit"))["state"] == "in_transit"
    )


def test_shipped_is_the_dispatch_or_the_first_physical_scan_whichever_came_first() -> None:
    dispatched = event("dispatched", 60, event_id="d", shipment="S1")
    for hours, key in ((0.5, "scan"), (1.5, "oms#d")):
        scan = scanned("accepted", hours, event_key="scan")
        reached = parcel(fold(told(), created(), dispatched, scan))["milestones"]
        assert [(one["name"], one["event_key"], one["inferred"]) for one in reached] == [("shipped", key, False)]


def test_a_dispatch_is_told_even_where_the_carrier_skipped_to_delivered() -> None:
    scan = scanned("delivered", 0.4)
    reached = parcel(fold(told(), created(), event("dispatched", 60, shipment="S1"), scan))["milestones"]
    assert [(one["name"], one["inferred"]) for one in reached] == [("shipped", False), ("delivered", False)]


def test_a_parcel_whose_number_follows_its_dispatch_was_shipped_at_the_dispatch() -> None:
    document = fold(told(), event("dispatched", 5, event_id="d"), created(minutes=10))
    shown = parcel(document)
    assert (document["state"], shown["dispatched"], shown["stage"]) == ("shipped", True, "announced")
    assert [(one["name"], one["event_key"]) for one in shown["milestones"]] == [("shipped", "oms#d")]


def test_times_of_shops_are_utc_and_times_of_scans_keep_their_offset() -> None:
    east = timezone(timedelta(hours=10))
    placed = told(occurred_at=after().astimezone(east))
    dispatched = told("dispatched", occurred_at=after(minutes=20).astimezone(east))
    scan = make_scan(stage="out_for_delivery", occurred_at=after(hours=2).astimezone(east))
    document = fold(placed, created(), dispatched, scan)
    assert document["placed_at"] == "2026-11-20T09:00:00.000Z"
    assert [one["at"] for one in document["milestones"]] == ["2026-11-20T09:00:00+00:00"]
    assert [one["at"] for one in parcel(document)["milestones"]] == [
        "2026-11-20T09:20:00+00:00", "2026-11-20T21:00:00+10:00",
    ]  # fmt: skip


def test_conditions_are_shown_by_name_and_with_the_scan_that_raised_them() -> None:
    raised = (
        scanned(None, 1, event_key="a", conditions_set=["refused"]),
        scanned(None, 2, event_key="b", conditions_set=["damaged"]),
    )
    shown = parcel(fold(told(), created(), *raised))["conditions"]
    assert [(one["name"], one["event_key"]) for one in shown] == [("damaged", "b"), ("refused", "a")]


def test_a_future_time_is_shown_as_when_we_were_told() -> None:
    future = scanned("in_transit", 24 * 300, told_at=after(hours=3), conditions_set=["held"])
    shown = parcel(fold(told(), created(), future))
    assert shown["last_scan"]["at"] == shown["conditions"][0]["since"] == "2026-11-20T12:00:00+00:00"


def test_confirmed_is_placed_and_paid() -> None:
    waiting = told(event_id="p", payment_awaited=True)
    paid = event("payment_confirmed", 5, event_id="m")
    assert fold(waiting)["milestones"] == []
    assert [one["event_key"] for one in fold(waiting, paid)["milestones"]] == ["oms#m"]
    assert [one["event_key"] for one in fold(told(event_id="p"))["milestones"]] == ["oms#p"]
    assert fold(waiting, event("payment_failed", 5))["milestones"] == []
    assert [one["event_key"] for one in fold(told(event_id="p"), paid)["milestones"]] == ["oms#p"]


def test_the_orders_own_milestones_are_reached_once() -> None:
    ready = event("ready_to_collect", 10, until=after(days=7), hours="Mon-Sat 9-18")
    collected = event("collected", 20)
    document = fold(told(), ready, event("ready_to_collect", 15), collected)
    assert milestones(document) == [("confirmed", "order"), ("ready_to_collect", "order"), ("collected", "order")]
    assert ("cancelled", "order") in milestones(fold(told(), event("cancelled")))
    assert ("cancelled", "order") not in milestones(fold(told(), event("cancelled", lines=[line(1)])))


def test_the_collection_is_shown_while_something_waits() -> None:
    ready = event("ready_to_collect", 10, until=after(days=7), hours="Mon-Sat 9-18")
    assert fold(told(), ready)["collection"] == {
        "store": "Store Bath", "until": "2026-11-27T09:00:00.000Z", "hours": "Mon-Sat 9-18",
    }  # fmt: skip
    extended = event("ready_to_collect", 15, until=after(days=9))
    assert fold(told(), ready, extended)["collection"]["until"] == "2026-11-29T09:00:00.000Z"
    assert fold(told(), ready, event("collected"))["collection"] is None
    assert fold(told(), ready, event("cancelled"))["collection"] is None


def test_the_badges_are_those_of_open_parcels() -> None:
    trouble = scanned(None, 3, event_key="t", conditions_set=["address_problem", "delayed"])
    assert fold(told(), created(), scanned("in_transit"), trouble)["conditions"] == ["delayed", "exception"]
    assert fold(told(), created(), trouble, scanned("delivered", 4))["conditions"] == []
    assert fold(told(), created(), trouble, event("shipment_voided"))["conditions"] == []


def test_of_two_contents_under_one_id_the_smaller_hash_counts_whichever_came_first() -> None:
    one, other = told(event_id="e"), told(event_id="e", lines=[line(7)])
    counted = min(one, other, key=lambda stored: stored.content)
    assert fold(one, other) == fold(other, one) == fold(counted)


def test_events_count_in_the_order_in_which_they_happened_not_in_that_of_their_ids() -> None:
    waiting = told(event_id="m", payment_awaited=True)
    confirmed, failed = event("payment_confirmed", 6, event_id="z"), event("payment_failed", 7, event_id="a")
    assert fold(waiting, confirmed, failed)["state"] == "awaiting_payment"
    assert fold(waiting, event("payment_confirmed", 8, event_id="0"), failed)["state"] == "processing"


def test_of_two_orders_placed_at_one_instant_the_source_then_the_id_decides() -> None:
    desk, oms = told(source="desk", event_id="z", lines=[line(1)]), told(event_id="a", lines=[line(3)])
    assert fold(oms, desk)["lines"][0]["ordered"] == 1
    assert fold(oms, told(event_id="b", lines=[line(5)]))["lines"][0]["ordered"] == 3


def test_the_same_id_of_another_source_is_another_event() -> None:
    parts = [event("cancelled", event_id="e", source=source, lines=[line(1)]) for source in ("oms", "desk")]
    assert fold(told(), *parts)["state"] == "cancelled"


def test_an_event_of_a_later_version_moves_nothing() -> None:
    document = fold(told(event_id="p"), event("gift_wrapped", event_id="g"))
    assert document.pop("set_aside") == [{"event": "oms#g", "rule": "R12", "why": "unknown_type"}]
    assert fold(told(event_id="p")) == {**document, "set_aside": []}


def test_two_shops_with_one_order_number_show_nothing_of_each_other() -> None:
    ours = (told(event_id="p"), created(event_id="s"))
    theirs = [told(shop="books", lines=[line(9)]), created("S9", shop="books", number="OTHER1")]
    scan = scanned("delivered", number="OTHER1")
    assert fold(*ours, scan, others={"books:1001": theirs}) == fold(*ours)
    assert fold(*theirs, scan, key="books:1001", others={KEY: ours})["shop"] == "books"


def test_two_orders_in_one_box_read_one_state() -> None:
    theirs = {"main:1002": [created(order="1002", minutes=60)]}
    assert fold(told(), created(), scanned("delivered"), others=theirs)["state"] == "delivered"


@pytest.mark.parametrize("days", [30.01, 40, 400])
def test_a_number_used_again_shows_nothing_of_its_former_parcel(days: float) -> None:
    later = {"main:1002": [created(order="1002", minutes=days * 24 * 60 + 10)]}
    old, new = scanned("delivered"), scanned("in_transit", days * 24 + 1)
    assert fold(told(), created(), old, new, others=later)["state"] == "delivered"
    mine = [told(order="1002"), *later["main:1002"]]
    assert fold(*mine, old, new, key="main:1002", others={KEY: [created()]})["state"] == "in_transit"


def test_an_order_whose_claim_is_not_in_the_history_yet_sees_no_one_elses_box() -> None:
    stranger = Claim(after(days=-60), "main:7", "S1")
    old = scanned("delivered", -24 * 59)
    history = History({(old.event_key, "x"): old}, {("main:7", "S1"): stranger})
    assert fold_order(KEY, [told(), created()], {SHIPMENT_KEY: history})["state"] == "processing"


def test_a_shipment_without_any_history_is_announced() -> None:
    document = fold_order(KEY, [told(), created()], {})
    assert (parcel(document)["stage"], parcel(document)["last_scan"]) == ("announced", None)


def test_the_earliest_telling_of_a_reading_is_the_one_that_is_kept() -> None:
    early, late = (scanned("in_transit", 900, told_at=after(hours=hours)) for hours in (3, 9))
    for scans in ([early, late], [late, early]):
        history = histories_of({}, scans)[SHIPMENT_KEY]
        assert [scan.told_at for scan in history.readings.values()] == [early.told_at]
