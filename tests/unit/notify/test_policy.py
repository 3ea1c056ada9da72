"""What is told, to whom, and that no order of arrival changes which messages there are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.order_status import ORDER_STATUS
from schemas.vocabulary import Milestone
from services.notify.channels.registry import CHANNELS
from services.notify.contacts import EMPTY, Book, fold, stamp
from services.notify.policy import POLICY, SILENT, Identity, Told, plan
from services.notify.render import has_templates
from services.notify.settings import KNOWN_CHANNELS, NotifySection
from tests.unit.notify.making import (
    book,
    changed_body,
    contact,
    event,
    milestone,
    parcel,
    placed_body,
    status,
    status_body,
    wishes_body,
)

KEY = "main:1001"
TOLD = {name for name, how in POLICY.items() if isinstance(how, Told)}


def identities(*parcels: dict[str, Any], of: Book | None = None, **fields: Any) -> list[tuple[str, ...]]:
    planned = plan(KEY, status(*parcels, **fields), of or book(), channels=("email",))
    return [(one.identity.parcel, one.identity.milestone, one.identity.role) for one in planned if not one.withheld]


def test_every_milestone_is_told_or_silent() -> None:
    assert set(POLICY) == set(Milestone)
    assert all(isinstance(how, Told) or how is SILENT for how in POLICY.values())


def test_the_four_that_customers_wait_for_are_told() -> None:
    assert {
        Milestone.SHIPPED,
        Milestone.OUT_FOR_DELIVERY,
        Milestone.AVAILABLE_FOR_PICKUP,  # "Ready to Collect" at a carrier's point
        Milestone.READY_TO_COLLECT,
        Milestone.DELIVERED,
    } == TOLD


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("name", sorted(TOLD))
def test_every_told_milestone_has_texts_in_every_channel(channel: str, name: str) -> None:
    assert has_templates(channel, name)


def test_a_provider_may_be_down_until_the_news_is_old() -> None:
    section = NotifySection()
    longest = max(how.max_age for how in POLICY.values() if isinstance(how, Told))
    assert section.max_tries * section.retry_longest_s / 2 > longest.total_seconds()


def test_settings_and_registry_know_the_same_channels() -> None:
    assert tuple(CHANNELS) == KNOWN_CHANNELS


def test_each_parcel_is_told_of_by_itself() -> None:
    one, two = parcel(milestone("shipped")), parcel(milestone("shipped"), shipment="S2")
    assert identities(one, two) == [("S1", "shipped", "buyer"), ("S2", "shipped", "buyer")]


def test_r8_out_for_delivery_twice_on_one_day_is_one_message() -> None:
    twice = parcel(milestone("out_for_delivery"), milestone("out_for_delivery", minutes=90, event_key="other"))
    assert identities(twice) == [("S1", "out_for_delivery", "buyer")]


def test_r7_out_for_delivery_on_the_next_day_is_told_again() -> None:
    again = parcel(milestone("out_for_delivery"), milestone("out_for_delivery", minutes=1440))
    assert len(identities(again)) == 2


def test_a_milestone_this_version_does_not_know_is_not_told() -> None:
    assert identities(parcel(milestone("teleported"))) == []


def test_what_is_only_inferred_is_written_down_as_not_to_be_told() -> None:
    (one,) = plan(KEY, status(parcel(milestone("shipped", inferred=True))), book(), channels=("email",))
    assert one.withheld == "inferred"


@pytest.mark.parametrize("mark", ["reread", "remap", "restored"])
def test_what_a_marked_message_shows_first_is_written_down_as_not_to_be_told(mark: str) -> None:
    (one,) = plan(KEY, status(parcel(milestone("shipped")), change={"marked": mark}), book(), channels=("email",))
    assert one.withheld == mark


def test_a_recipient_whom_the_shop_named_is_told_too() -> None:
    both = book(placed_body(contact(), contact("recipient")))
    assert identities(parcel(milestone("shipped")), of=both) == [
        ("S1", "shipped", "buyer"),
        ("S1", "shipped", "recipient"),
    ]


def test_a_person_named_later_is_told_of_later_milestones_only() -> None:
    late = book(placed_body(), changed_body(contact("recipient"), minutes=5))
    shown = parcel(milestone("shipped", minutes=0), milestone("delivered", minutes=10))
    assert ("S1", "shipped", "recipient") not in identities(shown, of=late)
    assert ("S1", "delivered", "recipient") in identities(shown, of=late)


def test_the_identity_does_not_depend_on_address_or_version() -> None:
    mine = plan(KEY, status(parcel(milestone("shipped")), version=1), book(), channels=("email",))
    other = book(placed_body(contact(email="new@example.com")))
    assert mine == plan(KEY, status(parcel(milestone("shipped")), version=9), other, channels=("email",))


def test_the_id_of_a_message_is_the_same_everywhere() -> None:
    one = Identity(KEY, "S1", "shipped", "S1", "email", "buyer")
    assert str(one.id) == "d6ea2f85-4831-553c-ae57-5621922e7053"


STORY = ("shipped", "out_for_delivery", "delivered")
STATUS_BODIES = [
    status_body(parcel(*(milestone(name, minutes=n) for n, name in enumerate(STORY[:reached]))), version=reached + 1)
    for reached in range(len(STORY) + 1)
]
EVENT_BODIES = [
    placed_body(),
    changed_body(contact("recipient", email="r@example.com", phone="+447700900123")),
    changed_body(contact("buyer", phone="+447700900124")),
    changed_body(contact("collector"), contact("recipient", email="other@example.com"), minutes=-450),
    wishes_body(sms=True),
    wishes_body(minutes=-300, muted=["shipped"]),
]
INPUTS = [*STATUS_BODIES, *EVENT_BODIES]


def told_by(bodies: list[dict[str, Any]]) -> tuple[set[Identity], Book]:
    """Do what the handler does, without a database: keep the newest status, fold contacts, plan after each."""
    rows: list[Identity] = []
    newest, known = None, EMPTY
    for body in bodies:
        if "type" in body:
            one = event(body)
            known = fold(known, one, stamp(one, source="oms", event_id=str(EVENT_BODIES.index(body))))
        else:
            message = ORDER_STATUS.validate_python(body)
            if newest is not None and message.change.version <= newest.change.version:
                continue
            newest = message
        if newest is not None:
            planned = plan(KEY, newest, known, channels=("email", "sms"))
            rows += [one.identity for one in planned if one.identity not in rows]
    assert len(rows) == len(set(rows))
    return set(rows), known


EXPECTED = told_by(INPUTS)


@given(st.permutations(INPUTS), st.lists(st.sampled_from(INPUTS), max_size=12), st.randoms())
def test_any_order_and_repetition_of_inputs_leads_to_the_same_messages(
    order: list[dict[str, Any]], repeats: list[dict[str, Any]], random: Any
) -> None:
    mixed = list(order)
    for body in repeats:
        mixed.insert(random.randint(0, len(mixed)), body)
    assert told_by(mixed) == EXPECTED
