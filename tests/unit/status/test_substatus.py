"""What says more of an order's state: nobody collected it, or nobody really tried to deliver it (R9)."""

from typing import Any

import pytest

from schemas.scans import Scan
from services.status.handler import not_attempted
from services.status.order_facts import StoredEvent
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.making import Told, fold, read_back, replayed, told

PLACED = told(lines=[line(2), line(1, name="2")])
NOT_TRIED = "not_really_attempted"


def event(kind: str, minutes: float = 20, **overrides: Any) -> StoredEvent:
    return told(kind, occurred_at=after(minutes=minutes), **overrides)


def shown(*everything: Told) -> tuple[str, str | None]:
    document = read_back(fold(*everything))
    return document.state, document.substatus


READY = event("ready_to_collect", 20)
READY_ONE = event("ready_to_collect", 20, lines=[line(1)])
EXPIRED = event("collection_expired", 60)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([READY], ("ready_to_collect", None)),
        ([READY, EXPIRED], ("returned", "not_collected")),
        ([READY, event("collected", 40, lines=[line(1)]), EXPIRED], ("partially_returned", "not_collected")),
        ([READY, EXPIRED, event("collection_extended", 70)], ("ready_to_collect", None)),
        ([READY, event("collection_expired", 60, lines=[line(1)])], ("ready_to_collect", None)),
        ([READY_ONE, EXPIRED], ("partially_shipped", None)),
        ([READY_ONE, EXPIRED, event("picking_started", 70)], ("partially_shipped", None)),
        ([READY, event("collected", 40), EXPIRED], ("collected", None)),
        ([READY, event("collected", 40), EXPIRED, event("returned", 90)], ("returned", None)),
        ([event("collection_expired", 60, lines=[line(1, name="7")])], ("processing", None)),
    ],
)
def test_what_nobody_collected_says_so_while_nothing_else_waits(
    events: list[StoredEvent], expected: tuple[str, str | None]
) -> None:
    assert shown(PLACED, *events) == expected


def test_an_order_that_nobody_collected_reads_so() -> None:
    display = read_back(fold(PLACED, READY, EXPIRED)).display
    assert (display.status, display.acts) == ("Returned", "shop")
    assert display.sentence == "Your order was not collected in time and went back to stock."


def test_an_erased_order_has_no_sub_status() -> None:
    assert shown(PLACED, READY, EXPIRED, event("erased", 90)) == ("erased", None)


CREATED = (
    event("shipment_created", 10, shipment="S1", number="S100000000", lines=[line(2)]),
    event("shipment_created", 11, shipment="S2", number="S200000000", lines=[line(1, name="2")]),
)


def scanned(shipment: str, stage: str, substatus: str | None = None, hours: float = 2, **overrides: Any) -> Scan:
    number = f"{shipment}00000000"
    return make_scan(number=number, stage=stage, substatus=substatus, occurred_at=after(hours=hours), **overrides)


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        ([scanned("S1", "attempted", NOT_TRIED)], ("attempted", NOT_TRIED)),
        ([scanned("S1", "attempted", "nobody_home")], ("attempted", None)),
        ([scanned("S1", "attempted", NOT_TRIED), scanned("S2", "attempted", NOT_TRIED)], ("attempted", NOT_TRIED)),
        ([scanned("S1", "attempted", NOT_TRIED), scanned("S2", "attempted", "no_access")], ("attempted", None)),
        (
            [scanned("S1", "attempted", "no_access"), scanned("S1", "attempted", NOT_TRIED, 26)],
            ("attempted", NOT_TRIED),
        ),
        ([scanned("S1", "attempted", NOT_TRIED), scanned("S1", "attempted", "no_access", 26)], ("attempted", None)),
        ([scanned("S1", "attempted", NOT_TRIED), scanned("S2", "out_for_delivery")], ("out_for_delivery", None)),
        ([scanned("S1", "attempted", NOT_TRIED), scanned("S2", "attempted", leg="return")], ("attempted", NOT_TRIED)),
    ],
)
def test_r9_no_attempt_is_what_the_order_says_where_none_of_its_parcels_was_tried(
    scans: list[Scan], expected: tuple[str, str | None]
) -> None:
    assert shown(PLACED, *CREATED, *scans) == expected


def test_r9_no_attempt_reads_so() -> None:
    display = read_back(fold(PLACED, *CREATED, scanned("S1", "attempted", NOT_TRIED))).display
    assert (display.status, display.acts) == ("No Attempt Made", "carrier")
    assert display.sentence == "The courier reported that no attempt was made to deliver your order."


def test_r9_no_attempt_is_counted_once_however_often_and_differently_it_is_told() -> None:
    tried = scanned("S1", "attempted", "nobody_home", 1, event_key="k0")
    none = scanned("S1", "attempted", NOT_TRIED, 2, event_key="k1")
    reworded = none.model_copy(update={"description": "no attempt"})
    told_of: list[tuple[str, StoredEvent] | Scan] = [(KEY, PLACED), (KEY, CREATED[0]), tried, none, none, reworded]
    assert not_attempted(replayed(told_of)) == 1
    assert not_attempted(replayed(told_of[:3])) == 0
    again = replayed(told_of[:4], batches=[3])
    assert not_attempted(again) == 0
    again.apply(next(one.item for one in replayed([*told_of[:2], reworded]).published if one.change["version"] == 3))
    assert not_attempted(again) == 0
