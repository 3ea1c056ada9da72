"""The example for downstream teams without Kafka: what it makes of repeats, gaps, corrections and tombstones."""

import importlib.util
import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from schemas.envelope import event_type

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "schemas/order.status/examples/v1/out_for_delivery.json"
PART = TopicPartition("order.status.v1", 0)
ORDER = "main:1001"


def load() -> ModuleType:
    """Load the program by its path, as it is copied: it belongs to no package."""
    spec = importlib.util.spec_from_file_location("consumer_example", ROOT / "examples/consumer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


consumer = load()


def record(version: int, state: str = "in_transit", *, at: int | None = None, **overrides: Any) -> Any:
    """Return a status record; it was published at `at`, else at its version."""
    change = {"version": version, "previous": "processing"} | overrides.pop("change", {})
    fields: dict[str, Any] = {
        "topic": PART.topic,
        "partition": 0,
        "offset": version,
        "key": ORDER.encode(),
        "value": json.dumps({"state": state, "change": change}).encode(),
        "headers": (("ce_type", event_type("order.status.v1", "changed").encode()),),
        "timestamp": version if at is None else at,
    }
    return SimpleNamespace(**(fields | overrides))


def tombstone(at: int) -> Any:
    """Return a record of the snapshots without a value."""
    return record(0, at=at, value=None, headers=())


class Reader:
    """The file of one reader, and what it said."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path)
        self.file = consumer.File(self.database)
        self.said: list[dict[str, Any]] = []

    def change(self, *records: Any) -> list[str]:
        """Take in status messages; return the names of what was said."""
        said = self.file.take_changes(records, {PART: records[-1].offset + 1})
        self.said += said
        return [event["event"] for event in said]

    def snapshots(self, *records: Any) -> list[str]:
        """Read the snapshots from their start to their end; return the names of what was said."""
        self.file.begin_snapshots()
        said = [*self.file.take_snapshots(records, {}), *self.file.end_snapshots({PART: 0})]
        return [event["event"] for event in said]

    def orders(self) -> dict[str, tuple[int, str]]:
        """Return version and state by order."""
        rows = self.database.execute("select key, version, state from orders")
        return {key: (version, state) for key, version, state in rows}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path / "orders.sqlite")
    with closing(made.database):
        yield made


def test_each_version_is_kept_and_told_once(reader: Reader) -> None:
    assert reader.change(record(1, "processing"), record(2), record(3, "delivered")) == ["changed"] * 3
    assert reader.orders() == {ORDER: (3, "delivered")}


def test_repeats_of_any_version_are_counted_and_change_nothing(reader: Reader) -> None:
    reader.change(record(1, "processing"), record(2), record(3, "delivered"))
    assert reader.change(record(1, "processing"), record(2), record(3, "delivered")) == []
    assert reader.orders() == {ORDER: (3, "delivered")}
    assert reader.file.counts()["repeat"] == 3


def test_other_bytes_under_a_known_version_are_told_and_not_kept(reader: Reader) -> None:
    reader.change(record(1, "processing"))
    assert reader.change(record(1, "cancelled")) == ["differs"]
    assert reader.orders() == {ORDER: (1, "processing")}


def test_a_gap_is_told_and_the_message_kept(reader: Reader) -> None:
    reader.change(record(1, "processing"))
    assert reader.change(record(4, "delivered")) == ["gap", "changed"]
    assert reader.said[-2] == {"event": "gap", "order": ORDER, "version": 4, "state": "delivered", "known": 1}
    assert reader.orders() == {ORDER: (4, "delivered")}


def test_an_order_whose_first_versions_were_never_seen_is_a_gap(reader: Reader) -> None:
    assert reader.change(record(2)) == ["gap", "changed"]
    assert reader.file.counts()["gap"] == 1


def test_a_correction_is_told_with_its_reason_and_once(reader: Reader) -> None:
    reader.change(record(1, "delivered"))
    corrected = record(2, change={"correction": True, "reason": "reopened", "previous": "delivered"})
    assert reader.change(corrected, corrected) == ["correction", "changed"]
    assert reader.said[-2]["reason"] == "reopened"
    assert reader.said[-2]["previous"] == "delivered"


def test_a_snapshot_may_pass_over_versions_and_is_no_news(reader: Reader) -> None:
    assert reader.snapshots(record(2), record(7, "delivered"), record(5)) == []
    assert reader.orders() == {ORDER: (7, "delivered")}
    assert reader.change(record(6), record(7, "delivered"), record(8)) == ["changed"]


def test_an_erased_order_leaves_the_file_and_repeats_do_not_bring_it_back(reader: Reader) -> None:
    reader.change(record(1), record(2), record(3, "erased"))
    assert reader.orders() == {}
    assert reader.change(record(1), record(2), record(3, "erased")) == []
    assert reader.orders() == {}
    assert reader.said[-1] == {"event": "erased", "order": ORDER}


def test_a_tombstone_forgets_the_order_and_what_was_published_before_it(reader: Reader) -> None:
    reader.snapshots(record(2), tombstone(at=4))
    assert reader.orders() == {}
    assert reader.change(record(3), record(4, "erased")) == []
    assert reader.orders() == {}


def test_a_tombstone_of_an_order_that_was_never_known_holds_back_its_late_repeats(reader: Reader) -> None:
    reader.snapshots(tombstone(at=4))
    assert reader.change(record(3)) == []
    assert reader.orders() == {}


def test_a_late_tombstone_does_not_take_what_was_published_after_it(reader: Reader) -> None:
    reader.snapshots(record(5), tombstone(at=4))
    assert reader.orders() == {ORDER: (5, "in_transit")}


def test_an_order_that_has_no_snapshot_any_more_is_forgotten_at_the_end_of_a_reading(reader: Reader) -> None:
    reader.snapshots(record(1), record(1, key=b"main:1002"))
    assert reader.snapshots(record(1, key=b"main:1002")) == ["erased"]
    assert list(reader.orders()) == ["main:1002"]


def test_a_reading_of_the_snapshots_that_was_cut_short_forgets_nothing(reader: Reader) -> None:
    reader.snapshots(record(1), record(1, key=b"main:1002"))
    reader.file.begin_snapshots()
    reader.file.take_snapshots([record(1, key=b"main:1002")], {})
    assert set(reader.orders()) == {ORDER, "main:1002"}
    assert reader.file.offsets() == {PART: 0}


@pytest.mark.parametrize(
    "overrides",
    [
        {"value": b"\xff"},
        {"value": b"{"},
        {"value": b"[]"},
        {"value": b'{"state": "in_transit"}'},
        {"key": None},
        {"headers": ()},
        {"headers": (("ce_type", event_type("order.status.v2", "changed").encode()),)},
        {"headers": (("ce_type", event_type("order.status.v1", "something_new").encode()),)},
    ],
)
def test_what_is_no_message_for_us_is_told_by_its_place_and_stops_nothing(
    reader: Reader, overrides: Mapping[str, Any]
) -> None:
    assert reader.change(record(1), record(2, **overrides), record(2)) == ["changed", "unreadable", "changed"]
    assert reader.said[1]["place"] == "order.status.v1/0/2"


def test_new_fields_and_new_words_are_kept_as_they_came(reader: Reader) -> None:
    value = json.dumps({"state": "beamed_up", "drone": {"height": 3}, "change": {"version": 1, "mood": "good"}})
    assert reader.change(record(1, value=value.encode())) == ["changed"]
    ((document,),) = reader.database.execute("select document from orders")
    assert document == value


def test_offsets_and_states_are_written_together_or_not_at_all(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.change(record(1))
    monkeypatch.setattr(consumer, "tell", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reader.change(record(2))
    assert reader.orders() == {ORDER: (1, "in_transit")}
    assert reader.file.offsets() == {PART: 2}


def test_two_programs_on_one_file_are_found_out(reader: Reader, tmp_path: Path) -> None:
    reader.change(record(1))
    other = Reader(tmp_path / "orders.sqlite")
    with closing(other.database):
        reader.change(record(2))
        with pytest.raises(consumer.TroubleError, match="another program"):
            other.change(record(2))


def test_the_sample_of_the_contract_is_read() -> None:
    news = consumer.parse(record(7, value=SAMPLE.read_bytes()))
    assert (news.order, news.version, news.state) == (ORDER, 7, "out_for_delivery")


def test_an_option_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(consumer.TroubleError, match="sasl_mechanism"):
        consumer.connection_of("kafka:9093", ["color=red"])


def test_options_of_the_connection_are_given_by_name_and_secrets_by_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("made up\n")
    options = ["security_protocol=SASL_SSL", "sasl_plain_username=reader", f"sasl_plain_password=@{secret}"]
    made = consumer.connection_of("kafka:9093", options)
    assert made["bootstrap_servers"] == "kafka:9093"
    assert made["sasl_plain_password"] == "made up"
    assert made["ssl_context"].verify_mode.name == "CERT_REQUIRED"
