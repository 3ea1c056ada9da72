"""What today's map reads differently, of one shipment's ledger: new words, a remap taken back, and nothing else."""

from typing import Any

from schemas.scans import Scan
from services.local.remap import Remap, compare
from services.status.parcel_fold import History
from services.status.readings import content_hash
from tests.builders import after, make_scan


def told(stage: str | None, minutes: float = 5, **more: Any) -> Scan:
    return make_scan(event_key="one", stage=stage, told_at=after(hours=1, minutes=minutes), **more)


def approved(stage: str, version: int) -> Scan:
    return told(stage, kind="remap", map_version=version)


def ledger(*readings: Scan) -> History:
    return History(readings={(one.event_key, content_hash(one)): one for one in readings})


def found(history: History, *today: Scan) -> list[tuple[str | None, str | None]]:
    """Return what would differ: the stage as it is shown, and as it would be."""
    remap = Remap("easypost")
    differs = compare(remap, today, history)
    assert all(one.after.kind == "remap" for one in differs)
    return [(one.before.stage, one.after.stage) for one in differs if not remap.stands(one)]


def test_a_scan_in_words_that_no_reading_has_differs() -> None:
    assert found(ledger(told("in_transit")), told("attempted", map_version=2)) == [("in_transit", "attempted")]


def test_words_that_any_reading_has_are_no_difference() -> None:
    history = ledger(told("in_transit"), told("attempted", 9))
    assert found(history, told("attempted", map_version=2), told("in_transit", map_version=2)) == []


def test_an_approved_remap_is_not_found_again() -> None:
    history = ledger(told("in_transit"), approved("attempted", 2))
    assert found(history, told("attempted", map_version=2)) == []
    assert found(history, told("attempted", map_version=3)) == []


def test_a_newer_map_takes_a_remap_back_and_then_rests() -> None:
    history = ledger(told("in_transit"), approved("attempted", 2))
    assert found(history, told("in_transit", map_version=3)) == [("attempted", "in_transit")]
    after_it = ledger(*history.readings.values(), approved("in_transit", 3))
    assert found(after_it, told("in_transit", map_version=3)) == []


def test_a_map_that_is_not_newer_takes_no_approved_remap_back() -> None:
    assert found(ledger(told("in_transit"), approved("attempted", 2)), told("in_transit", map_version=2)) == []


def test_a_remap_stands_while_another_body_of_today_still_says_so() -> None:
    history = ledger(told("in_transit"), told("out_for_delivery", 9), approved("attempted", 2))
    today = told("attempted", map_version=3), told("out_for_delivery", map_version=3)
    assert found(history, *today) == found(history, *reversed(today)) == []


def test_a_scan_that_the_ledger_lacks_is_counted_and_moves_nothing() -> None:
    remap = Remap("easypost")
    assert compare(remap, [told("delivered")], ledger()) == []
    assert (remap.scans, remap.unknown) == (1, 1)
