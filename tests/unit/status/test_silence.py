"""A parcel that left and that no carrier speaks of (E15), and whose box a word about a scan is in (R18)."""

import pytest

from schemas.scans import Scan
from services.runtime.kafka import Record
from services.status.awaited import Awaited, look
from services.status.inputs import Refused, ScanIn, read
from services.status.order_facts import StoredEvent
from tests.builders import KEY, NUMBER, after, line, make_scan
from tests.unit.status.making import fold, histories_of, parcel, replayed, told
from tests.unit.status.parcels import staged

PLACED = told(lines=[line(1)])
CREATED = told("shipment_created")
DISPATCHED = told("dispatched", event_id="gone", shipment="S1", occurred_at=after(hours=2))


def silence(*events: StoredEvent, scans: tuple[Scan, ...] = ()) -> list[tuple[str, object]]:
    """Return from which event silence is counted, and when it is due."""
    waiting = look(KEY, events, histories_of({KEY: events}, scans))
    found = [one.expectation for one in waiting if one.expectation.rule == "silent"]
    return [(one.basis, one.due_at) for one in found]


def fired(basis: str, **due: float) -> Scan:
    return make_scan(kind="time", stage=None, rule="silent", basis=basis, due_at=after(**due), occurred_at=after(**due))


def conditions(*records: StoredEvent | Scan) -> list[str]:
    return [one["name"] for one in parcel(fold(PLACED, CREATED, *records))["conditions"]]


def test_e15_a_parcel_that_left_and_was_never_scanned_is_silent_after_three_days() -> None:
    assert silence(PLACED, CREATED) == [(CREATED.key, after(hours=72))], "a label is announced, and waited for"
    assert silence(PLACED, CREATED, DISPATCHED) == [("oms#gone", after(hours=74))]
    assert conditions(DISPATCHED, fired("oms#gone", hours=74)) == ["silent"]


def test_e15_the_carriers_first_word_takes_that_silence_back_whenever_it_comes() -> None:
    label = staged("announced", 20, event_key="label")
    assert silence(PLACED, CREATED, DISPATCHED, scans=(label,)) == [("label", after(hours=92))]
    assert conditions(DISPATCHED, fired("oms#gone", hours=74), label) == []
    assert conditions(DISPATCHED, fired("oms#gone", hours=74), staged("in_transit", 80)) == []
    assert conditions(DISPATCHED, fired("oms#other", hours=74)) == []


def test_r18_what_withdraws_a_scan_or_counts_its_silence_is_of_its_box_whenever_it_is_told() -> None:
    mine = [PLACED, CREATED]
    later = [told(order="1002"), told("shipment_created", order="1002", occurred_at=after(days=60))]
    scans = [
        staged("in_transit", 1, event_key="mine"),
        staged("delivered", 24, event_key="false"),
        make_scan(kind="void", stage=None, voids="false", occurred_at=after(days=58)),
        make_scan(kind="time", stage=None, rule="expired_tracking", basis="mine", due_at=after(days=57)),
    ]
    document = fold(*mine, *scans, others={"main:1002": later})
    assert document["state"] == "in_transit"
    assert [one["name"] for one in parcel(document)["conditions"]] == ["expired_tracking"]
    other = parcel(fold(*later, *scans, key="main:1002", others={KEY: mine}))
    assert (other["number"], other["stage"], other["set_aside"]) == (NUMBER, "announced", [])


def awaiting(*records: StoredEvent | Scan, rule: str) -> list[Awaited]:
    events = [one for one in records if isinstance(one, StoredEvent)]
    histories = histories_of({KEY: events}, [one for one in records if isinstance(one, Scan)])
    return [one for one in look(KEY, events, histories) if one.expectation.rule == rule]


def as_told(one: Awaited) -> StoredEvent | Scan:
    """Return the record of a time event, as the timer sends it and the engine reads it."""
    record = Record(one.topic, 0, 0, 0, one.key.encode(), one.value, tuple(one.headers))
    item = read(record)
    assert not isinstance(item, Refused)
    return item.scan if isinstance(item, ScanIn) else item.stored


def test_e15_two_parcels_of_one_dispatch_are_both_waited_for() -> None:
    gone = told("dispatched", event_id="gone", occurred_at=after(hours=2))
    second = told("shipment_created", shipment="S2", number="CD999999999GB")
    first = awaiting(PLACED, CREATED, second, gone, rule="silent")
    assert len({one.key for one in first}) == 2
    left = awaiting(PLACED, CREATED, second, gone, as_told(first[0]), rule="silent")
    assert [one.key for one in left] == [first[1].key]


