"""The tracking page's words: what a customer reads for a given order, without HTML."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Bucket, Condition, OrderState
from schemas.words import BUCKET_WORDS, CONDITION_WORDS
from services.status.order_facts import StoredEvent, gather
from services.status.parcel_fold import fold_parcel
from services.status.web.moments import make_clock
from services.status.web.rendering import tracking_page
from services.status.web.view import TrackingView, tracking_view
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.making import Told, fold, histories_of, read_back, told

UK = {"country": "GB", "time_zone": "Europe/London"}
LINES = [{"line": "1", "name": "Wool blanket", "quantity": 2}, {"line": "2", "name": "Lamp", "quantity": 1}]


def placed(**fields: Any) -> StoredEvent:
    return told("placed", **({"lines": LINES, "destination": UK} | fields))


def view(*everything: Told, now: datetime | None = None) -> TrackingView:
    """Return the page of order 1001 a day into its story."""
    events = [one for one in everything if isinstance(one, StoredEvent)]
    scans = [one for one in everything if isinstance(one, Scan)]
    facts, histories = gather(events), histories_of({KEY: events}, scans)
    verdicts = {
        shipment: fold_parcel(KEY, facts, parcel, histories).verdicts for shipment, parcel in facts.parcels.items()
    }
    status = read_back(fold(*everything))
    clock = make_clock(facts.placed, status.time_zone, now=now or after(hours=26))
    return tracking_view(status, events, verdicts, clock=clock)


def standing(page: TrackingView) -> list[tuple[str, str]]:
    return [(step.name, step.position) for step in page.steps]


def current(page: TrackingView) -> str | None:
    return next((step.name for step in page.steps if step.current), None)


def test_an_order_without_a_parcel_says_what_comes_next() -> None:
    page = view(placed())
    assert page.headline == "Processing"
    assert page.acts == "the shop"
    assert page.no_parcels is not None
    assert "tracking number" in page.no_parcels
    assert standing(page) == [
        ("Processing", "now"), ("Picking", "ahead"), ("Shipped", "ahead"), ("Out for Delivery", "ahead"),
        ("Delivered", "ahead"),
    ]  # fmt: skip


def test_the_page_calls_the_order_as_its_customer_does() -> None:
    page = tracking_page(view(placed(printed="#2042")), follow=False)
    assert "<title>Processing: order #2042</title>" in page
    assert '<p class="order">Order <span class="number">#2042</span></p>' in page
    assert "1001" not in page
    assert "order 1001" in tracking_page(view(placed()), follow=False)


def test_a_printed_number_is_text_on_the_page() -> None:
    assert "<b>" not in tracking_page(view(placed(printed="<b>1</b>")), follow=False)


def test_an_unpaid_order_stands_on_no_step_and_waits_for_the_customer() -> None:
    page = view(placed(payment_awaited=True))
    assert current(page) is None
    assert page.acts == "you"


def test_a_click_and_collect_order_has_its_own_steps_and_says_where_and_until_when() -> None:
    ready = told("ready_to_collect", occurred_at=after(hours=4), store="Bath", until=after(days=7), hours="9 to 18")
    page = view(placed(delivery_method="click_and_collect"), ready)
    assert standing(page) == [
        ("Processing", "done"), ("Picking", "done"), ("Ready to Collect", "now"), ("Collected", "ahead"),
    ]  # fmt: skip
    assert page.collection is not None
    assert page.collection.store == "Bath"
    assert page.collection.hours == "9 to 18"
    assert page.collection.until is not None
    assert page.collection.until.text == "Fri 27 Nov, 09:00 London time"
    assert page.no_parcels is None


def test_a_parcel_at_a_counter_takes_the_place_of_the_van_in_the_steps() -> None:
    waiting = make_scan(stage="available_for_pickup", place={"city": "BATH", "country": "GB"})
    page = view(placed(), told("shipment_created"), waiting)
    assert current(page) == "Ready to Collect"
    assert page.parcels[0].details == ("It waits for you at: Bath, United Kingdom",)


def test_a_cancelled_order_has_no_steps_and_asks_for_no_news() -> None:
    page = view(placed(), told("cancelled", occurred_at=after(hours=1), reason="the buyer is Ann Smith"))
    assert page.headline == "Cancelled"
    assert page.steps == ()
    assert not page.live
    assert [entry.title for entry in page.history] == ["Order cancelled", "Order placed"]
    assert "Ann Smith" not in str(page)


def test_a_delivered_order_is_done_and_says_when_and_how() -> None:
    arrived = make_scan(stage="delivered", substatus="neighbour", pod=["signature"], occurred_at=after(hours=25))
    page = view(placed(), told("shipment_created"), arrived)
    assert {step.position for step in page.steps} == {"done"}
    assert page.parcels[0].details == (
        "Sat 21 Nov, 10:00 local time", "Left with a neighbour", "The carrier keeps a signature",
    )  # fmt: skip
    assert not page.live


def test_the_carriers_window_stands_beside_the_shops_promise_with_what_was_expected_before() -> None:
    first = make_scan(kind="estimate", stage=None, occurred_at=after(hours=2), window={"day": "2026-11-20"})
    window = {"starts": after(hours=28), "ends": after(hours=30)}
    second = make_scan(kind="estimate", stage=None, occurred_at=after(hours=3), window=window)
    page = view(placed(promised={"day": "2026-11-22"}), told("shipment_created"), make_scan(), first, second)
    assert [(one.label, one.text, one.earlier) for one in page.expected] == [
        ("Expected", "Today, Saturday 21 November, 13:00 to 15:00 London time", "Yesterday, Friday 20 November"),
        ("Promised by the shop", "Tomorrow, Sunday 22 November", None),
    ]


def test_a_promise_that_has_passed_is_told_in_the_past() -> None:
    page = view(placed(promised={"day": "2026-11-22"}), now=after(days=9))
    assert page.expected[0].label == "Was promised by the shop"
    assert page.expected[0].text == "Sunday 22 November"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"time_kind": "utc", "place": {"time_zone": "America/New_York"}}, "Fri 20 Nov, 05:00 New York time"),
        ({"time_kind": "utc"}, "Fri 20 Nov, 10:00 London time"),
        ({"time_kind": "unknown_zone"}, "Fri 20 Nov, 10:00 local time"),
        (
            {"time_kind": "offset", "occurred_at": after(hours=1.5).astimezone(timezone(timedelta(hours=2)))},
            "Fri 20 Nov, 12:30 local time",
        ),
        ({"time_precision": "day", "occurred_at": after(hours=-9)}, "Fri 20 Nov"),
    ],
)
def test_a_time_is_shown_where_it_happened_and_never_claims_a_zone(fields: dict[str, Any], expected: str) -> None:
    page = view(placed(), told("shipment_created"), make_scan(**fields))
    assert page.parcels[0].entries[0].moment.text == expected


def test_the_customers_country_decides_how_times_are_written() -> None:
    american = {"country": "US", "time_zone": "America/New_York"}
    page = view(placed(destination=american), told("shipment_created"), make_scan(time_kind="utc"))
    assert page.parcels[0].entries[0].moment.text == "Fri, Nov 20, 5:00 AM New York time"


def test_a_zone_that_does_not_exist_is_no_zone() -> None:
    page = view(placed(destination=None, time_zone="Mars/Base"), told("shipment_created"), make_scan(time_kind="utc"))
    assert page.parcels[0].entries[0].moment.text == "Fri, Nov 20, 10:00 AM UTC"


def test_the_units_of_one_article_in_two_places_are_told_apart() -> None:
    first = told("shipment_created", lines=[line(1)])
    page = view(placed(), first, make_scan(stage="delivered"))
    assert page.lines[0].where == "1 being prepared, 1 delivered"


def test_a_carrier_that_nobody_can_read_is_left_out_of_the_history() -> None:
    page = view(placed(), told("shipment_created", carrier="---", number=None))
    assert (page.history[0].title, page.history[0].text) == ("Parcel announced to the carrier", None)


def test_the_history_has_the_newest_scan_first_in_our_words_and_the_carriers() -> None:
    place = {"city": "MILTON KEYNES", "country": "GB", "postcode": "MK1 1AA"}
    early = make_scan(stage="accepted", description="Handed to the carrier.")
    late = make_scan(occurred_at=after(hours=5), description="Arrived at hub", place=place)
    strange = make_scan(stage=None, substatus="unmapped", occurred_at=after(hours=3), description="XQ7")
    page = view(placed(), told("shipment_created"), late, strange, early)
    shown = [(entry.title, entry.text, entry.place) for entry in page.parcels[0].entries]
    assert shown == [
        ("In Transit", "Arrived at hub", "Milton Keynes, United Kingdom"),
        ("XQ7", None, None),
        ("Handed to the carrier", None, None),
    ]
    assert "MK1" not in str(page)


def test_a_summary_that_only_repeats_its_scans_is_no_entry() -> None:
    page = view(placed(), told("shipment_created"), make_scan(), make_scan(kind="summary", occurred_at=after(hours=2)))
    assert len(page.parcels[0].entries) == 1


def test_several_parcels_are_counted_named_and_the_open_ones_come_first() -> None:
    page = view(
        placed(),
        told("shipment_created", shipment="A", number="A1", lines=[line(2)]),
        told("shipment_created", shipment="B", number="B1", lines=[line(1, name="2")]),
        make_scan(number="A1", stage="delivered"),
        make_scan(number="B1", conditions_set=["delayed"]),
    )
    assert page.summary == "1 of 2 parcels delivered, 1 delayed"
    assert page.badges == ("Delayed",)
    assert [parcel.heading for parcel in page.parcels] == ["Parcel 2 of 2", "Parcel 1 of 2"]
    assert [(content.quantity, content.name) for content in page.parcels[0].contents] == [(1, "Lamp")]
    assert page.parcels[0].notices[0].title == "Delayed"
    assert [one.where for one in page.lines] == ["delivered", "on the way"]


def test_a_condition_nobody_has_words_for_yet_is_still_told() -> None:
    page = view(placed(), told("shipment_created"), make_scan(conditions_set=["eaten_by_dog"]))
    assert page.parcels[0].notices[0].title == "Eaten by dog"


def test_a_parcel_without_a_number_says_that_it_follows() -> None:
    page = view(placed(), told("shipment_created", number=None))
    assert page.parcels[0].number is None
    assert page.parcels[0].nothing_yet == "The tracking number follows as soon as the shop has it."


def test_a_dispatched_parcel_is_shipped_before_its_first_scan() -> None:
    page = view(placed(), told("shipment_created"), told("dispatched", occurred_at=after(hours=1)))
    assert page.parcels[0].status == "Shipped, not scanned yet"
    assert page.parcels[0].page == "https://www.royalmail.com/track-your-item#/tracking-results/AB123456785GB"


def test_a_parcel_on_its_way_back_never_reads_delivered() -> None:
    page = view(placed(), told("shipment_created"), make_scan(), make_scan(stage="delivered", leg="return"))
    assert "Delivered" not in {page.parcels[0].status, *(entry.title for entry in page.parcels[0].entries)}


def test_a_long_history_shows_its_newest_part_and_says_what_is_left_out() -> None:
    scans = [make_scan(occurred_at=after(minutes=n)) for n in range(205)]
    parcel = view(placed(), told("shipment_created"), *scans).parcels[0]
    assert (len(parcel.entries), len(parcel.more_entries), parcel.left_out) == (20, 180, 5)
    assert parcel.entries[0].moment.clock == "12:24"


@pytest.mark.parametrize("names", [(Condition, CONDITION_WORDS), (Bucket, BUCKET_WORDS)])
def test_every_word_of_the_vocabulary_has_a_phrase(names: Any) -> None:
    vocabulary, table = names
    assert set(vocabulary) == set(table)


def test_every_order_state_can_be_rendered() -> None:
    base = fold(placed(), told("shipment_created"), make_scan())
    clock = make_clock(None, "Europe/London", now=after(hours=2))
    for state in OrderState:
        shown = tracking_view(read_back({**base, "state": state.value}), (), {}, clock=clock)
        assert tracking_page(shown, follow=True).count('aria-current="step"') <= 1


def test_what_comes_from_outside_is_text_on_the_page() -> None:
    attack = "<script>alert(1)</script>{{ 7 * 7 }}"
    lines = [{"line": "1", "name": attack, "quantity": 1}]
    scan = make_scan(description=attack, place={"city": attack}, conditions_set=["delayed"])
    html = tracking_page(view(placed(lines=lines), told("shipment_created", service=attack), scan), follow=True)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in html
    assert html.count("<script") == 1


def test_the_page_asks_again_only_while_more_is_to_come() -> None:
    moving = view(placed(), told("shipment_created"), make_scan())
    arrived = view(placed(), told("shipment_created"), make_scan(stage="delivered"))
    assert 'http-equiv="refresh"' in tracking_page(moving, follow=True)
    assert 'http-equiv="refresh"' not in tracking_page(moving, follow=False)
    assert 'http-equiv="refresh"' not in tracking_page(arrived, follow=True)


def test_times_ago_are_words() -> None:
    page = view(placed(), told("shipment_created"), make_scan(occurred_at=after(hours=1)), now=after(hours=1, days=3))
    assert page.parcels[0].last_news == "3 days ago"
    future = make_scan(occurred_at=after(hours=1), told_at=after(hours=1))
    assert view(placed(), told("shipment_created"), future, now=after()).parcels[0].last_news == "just now"


def test_a_marketplace_order_says_who_sells_what_and_whom_to_ask() -> None:
    lines = [{**LINES[0], "seller": "Wool Barn"}, LINES[1]]
    page = view(placed(lines=lines, sellers=[{"seller": "Wool Barn", "help": "wool.example/help"}]))
    assert [(one.name, one.status) for one in page.sellers] == [("The shop", "Processing"), ("Wool Barn", "Processing")]
    assert "wool.example/help" in tracking_page(page, follow=True)
    assert view(placed()).sellers == ()
