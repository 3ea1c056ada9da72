"""How and when we were told changes nothing: delivery ids, the time of telling, places in the log, batches."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Scan
from services.status.order import Document
from tests.builders import line
from tests.unit.status.generating import Telling, histories, tellings
from tests.unit.status.making import fold, replayed, told

LATER = st.lists(st.integers(0, 90 * 24 * 3600), min_size=10, max_size=10)


def in_the_past(scans: list[Scan]) -> list[Scan]:
    """Return the scans as they are told of what has happened: none is in the future."""
    return [scan.model_copy(update={"told_at": max(scan.told_at, scan.occurred_at)}) for scan in scans]


@given(histories(), LATER)
def test_when_a_scan_that_is_told_once_was_told_changes_nothing_in_the_document(
    found: list[Scan], later: list[int]
) -> None:
    once = in_the_past(found)
    shifted = [
        scan.model_copy(update={"told_at": scan.told_at + timedelta(seconds=seconds)})
        for scan, seconds in zip(once, later, strict=False)
    ]
    order = told(lines=[line(2)]), told("shipment_created", references={"easypost": "trk_1"})
    assert fold(*order, *shifted) == fold(*order, *once)


@given(tellings(), st.lists(st.text("abc", min_size=1, max_size=3), max_size=12))
def test_under_which_ids_deliveries_came_changes_nothing(telling: Telling, ids: list[str]) -> None:
    assert documents(telling, delivery_ids=ids) == documents(telling)


@given(tellings(), st.sets(st.integers(0, 15), max_size=4))
def test_how_records_fell_into_batches_changes_nothing(telling: Telling, ends: set[int]) -> None:
    assert documents(telling, batches=ends) == documents(telling)


def documents(telling: Telling, **ways: Any) -> dict[str, Document | None]:
    return {key: row.document for key, row in replayed(telling.otherwise, **ways).orders.items()}
