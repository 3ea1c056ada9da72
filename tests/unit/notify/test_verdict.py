"""What speaks against a message when it is due."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.order_status import OrderStatus
from services.notify.channels.registry import address_of
from services.notify.contacts import EMPTY, Book
from services.notify.policy import Identity
from services.notify.verdict import Deliver, Hold, Moment, Rules, Verdict, Withhold, verdict
from tests.unit.notify.making import (
    NOW,
    at,
    book,
    changed_body,
    contact,
    milestone,
    parcel,
    placed_body,
    status,
    wishes_body,
)

PHONE = "+447700900123"
BOTH = {"email": "ada@example.com", "phone": PHONE}


def asked(
    state: OrderStatus,
    known: Book | None = None,
    *,
    name: str = "shipped",
    channel: str = "email",
    role: str = "buyer",
    occasion: str = "S1",
    shipment: str = "S1",
    waited_s: float = 0,
    **rules: Any,
) -> Verdict:
    identity = Identity("main:1001", shipment, name, occasion, channel, role)
    moment = Moment(now=NOW, contact_by=NOW + timedelta(minutes=15) - timedelta(seconds=waited_s), reached_at=at(-1))
    people = book() if known is None else known
    return verdict(identity, state, people, moment=moment, rules=Rules(address_of=address_of, **rules))


SHIPPED = status(parcel(milestone("shipped", minutes=-1)))


def test_news_goes_to_the_contact() -> None:
    assert asked(SHIPPED) == Deliver("buyer@example.com")


def test_a_missing_contact_is_waited_for_and_then_told_of() -> None:
    assert asked(SHIPPED, EMPTY) == Hold("waiting_for_contact", NOW + timedelta(minutes=15))
    assert asked(SHIPPED, EMPTY, waited_s=901) == Withhold("no_contact")


def test_a_known_person_without_an_address_for_the_channel_is_not_waited_for() -> None:
    assert asked(SHIPPED, channel="sms") == Withhold("no_contact")


@pytest.mark.parametrize(
    ("contacts", "preferences", "email", "sms"),
    [
        (BOTH, {}, Deliver("ada@example.com"), Withhold("not_wanted")),
        (BOTH, {"sms": True}, Deliver("ada@example.com"), Deliver(PHONE)),
        (BOTH, {"email": False, "sms": True}, Withhold("not_wanted"), Deliver(PHONE)),
        (BOTH, {"email": False}, Withhold("not_wanted"), Withhold("not_wanted")),
        (BOTH, {"muted": ["shipped"], "sms": True}, Withhold("muted"), Withhold("muted")),
        ({"phone": PHONE}, {}, Withhold("no_contact"), Deliver(PHONE)),
        ({"phone": PHONE}, {"sms": False}, Withhold("no_contact"), Withhold("not_wanted")),
        (
            {"email": "not an address", "phone": PHONE},
            {},
            Withhold("invalid_contact", "not_an_email_address"),
            Deliver(PHONE),
        ),
    ],
)
def test_the_channel_follows_contacts_and_preferences(
    contacts: dict[str, str], preferences: dict[str, Any], email: Verdict, sms: Verdict
) -> None:
    known = book(placed_body(contact(**contacts)), wishes_body(**preferences))
    assert (asked(SHIPPED, known), asked(SHIPPED, known, channel="sms")) == (email, sms)


def test_a_shop_may_send_sms_beside_email() -> None:
    known = book(placed_body(contact(**BOTH)))
    assert asked(SHIPPED, known, channel="sms", sms_beside_email=True) == Deliver(PHONE)


def test_one_number_in_two_spellings_is_told_once() -> None:
    people = (contact("buyer", phone="07700 900123"), contact("recipient", phone="+44 (0)7700-900123"))
    known = book(placed_body(*people, destination={"country": "GB"}))
    assert asked(SHIPPED, known, channel="sms") == Deliver(PHONE)
    assert asked(SHIPPED, known, channel="sms", role="recipient") == Withhold("same_contact")


def test_one_mailbox_in_two_spellings_is_told_once() -> None:
    known = book(placed_body(contact(email="Ada@example.com"), contact("recipient", email="ada@Example.com")))
    assert asked(SHIPPED, known) == Deliver("Ada@example.com")
    assert asked(SHIPPED, known, role="recipient") == Withhold("same_contact")


def test_until_the_order_itself_is_read_its_people_are_not_told() -> None:
    """It may hold the preferences, the country of a number, a second role with the same address."""
    early = changed_body(contact(phone="07700 900123"))
    for channel in ("email", "sms"):
        answer = asked(SHIPPED, book(early), channel=channel)
        assert answer == Hold("waiting_for_contact", NOW + timedelta(minutes=15))
    known = book(early, placed_body(destination={"country": "GB"}))
    assert asked(SHIPPED, known, channel="sms") == Deliver(PHONE)


def test_people_of_an_order_that_is_never_read_are_told_in_the_end() -> None:
    assert asked(SHIPPED, book(changed_body(contact())), waited_s=901) == Deliver("buyer@example.com")


def test_a_changed_contact_gets_what_is_not_sent_yet() -> None:
    known = book(placed_body(), changed_body(contact(email="new@example.com")))
    assert asked(SHIPPED, known) == Deliver("new@example.com")


@pytest.mark.parametrize(
    ("name", "later"),
    [
        ("shipped", "out_for_delivery"),
        ("shipped", "delivered"),
        ("out_for_delivery", "delivered"),
        ("out_for_delivery", "attempted"),
        ("available_for_pickup", "delivered"),
    ],
)
def test_news_that_newer_news_has_overtaken_is_not_told(name: str, later: str) -> None:
    mine = milestone(name, minutes=-2)
    state = status(parcel(mine, milestone(later, minutes=-1)))
    assert asked(state, name=name, occasion=mine["occasion"]) == Withhold("overtaken")


def test_r8_out_for_delivery_in_the_minute_of_delivery_is_not_told() -> None:
    mine = milestone("out_for_delivery", minutes=-1)
    state = status(parcel(mine, milestone("delivered", minutes=-1)))
    assert asked(state, name="out_for_delivery", occasion=mine["occasion"]) == Withhold("overtaken")


def test_an_earlier_attempt_does_not_overtake_a_new_delivery_day() -> None:
    today = milestone("out_for_delivery", minutes=-5)
    state = status(parcel(milestone("attempted", minutes=-1440), today))
    assert asked(state, name="out_for_delivery", occasion=today["occasion"]) == Deliver("buyer@example.com")


def test_delivered_is_told_whatever_else_came() -> None:
    state = status(parcel(*(milestone(name, minutes=-1) for name in ("shipped", "out_for_delivery", "delivered"))))
    assert asked(state, name="delivered") == Deliver("buyer@example.com")


@pytest.mark.parametrize(("name", "hours"), [("shipped", 72), ("out_for_delivery", 12), ("delivered", 48)])
def test_old_news_is_not_told(name: str, hours: int) -> None:
    for minutes, fits in ((hours * 60 - 1, True), (hours * 60 + 1, False)):
        mine = milestone(name, minutes=-minutes)
        answer = asked(status(parcel(mine)), name=name, occasion=mine["occasion"])
        assert answer == (Deliver("buyer@example.com") if fits else Withhold("too_old"))


def test_how_old_news_may_be_is_a_setting() -> None:
    old = status(parcel(milestone("shipped", minutes=-60 * 24 * 300)))
    assert asked(old) == Withhold("too_old")
    assert asked(old, age_scale=1000) == Deliver("buyer@example.com")


def test_what_was_taken_back_is_not_told() -> None:
    assert asked(status(parcel())) == Withhold("withdrawn")
    assert asked(status()) == Withhold("withdrawn")


def test_what_a_truncated_message_leaves_out_is_not_taken_back() -> None:
    assert asked(status(truncated=True), name="delivered") == Deliver("buyer@example.com")


@pytest.mark.parametrize("name", ["shipped", "out_for_delivery", "available_for_pickup"])
def test_a_parcel_that_a_truncated_message_leaves_out_is_finished(name: str) -> None:
    assert asked(status(truncated=True), name=name) == Withhold("overtaken")


def test_an_erased_order_gets_nothing() -> None:
    assert asked(status(parcel(milestone("shipped", minutes=-1)), state="erased")) == Withhold("erased")


def test_r4_delivered_is_held_while_the_carrier_contradicts_itself() -> None:
    doubt = [{"name": "contradiction", "since": at(-1), "event_key": "key"}]
    state = status(parcel(milestone("delivered", minutes=-1), conditions=doubt))
    answer = asked(state, name="delivered")
    assert isinstance(answer, Hold)
    assert answer.reason == "contradiction"
    before = [{"name": "contradiction", "since": at(-90), "event_key": "key"}]
    answer = asked(status(parcel(milestone("delivered", minutes=-1), conditions=before)), name="delivered")
    assert isinstance(answer, Deliver), "what was contradicted before the delivery does not hold it back"


def test_a_collector_is_told_that_the_order_is_ready() -> None:
    ready = milestone("ready_to_collect", minutes=-1)
    state = status(milestones=[ready], state="ready_to_collect")
    known = book(placed_body(contact(), contact("collector")))
    for role in ("buyer", "collector"):
        answer = asked(state, known, name="ready_to_collect", shipment="", role=role)
        assert answer == Deliver(f"{role}@example.com")
    gone = status(milestones=[ready, milestone("collected", minutes=0, occasion="order")])
    assert asked(gone, known, name="ready_to_collect", shipment="") == Withhold("overtaken")
