"""What is left of closed orders and parcels, and what it still says: no database."""

from datetime import UTC, datetime, timedelta

from schemas.order_status import ORDER_STATUS
from services.status.awaited import look
from services.status.claims import Claim
from services.status.closed import end_of, erased_event, erased_status, leave
from services.status.inputs import stored_event
from services.status.messages import SNAPSHOT_TOPIC, STATUS_TOPIC, status_message, tombstone
from services.status.order import fold_order
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.replay import World
from services.status.replayed import Again, OrderRow
from tests.builders import START, make_order_event, make_scan
from tests.unit.status.making import replayed

ORDER, OTHER = "main:1001", "main:2"
ERASED_AT = START + timedelta(days=9)


def told(kind: str, *, order: str = "1001", **fields: object) -> tuple[str, StoredEvent]:
    event = make_order_event(kind, order=order, **fields)
    return event.key, stored_event("oms", f"{kind}-{order}", event)


STORY = (told("placed"), told("shipment_created"), make_scan())
ERASED = told("erased", occurred_at=ERASED_AT)


def test_an_erased_order_reads_as_its_mark_alone_says() -> None:
    shown = ORDER_STATUS.validate_python(erased_status("books:77", START, version=9))
    assert (shown.shop, shown.order, shown.state, shown.change.version) == ("books", "77", "erased", 9)
    assert shown.change.cause.event == "trackfold/status#erased"
    assert fold_order("books:77", [erased_event("books:77", START)], {})["state"] == "erased"


def test_a_tombstone_tells_nothing_and_takes_the_snapshot_away() -> None:
    one = tombstone(ORDER, version=4, at=START)
    assert (one.topic, one.key, one.value, one.tombstone) == (STATUS_TOPIC, ORDER.encode(), None, True)
    assert dict(one.headers)["ce_type"] == f"trackfold.{SNAPSHOT_TOPIC.removesuffix('.v1')}.closed.v1"


def test_only_the_message_of_an_erased_order_takes_its_snapshot_away() -> None:
    for world, gone in ((replayed(STORY), False), (replayed((*STORY, ERASED)), True)):
        last = world.published[-1]
        message = status_message(ORDER, last.document, last.change, at=START, traceparent=None)
        assert message.tombstone is gone


def test_a_parcel_stays_with_the_open_orders_that_claim_it_and_goes_with_the_last() -> None:
    def history() -> dict[str, History]:
        claims = {(order, "S"): Claim(START, order, "S") for order in (ORDER, OTHER)}
        return {"a:1": History(claims=claims), "a:2": History(claims={(ORDER, "T"): Claim(START, ORDER, "T")})}

    assert leave(history(), ORDER, ()) == ({"a:2"}, {OTHER})
    assert leave(history(), ORDER, {OTHER}) == ({"a:1", "a:2"}, set())
    assert leave(history(), "main:3", ()) == (set(), set())


def test_a_parcel_is_over_at_its_erasure_or_at_the_last_thing_that_is_known_of_it() -> None:
    scan = make_scan()
    known = History(readings={(scan.event_key, "x"): scan})
    assert end_of(History(), ERASED_AT) == ERASED_AT
    assert end_of(known, ERASED_AT) == ERASED_AT
    assert end_of(known, START) == scan.occurred_at


def test_after_an_erasure_nothing_of_the_order_is_left_in_the_batch_to_be_written() -> None:
    world = replayed((*STORY, ERASED, *STORY, told("note", text="late")))
    assert world.rows == []
    assert world.erased == {ORDER: ERASED_AT}
    assert world.left == {make_scan().key: ERASED_AT}
    assert world.after_closing == {"scan": 1, "erased": 3}
    assert [one.document["state"] for one in world.published][-1] == "erased"


def test_an_order_that_is_read_again_and_turns_out_to_be_erased_is_erased() -> None:
    """E7: its erasure was read while it waited for the end of its inputs."""
    key, stored = ERASED
    row = OrderRow(6, "delivered", restored=True)
    world = World(histories={}, next_n={}, events={key: {("oms", "e"): stored}}, orders={key: row})
    world.apply(Again(key, datetime(2026, 12, 1, tzinfo=UTC)))
    assert (row.version, row.state, row.closed) == (7, "erased", "erased")
    assert world.published[0].change["marked"] == "restored"


def test_an_order_without_events_awaits_nothing() -> None:
    assert look(ORDER, [], {}) == []
