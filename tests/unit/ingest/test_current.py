"""What one body says of a parcel now."""

from datetime import date, datetime, timedelta
from typing import Any

from schemas.order_events import Window
from schemas.scans import Scan
from services.ingest.carriers.current import current_of
from tests.unit.ingest.samples import TOLD_AT


def scan(hours: float, stage: str | None = None, **fields: Any) -> Scan:
    given: dict[str, Any] = {
        "kind": "scan", "event_key": f"k{hours}{stage}", "provider": "standard", "carrier": "ups", "number": "1Z9",
        "occurred_at": TOLD_AT + timedelta(hours=hours), "stage": stage, "told_at": TOLD_AT,
    }  # fmt: skip
    return Scan.model_validate(given | fields)


def stage_now(*scans: Scan) -> str | None:
    (now,) = current_of(scans)
    return now.scan.stage


def test_the_newest_scan_says_it() -> None:
    assert stage_now(scan(2, "out_for_delivery"), scan(1, "in_transit")) == "out_for_delivery"


def test_what_moves_nothing_does_not_say_it() -> None:
    later = scan(3, None, substatus="informational"), scan(4, None, substatus="unmapped")
    assert stage_now(scan(1, "in_transit"), *later) == "in_transit"


def test_a_problem_without_a_place_says_it() -> None:
    (now,) = current_of([scan(1, "in_transit"), scan(2, None, conditions_set=("damaged",))])
    assert (now.scan.stage, now.scan.conditions_set) == (None, ("damaged",))


def test_an_end_in_the_summary_outranks_a_newer_scan_and_nothing_else_in_it_does() -> None:
    assert stage_now(scan(5, "out_for_delivery"), scan(1, "delivered", kind="summary")) == "delivered"
    assert stage_now(scan(1, "out_for_delivery"), scan(5, "announced", kind="summary")) == "out_for_delivery"


def test_a_problem_in_the_summary_says_it_where_the_newest_scan_speaks_of_none() -> None:
    expired = scan(5, None, kind="summary", conditions_set=("expired_tracking",))
    (now,) = current_of([scan(1, "in_transit"), expired])
    assert now.scan is expired
    assert stage_now(scan(1, "attempted"), expired) == "attempted"
    (now,) = current_of([scan(1, None, conditions_set=("held",)), expired])
    assert now.scan.conditions_set == ("held",)


def test_delivered_in_the_summary_does_not_outrank_the_way_back() -> None:
    back = scan(3, "in_transit", leg="return")
    (now,) = current_of([scan(1, "in_transit"), back, scan(4, "delivered", kind="summary")])
    assert now.scan is back


def test_the_summary_says_it_where_no_scan_does() -> None:
    assert stage_now(scan(1, "in_transit", kind="summary")) == "in_transit"
    assert stage_now(scan(1, None, substatus="unmapped")) is None


def test_a_day_without_a_time_stands_after_what_happened_in_it() -> None:
    midnight = datetime.combine(TOLD_AT.date(), datetime.min.time(), TOLD_AT.tzinfo)
    day = scan(0, "delivered", occurred_at=midnight, time_precision="day")
    assert stage_now(scan(0, "out_for_delivery"), day) == "delivered"
    assert stage_now(scan(24, "in_transit"), day) == "in_transit"


def test_each_parcel_has_its_own_word_and_the_newest_estimate() -> None:
    day = Window(day=date(2026, 11, 23))
    estimate = scan(2, None, kind="estimate", window=day)
    other = scan(1, "delivered", number="1Z8")
    first, second = current_of([scan(1, "in_transit"), other, estimate])
    assert (first.scan.number, first.window) == ("1Z9", day)
    assert (second.scan.number, second.window) == ("1Z8", None)


def test_an_estimate_alone_is_no_word_on_where_a_parcel_is() -> None:
    assert current_of([scan(2, None, kind="estimate", window=Window(day=date(2026, 11, 23)))]) == ()
