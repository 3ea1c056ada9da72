"""The load of the whole chain: what is sent when, and that the services' own code reads what it means."""

from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile

from benchmarks.full import flow
from benchmarks.full.flow import FIRST_ORDER, PLACED, STEPS, Story
from services.status.inputs import OrderIn
from tests.unit.benchmarks.made import item_of

STORY = Story(datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC))


def test_actions_come_in_the_order_of_their_moments() -> None:
    found = list(islice(flow.actions(30), 500))
    assert all(before.at_s <= after.at_s for before, after in pairwise(found))


def test_each_order_is_placed_before_its_parcel_is_scanned_step_by_step() -> None:
    of_first = [one.step for one in islice(flow.actions(30), 2_000) if one.order == FIRST_ORDER]
    assert of_first == [PLACED, *range(len(STEPS))]


def test_once_all_kinds_come_there_are_as_many_webhooks_as_were_asked_for() -> None:
    found = takewhile(lambda one: one.at_s < flow.FILLED_S + 10, flow.actions(30))
    assert sum(one.is_webhook and one.at_s >= flow.FILLED_S for one in found) == 300


def test_a_story_is_the_same_whenever_it_is_told() -> None:
    assert STORY.body(FIRST_ORDER, 2) == STORY.body(FIRST_ORDER, 2)
    assert STORY.scanned_at(2) < STORY.now


def test_the_step_of_a_message_is_read_from_the_time_of_its_cause() -> None:
    assert [STORY.step_of(STORY.scanned_at(step).isoformat()) for step in range(len(STEPS))] == [0, 1, 2]
    assert STORY.step_of("2026-11-22T23:59:59+00:00") is None
    assert STORY.step_of("soon") is None


def test_status_reads_what_the_shop_tells() -> None:
    placed, created = (item_of(one) for one in STORY.events(FIRST_ORDER))
    assert isinstance(placed, OrderIn)
    assert isinstance(created, OrderIn)
    assert (placed.stored.event.type, created.stored.event.type) == ("placed", "shipment_created")
    assert placed.order == flow.order_key(FIRST_ORDER)
