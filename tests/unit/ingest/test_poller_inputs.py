"""What the watching consumer makes of records: open parcels, things told, and what was heard in an hour."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ingest.poller.freshness import hour_of
from services.ingest.poller.heard import Ear
from services.ingest.poller.inputs import SNAPSHOTS, Told, read_order, read_scan
from services.ingest.poller.watched import Telling
from services.runtime.errors import Poison
from services.runtime.kafka import Record
from tests.records import record, scan
from tests.unit.ingest.watching import START, after

EXAMPLE = json.loads(
    (Path(__file__).parents[3] / "schemas/order.snapshots/examples/v1/out_for_delivery.json").read_bytes()
)


def snapshot(value: bytes | None, key: bytes | None = b"main:1001") -> Record:
    return Record(SNAPSHOTS, 0, 1, 0, key, value, ())


def order(*parcels: dict[str, Any]) -> Record:
    (example,) = EXAMPLE["parcels"]
    return snapshot(json.dumps(EXAMPLE | {"parcels": [example | own for own in parcels]}).encode())


def test_open_parcels_with_a_number_are_waited_for() -> None:
    found = read_order(
        order({}, {"shipment": "S2", "number": None, "key": None}, {"shipment": "S3", "stage": "delivered"})
    )
    assert found.key == "main:1001"
    assert [(one.shipment, one.stage) for one in found.wanted] == [("royal-mail:AB123456785GB", "out_for_delivery")]


def test_one_number_in_two_shipments_of_an_order_is_one_parcel() -> None:
    assert len(read_order(order({}, {"shipment": "S2"})).wanted) == 1


def test_an_order_that_is_gone_waits_for_nothing() -> None:
    assert read_order(snapshot(None)).wanted == ()


@pytest.mark.parametrize(
    "bad", [snapshot(b"{"), snapshot(b"{}"), snapshot(None, None), snapshot(None, b"\xff"), snapshot(None, b"")]
)
def test_a_snapshot_that_is_none_is_set_aside(bad: Record) -> None:
    with pytest.raises(Poison):
        read_order(bad)


def test_a_scan_is_told_by_its_provider_of_its_parcel() -> None:
    found = read_scan(record(scan("in_transit", minutes=0)))
    assert found is not None
    assert (found.provider, found.shipment, found.telling.pulled) == ("easypost", "royal-mail:AB1", False)
    assert (found.telling.counts, found.delay) == (True, timedelta(minutes=1))


def test_a_scan_that_an_answer_brought_says_so() -> None:
    found = read_scan(record(scan("in_transit", minutes=0), headers=(("trackfold_via", b"pull"),)))
    assert found is not None
    assert found.telling.pulled


def test_a_scan_of_a_reference_is_of_no_parcel_that_anybody_could_ask_for() -> None:
    found = read_scan(record(scan("in_transit", minutes=0, number=None, references={"shopify": "7"})))
    assert found is not None
    assert found.shipment is None


@pytest.mark.parametrize("kind", ["time", "override", "remap", "a_new_kind"])
def test_what_no_provider_said_is_not_told(kind: str) -> None:
    assert read_scan(record(scan("in_transit", minutes=0, kind=kind))) is None


def test_a_record_without_a_value_tells_nothing() -> None:
    assert read_scan(record(scan("in_transit", minutes=0), value=None)) is None


@pytest.mark.parametrize("value", [b"{", b"{}", b'{"kind": "scan"}'])
def test_a_scan_that_is_none_is_set_aside(value: bytes) -> None:
    with pytest.raises(Poison):
        read_scan(record(scan("in_transit", minutes=0), value=value))


@pytest.mark.parametrize("vague", [{"time_precision": "day"}, {"time_kind": "unknown_zone"}, {"kind": "summary"}])
def test_a_vague_time_says_nothing_of_the_delay(vague: dict[str, str]) -> None:
    found = read_scan(record(scan("in_transit", minutes=0, **vague)))
    assert found is not None
    assert found.delay is None


def test_a_time_in_the_future_is_no_delay() -> None:
    found = read_scan(record(scan("in_transit", minutes=60, told_at=START.isoformat())))
    assert found is not None
    assert found.delay == timedelta(0)


def told(told_at: datetime, *, minutes_ago: float, pulled: bool = False, shipment: str = "x:A1") -> Told:
    delay = timedelta(minutes=minutes_ago)
    return Told("easypost", shipment, Telling(told_at, told_at - delay, 1, pulled), delay)


class Written:
    """Takes the place of a connection: keeps what would be written."""

    def __init__(self) -> None:
        self.rows: list[list[tuple[Any, ...]]] = []

    async def executemany(self, _: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep rows."""
        self.rows.append(list(rows))


async def test_a_webhook_that_tells_a_whole_history_counts_once_by_its_newest_scan() -> None:
    ear, written = Ear(), Written()
    ear.heard([told(START, minutes_ago=ago) for ago in (3000, 4, 900)])
    ear.heard([told(after(minutes=1), minutes_ago=2), told(START, minutes_ago=1, pulled=True)])
    ear.heard([told(after(hours=1), minutes_ago=1, shipment="x:A2")])
    ear.missed("easypost", 3, at=after(minutes=59))
    ear.missed("aftership", 0, at=START)
    await ear.write(written)  # type: ignore[arg-type]
    hours, (last,) = written.rows
    assert [(hour, events, missed, delays[:4]) for _, hour, events, missed, delays in hours] == [
        (hour_of(START), 2, 3, [0, 1, 1, 0]),
        (hour_of(after(hours=1)), 1, 0, [1, 0, 0, 0]),
    ]
    assert last == ("easypost", after(hours=1), after(minutes=59), 3)


async def test_where_nothing_was_heard_nothing_is_written() -> None:
    written = Written()
    await Ear().write(written)  # type: ignore[arg-type]
    assert written.rows == []
