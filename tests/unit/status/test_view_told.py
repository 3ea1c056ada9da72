"""The tracking page on times that need a word, pieces, agents' overrides, the way back, and what no parcel explains."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from schemas.order_status import OrderStatus
from schemas.vocabulary import OrderState, Stage
from schemas.words import NO_NUMBER_YET, ORDER_CONDITION_WORDS, PARCEL_WORDS
from services.status.web.moments import make_clock
from services.status.web.parcel_view import parcel_view
from services.status.web.rendering import tracking_page
from services.status.web.view import tracking_view
from tests.builders import after, line, make_scan
from tests.unit.status.making import fold, read_back, told
from tests.unit.status.test_view import LINES, placed, standing, view

BERLIN = {"city": "Berlin", "country": "DE", "time_zone": "Europe/Berlin"}


def entry(**fields: Any) -> tuple[str, str | None]:
    """Return the time of a scan as the page shows it, and its note."""
    shown = view(placed(), told("shipment_created"), make_scan(**fields)).parcels[0].entries[0]
    return shown.moment.text, shown.note


def test_a_scans_time_keeps_the_clock_of_its_place_and_names_it() -> None:
    at = after(hours=1).astimezone(timezone(timedelta(hours=1)))
    assert entry(occurred_at=at, time_kind="offset", place=BERLIN) == ("Fri 20 Nov, 11:00 Berlin time", None)


def test_a_zone_that_was_assumed_says_so() -> None:
    assert entry(time_kind="assumed_zone", place=BERLIN) == ("Fri 20 Nov, 11:00 Berlin time (assumed)", None)
    assert entry(time_kind="assumed_zone") == ("Fri 20 Nov, 10:00 local time", None)


def test_a_time_in_the_future_stands_where_we_were_told_and_says_why() -> None:
    ahead = {"occurred_at": after(hours=6), "told_at": after(hours=2)}
    when, note = entry(time_kind="utc", **ahead)
    assert when == "Fri 20 Nov, 11:00 London time"
    assert note == "The carrier's clock is ahead: this is when it was reported to us."
    assert note in tracking_page(view(placed(), told("shipment_created"), make_scan(**ahead)), follow=True).replace(
        "&#39;", "'"
    )


def test_a_future_time_without_a_zone_is_not_called_local_time() -> None:
    when, note = entry(occurred_at=after(hours=6), told_at=after(hours=2), time_kind="unknown_zone")
    assert when == "Fri 20 Nov, 11:00 London time"
    assert note == "The carrier told a time without its zone: this is when it was reported to us."


def test_the_last_news_of_a_day_is_that_day_and_not_so_many_hours_ago() -> None:
    day = make_scan(time_precision="day", occurred_at=after(hours=-9))
    assert view(placed(), told("shipment_created"), day).parcels[0].last_news == "Fri 20 Nov"


def test_a_parcel_that_was_delivered_again_says_when_it_really_was() -> None:
    early = make_scan(stage="delivered", occurred_at=after(hours=2))
    out = make_scan(stage="out_for_delivery", occurred_at=after(days=1))
    true = make_scan(stage="delivered", occurred_at=after(days=1, hours=3))
    page = view(placed(), told("shipment_created"), early, out, true, now=after(days=3))
    assert page.parcels[0].details[0] == "Sat 21 Nov, 12:00 local time"


def status_with(**fields: Any) -> OrderStatus:
    """Return the status of an order whose one parcel has these fields."""
    base = fold(placed(), told("shipment_created"), make_scan())
    return read_back({**base, "parcels": [{**base["parcels"][0], **fields}]})


def page_of(status: OrderStatus) -> Any:
    return tracking_view(status, (), {}, clock=make_clock(None, "Europe/London", now=after(hours=26)))


def test_pieces_are_counted_and_named() -> None:
    first = {"piece": "JD01", "stage": "delivered", "leg": "outbound", "substatus": None}
    second = {"piece": "JD02", "stage": "out_for_delivery", "leg": "outbound", "substatus": None}
    page = page_of(status_with(pieces=2, pieces_delivered=1, piece_states=[first, second]))
    assert page.summary == "1 of 2 pieces delivered"
    assert page.parcels[0].pieces == "1 of 2 delivered"
    assert [(one.name, one.status) for one in page.parcels[0].named_pieces] == [
        ("JD01", "Delivered"), ("JD02", "Out for Delivery"),
    ]  # fmt: skip
    assert "1 of 2 pieces delivered" in tracking_page(page, follow=True)


@pytest.mark.parametrize(("pieces", "delivered", "shown"), [(1, 0, None), (3, 0, "3"), (2, 2, "2 of 2 delivered")])
def test_pieces_that_need_no_count_have_none(pieces: int, delivered: int, shown: str | None) -> None:
    page = page_of(status_with(pieces=pieces, pieces_delivered=delivered))
    assert (page.parcels[0].pieces, page.parcels[0].named_pieces, page.summary) == (shown, (), None)


def test_an_agents_word_is_told_without_its_author_and_reason() -> None:
    said: Any = {"by": {"kind": "agent", "name": "agent-7"}, "reason": "Ann Smith rang us", "shipment": "S1"}
    override = told("override_set", occurred_at=after(hours=3), stage="delivered", **said)
    page = view(placed(), told("shipment_created"), make_scan(), override)
    html = tracking_page(page, follow=True)
    assert (page.headline, page.parcels[0].status) == ("Delivered", "Delivered")
    assert page.parcels[0].notices[0].title == "Checked by the shop"
    assert page.parcels[0].details == ("Fri 20 Nov, 12:00 London time",)
    assert "Ann Smith" not in html
    assert "agent-7" not in html


def test_a_delivery_that_is_doubted_says_that_the_shop_is_checking() -> None:
    early = make_scan(stage="delivered", place={"city": "Leeds", "country": "GB"}, occurred_at=after(hours=2))
    later = make_scan(stage="in_transit", place={"city": "Bath", "country": "GB"}, occurred_at=after(hours=9))
    page = view(placed(), told("shipment_created"), early, later)
    assert page.parcels[0].status == "Delivered"
    assert [notice.title for notice in page.parcels[0].notices] == ["Being checked"]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage.IN_TRANSIT, "Returning"),
        (Stage.DELIVERED, "Returning"),
        (Stage.RETURNED, "Returned"),
        (Stage.LOST, "Lost"),
        (Stage.DISPOSED, "Disposed of"),
        (Stage.ANNOUNCED, "Return announced"),
        ("teleported", "Teleported"),
    ],
)
def test_the_way_back_has_its_own_words(stage: str, expected: str) -> None:
    leg = "return" if stage in PARCEL_WORDS else "outbound"
    assert page_of(status_with(stage=stage, leg=leg)).parcels[0].status == expected


def test_each_of_several_parcels_says_what_its_status_means() -> None:
    page = view(
        placed(),
        told("shipment_created", shipment="A", number="A1", lines=[line(2)]),
        told("shipment_created", shipment="B", number="B1", lines=[line(1, name="2")]),
        make_scan(number="A1", stage="lost"),
    )
    lost = PARCEL_WORDS[Stage.LOST]
    assert page.parcels[1].sentence == f"{lost.sentence} {lost.next}"
    assert lost.sentence in tracking_page(page, follow=True)
    alone = tracking_page(view(placed(), told("shipment_created"), make_scan()), follow=True)
    assert PARCEL_WORDS[Stage.IN_TRANSIT].sentence not in alone


def test_a_condition_of_the_order_itself_says_what_it_means() -> None:
    missing = told("backordered", occurred_at=after(hours=1), lines=[line(1)])
    page = view(placed(), missing)
    words = ORDER_CONDITION_WORDS["backordered"]
    assert (page.badges, page.notes) == (("Partly out of stock",), (f"{words.sentence} {words.next}",))
    delayed = view(placed(), told("shipment_created"), make_scan(conditions_set=["delayed"]))
    assert (delayed.badges, delayed.notes) == (("Delayed",), ())


def test_a_seller_says_what_happens_next_with_which_articles() -> None:
    page = view(placed(lines=[{**LINES[0], "seller": "Wool Barn"}, LINES[1]]))
    assert [(one.name, one.articles) for one in page.sellers] == [
        ("The shop", ("Lamp",)),
        ("Wool Barn", ("Wool blanket",)),
    ]
    assert page.sellers[0].next == "We will pick the articles from our shelves."


def test_a_parcel_shows_what_is_missing_of_its_history() -> None:
    unknown = parcel_view(
        status_with(stage="not_found").parcels[0], (), heading="", lines={}, clock=make_clock(None, None, now=after())
    )
    assert (unknown.nothing_yet or "").startswith("The carrier does not know the number yet.")
    voided = view(placed(), told("shipment_created"), told("shipment_voided", occurred_at=after(hours=1)))
    assert voided.parcels[0].nothing_yet == PARCEL_WORDS[Stage.CANCELLED].sentence
    assert view(placed(), told("shipment_created", number=None)).parcels[0].nothing_yet == NO_NUMBER_YET


@pytest.mark.parametrize("state", [OrderState.OUT_FOR_DELIVERY, OrderState.ATTEMPTED])
def test_a_parcel_that_waited_at_a_counter_and_is_out_again_stands_at_the_van(state: OrderState) -> None:
    waiting = make_scan(stage="available_for_pickup")
    base = fold(placed(), told("shipment_created"), waiting)
    assert ("Out for Delivery", "now") in standing(page_of(read_back({**base, "state": state.value})))