LATE = told(event_id="p", lines=[line(1)], promised={"ends": after(hours=30)}, destination={"country": "GB"})
ESTIMATE = staged(None, 3, kind="estimate", event_key="eta", window={"ends": after(hours=30)})
REOPENED = (staged("in_transit", 2), ESTIMATE, staged("delivered", 29), staged("out_for_delivery", 60))


@pytest.mark.parametrize("rule", ["delayed", "promise_missed"])
def test_e15_what_passed_while_it_was_thought_delivered_counts_once_it_is_open_again(rule: str) -> None:
    waiting = awaiting(LATE, CREATED, *REOPENED, rule=rule)
    assert [one.expectation.due_at for one in waiting] == [after(hours=60)]
    document = fold(LATE, CREATED, *REOPENED, as_told(waiting[0]))
    assert (document["state"], document["conditions"]) == ("out_for_delivery", ["delayed"])
    assert awaiting(LATE, CREATED, *REOPENED, as_told(waiting[0]), rule=rule) == []


def test_e15_what_passed_at_the_carriers_point_counts_when_it_travels_again() -> None:
    scans = (staged("in_transit", 2), ESTIMATE, staged("available_for_pickup", 20), staged("in_transit", 50))
    waiting = awaiting(PLACED, CREATED, *scans, rule="delayed")
    assert [one.expectation.due_at for one in waiting] == [after(hours=50)]
    assert fold(PLACED, CREATED, *scans, as_told(waiting[0]))["conditions"] == ["delayed"]


def test_e15_what_passed_beneath_an_agents_word_counts_when_the_word_has_ended() -> None:
    said = told("override_set", stage="delivered", pinned=True, occurred_at=after(hours=10))
    ended = told("override_ended", occurred_at=after(hours=100))
    moving = staged("in_transit", 2)
    waiting = awaiting(PLACED, CREATED, said, ended, moving, rule="silent")
    assert [one.expectation.due_at for one in waiting] == [after(hours=100)]
    told_of = parcel(fold(PLACED, CREATED, said, ended, moving, as_told(waiting[0])))
    assert [one["name"] for one in told_of["conditions"]] == ["silent"]


def test_e3_of_a_shared_number_an_order_sees_what_its_own_dispatch_awaited_and_no_other() -> None:
    other = [told(order="1002"), told("shipment_created", order="1002")]
    time = fired("oms#gone", hours=74)
    mine = parcel(fold(PLACED, CREATED, DISPATCHED, time, others={"main:1002": other}))
    assert [one["name"] for one in mine["conditions"]] == ["silent"]
    theirs = parcel(fold(*other, time, key="main:1002", others={KEY: [PLACED, CREATED, DISPATCHED]}))
    assert (theirs["conditions"], theirs["set_aside"]) == ([], [])


def test_e3_what_another_orders_dispatch_awaited_changes_nothing_record_by_record() -> None:
    mine = [(KEY, one) for one in (PLACED, CREATED, DISPATCHED)]
    other = [("main:1002", one) for one in (told(order="1002"), told("shipment_created", order="1002"))]
    world = replayed([*mine, *other, fired("oms#gone", hours=74)])
    assert [one.order for one in world.published if one.change["cause"]["type"] == "time"] == [KEY]


@pytest.mark.parametrize("day", ["9999-12-31", "1000-01-01", "2199-12-31"])
def test_a_day_outside_our_calendar_says_nothing_and_breaks_nothing(day: str) -> None:
    far = staged(None, 3, kind="estimate", window={"day": day})
    delayed = staged("in_transit", 2, conditions_set=["delayed"])
    assert parcel(fold(PLACED, CREATED, delayed, far))["window"]["day"] == day
    assert awaiting(PLACED, CREATED, delayed, far, rule="delayed") == []


def test_e15_a_scan_that_comes_late_is_judged_anew_record_by_record() -> None:
    missed = awaiting(LATE, CREATED, staged("in_transit", 2), rule="promise_missed")[0]
    told_of = [(KEY, one) for one in (LATE, CREATED, as_told(missed)) if isinstance(one, StoredEvent)]
    world = replayed([*told_of, staged("in_transit", 2), staged("delivered", 20)])
    document = world.orders[KEY].document
    assert document is not None
    assert [one["why"] for one in document["set_aside"]] == ["not_expected"]
    assert world.orders[KEY].document == fold(
        LATE, CREATED, as_told(missed), staged("in_transit", 2), staged("delivered", 20)
    )
