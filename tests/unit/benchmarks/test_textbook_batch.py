"""The textbook's batch: what it keeps of its folds saves work, and changes nothing of what is told."""

import random

from benchmarks.engine.designs.textbook_batch import Batch, scan_of
from benchmarks.engine.load import records
from benchmarks.engine.plain import Known, Version, scan_text
from services.runtime.kafka import Record
from services.status.inputs import OrderIn, Refused, ScanIn, read

ORDERS = 12


def items() -> list[ScanIn | OrderIn]:
    sent = records(ORDERS)
    found = [read(Record(one.topic, 0, at, 0, one.key, one.value, one.headers)) for at, one in enumerate(sent)]
    return [item for item in found if not isinstance(item, Refused)]


def told(known: Known, given: list[ScanIn | OrderIn]) -> list[Version]:
    return [version for item in given for version in known.take(item)]


def test_a_batch_tells_the_same_versions_as_folding_everything_anew() -> None:
    given = items()
    assert told(Batch(), given) == told(Known(), given)


def test_a_batch_tells_the_same_versions_in_any_order_of_arrival() -> None:
    for seed in range(5):
        given = items()
        random.Random(seed).shuffle(given)  # noqa: S311 - an order of arrival, no secret
        assert told(Batch(), given) == told(Known(), given)


def test_only_what_was_not_known_is_written() -> None:
    given = items()
    batch = Batch()
    told(batch, given)
    before = len(batch.new)
    assert told(batch, given) == []
    assert len(batch.new) == before
    assert len(given) > before  # five of a hundred scans are told twice


def test_a_stored_scan_reads_as_it_was() -> None:
    scans = [item.scan for item in items() if isinstance(item, ScanIn)]
    assert [scan_of(scan_text(scan)) for scan in scans] == scans
