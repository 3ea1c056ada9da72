"""The simulated stories: valid by the contract, the same for the same seed, and never short of anything told."""

import base64
import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks

from schemas.envelope import header
from schemas.order_events import EVENT_TYPES, ORDER_EVENT, Placed
from schemas.scans import StandardScan
from services.local.disorder import Arrival, Report, plan_arrivals
from services.local.messages import StoryClock, order_event, sign, webhook
from services.local.stories import ShopStep, Story, make_story

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CLOCK = StoryClock(START, speed=1200)
STORIES = [make_story(7, index, prefix="T1") for index in range(300)]


def test_the_same_seed_tells_the_same_stories() -> None:
    again = [make_story(7, index, prefix="T1") for index in range(300)]
    other = [make_story(8, index, prefix="T1") for index in range(300)]

    assert again == STORIES
    assert other != STORIES


def test_a_story_does_not_depend_on_the_stories_before_it() -> None:
    assert make_story(7, 123, prefix="T1") == STORIES[123]


def test_every_order_event_is_valid_by_the_contract_and_keyed_by_its_order() -> None:
    seen = set()
    for story in STORIES:
        for step in story.steps:
            message = order_event(story, step, clock=CLOCK)
            event = ORDER_EVENT.validate_json(message.value)
            seen.add(event.type)
            assert event.type in EVENT_TYPES
            assert event.key.encode() == message.key
            assert event.occurred_at >= START
            assert header(message.headers, "ce_type") == f"trackfold.order.events.{step.type}.v1"

    assert seen >= {
        "placed", "payment_confirmed", "payment_failed", "picking_started", "packed", "ready_to_collect",
        "collected", "shipment_created", "dispatched", "cancelled",
    }  # fmt: skip


def test_event_identities_are_unique_and_two_shops_share_order_numbers() -> None:
    ids = [
        (header(message.headers, "ce_source"), header(message.headers, "ce_id"))
        for story in STORIES
        for message in (order_event(story, step, clock=CLOCK) for step in story.steps)
    ]
    orders = {(story.shop, story.order) for story in STORIES}

    assert len(set(ids)) == len(ids)
    assert len(orders) == len(STORIES)
    assert len({order for _, order in orders}) < len(orders)


def test_contacts_can_be_nobody() -> None:
    for story in STORIES:
        placed = ORDER_EVENT.validate_json(order_event(story, story.steps[0], clock=CLOCK).value)
        assert isinstance(placed, Placed)
        for contact in placed.contacts:
            assert contact.email is not None
            assert contact.email.endswith("@example.com")
            assert contact.phone is not None
            assert contact.phone.startswith("+44 7700 900")


def test_parcels_carry_only_what_was_ordered_and_not_more() -> None:
    for story in STORIES:
        ordered = {line["line"]: line["quantity"] for line in _fields(story, "placed")[0]["lines"]}
        sent: dict[str, int] = {}
        for created in _fields(story, "shipment_created"):
            for line in created["lines"]:
                sent[line["line"]] = sent.get(line["line"], 0) + line["quantity"]
        assert all(0 < quantity <= ordered[line] for line, quantity in sent.items())


def test_tracking_numbers_are_used_once() -> None:
    numbers = [parcel.number for story in STORIES for parcel in story.parcels]

    assert len(set(numbers)) == len(numbers)


def test_the_first_order_is_a_parcel_to_the_door_told_by_easypost() -> None:
    for seed in range(50):
        first = make_story(seed, 0, prefix="T1")
        assert first.kind == "parcel"
        assert first.parcels[0].carrier.provider == "easypost"
        assert first.parcels[0].scans[-1].kind == "delivered"


def test_disorder_keeps_the_set_of_what_is_told() -> None:
    for story in STORIES:
        arrivals = plan_arrivals(story, 7)
        assert {a.what.n for a in arrivals if isinstance(a.what, ShopStep)} == {step.n for step in story.steps}
        for parcel in story.parcels:
            told = {scan for report in _reports(arrivals) if report.parcel == parcel for scan in report.scans}
            assert told == set(range(len(parcel.scans)))


