"""What the plain designs share ends, record by record, where the fold of everything ends."""

from benchmarks.engine.load import Profile, records
from benchmarks.engine.oracle import expected_of
from benchmarks.engine.plain import Known, Version, claims_of, event_text, scan_text
from services.status.inputs import OrderIn, ScanIn
from tests.unit.benchmarks.made import item_of

LOAD = records(15, Profile(seed=3))
ITEMS = [item_of(sent) for sent in LOAD]


def taken() -> tuple[Known, list[Version]]:
    known = Known()
    return known, [version for item in ITEMS for version in known.take(item)]


def test_taking_record_after_record_ends_with_the_documents_of_the_whole() -> None:
    known, _ = taken()
    assert {order: known.fold(order) for order in known.shown} == expected_of(LOAD).documents
    assert all(shown.document == known.fold(order) for order, shown in known.shown.items())


def test_versions_of_an_order_count_from_one_without_gap() -> None:
    known, versions = taken()
    for order, shown in known.shown.items():
        assert [one.version for one in versions if one.order == order] == list(range(1, shown.version + 1))


def test_a_record_that_is_known_changes_nothing() -> None:
    known, _ = taken()
    assert [version for item in ITEMS for version in known.take(item)] == []


def test_what_is_stored_and_read_again_is_what_was_known() -> None:
    known, _ = taken()
    again = Known()
    for item in ITEMS:
        if isinstance(item, ScanIn):
            again.read_scan(item.shipment, item.content, scan_text(item.scan))
        else:
            stored = item.stored
            again.read_event(item.order, (stored.source, stored.id, stored.content, event_text(stored)))
    for order, events in known.events.items():
        for shipment, claim in claims_of(order, events):
            again.read_claim(shipment, claim)
    assert {order: again.fold(order) for order in again.events} == {order: known.fold(order) for order in known.events}


def test_a_stored_order_goes_on_with_the_next_version() -> None:
    known, before = Known(), Known()
    first, second, *_ = [item for item in ITEMS if isinstance(item, OrderIn) and item.order == "main:100000"]
    (placed,) = before.take(first)
    known.read_event(
        first.order, (first.stored.source, first.stored.id, first.stored.content, event_text(first.stored))
    )
    known.read_order(placed.order, placed.version, placed.text())
    assert [version.version for version in known.take(second)] == [2]