def test_nothing_arrives_before_it_happened() -> None:
    for story in STORIES:
        for arrival in plan_arrivals(story, 7):
            what = arrival.what
            happened = what.at_s if isinstance(what, ShopStep) else what.parcel.scanned_s(what.scans[-1])
            assert arrival.at_s >= happened


def test_some_messages_are_late_repeated_and_out_of_order_and_none_in_a_calm_world() -> None:
    arrivals = [arrival for story in STORIES for arrival in plan_arrivals(story, 7)]
    calm = [arrival for story in STORIES for arrival in plan_arrivals(story, 7, calm=True)]
    overtaken = [
        story
        for story in STORIES
        if (order := [a.what.n for a in plan_arrivals(story, 7) if isinstance(a.what, ShopStep)]) != sorted(order)
    ]

    assert any(arrival.late for arrival in arrivals)
    assert any(arrival.again for arrival in arrivals)
    assert overtaken
    assert not any(arrival.late or arrival.again for arrival in calm)


def test_the_same_seed_brings_the_same_disorder() -> None:
    assert plan_arrivals(STORIES[3], 7) == plan_arrivals(STORIES[3], 7)


def test_easypost_bodies_grow_and_hold_the_whole_history() -> None:
    story = STORIES[0]
    reports = _reports(plan_arrivals(story, 7, calm=True))
    bodies = [json.loads(_body(story, report)) for report in reports]
    details = [body["result"]["tracking_details"] for body in bodies]

    assert [len(detail) for detail in details] == list(range(1, len(story.parcels[0].scans) + 1))
    assert all(longer[: len(shorter)] == shorter for shorter, longer in itertools.pairwise(details))
    assert bodies[-1]["result"]["status"] == "delivered"
    assert len({body["id"] for body in bodies}) == len(bodies)


def test_standard_bodies_are_scans_of_the_documented_format() -> None:
    told = [
        StandardScan.model_validate_json(_body(story, report))
        for story in STORIES
        for report in _reports(plan_arrivals(story, 7))
        if report.parcel.carrier.provider == "standard"
    ]

    assert {scan.stage for scan in told} >= {"announced", "accepted", "in_transit", "out_for_delivery", "delivered"}


def test_a_standard_signature_is_verified_by_the_reference_library() -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    story = next(story for story in STORIES for p in story.parcels if p.carrier.provider == "standard")
    parcel = next(p for p in story.parcels if p.carrier.provider == "standard")
    message = webhook(story, parcel, scans=(0,), clock=CLOCK)

    headers = sign(message, secret, at=datetime.now(UTC))  # noqa: TID251 -- the library compares with the real time

    assert standardwebhooks.Webhook(secret).verify(message.body, headers)["type"] == "tracking.scan"


@pytest.mark.parametrize("secret", ["plain", "se\u0301cret", "s\u00e9cret"])
def test_an_easypost_signature_is_over_the_raw_body_with_the_normalised_secret(secret: str) -> None:
    message = webhook(STORIES[0], STORIES[0].parcels[0], scans=(0,), clock=CLOCK)
    decomposed = secret.replace("\u00e9", "e\u0301")

    assert sign(message, secret, at=START) == sign(message, decomposed, at=START)
    assert sign(message, secret, at=START)["x-hmac-signature"].startswith("hmac-sha256-hex=")


def _fields(story: Story, event: str) -> list[dict[str, Any]]:
    return [json.loads(order_event(story, step, clock=CLOCK).value) for step in story.steps if step.type == event]


def _reports(arrivals: tuple[Arrival, ...]) -> list[Report]:
    return [arrival.what for arrival in arrivals if isinstance(arrival.what, Report)]


def _body(story: Story, report: Report) -> bytes:
    return webhook(story, report.parcel, scans=report.scans, clock=CLOCK).body
