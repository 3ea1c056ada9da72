"""What single columns of `trackfold import` become; the files around them have tests of their own (test_import.py)."""

import pytest

from services.ingest.import_columns import name_columns
from services.ingest.import_rows import Defaults, told_by_rows

ORDER = {"order": "820982911946154508", "occurred_at": "2026-11-20T09:00:00+01:00"}


@pytest.mark.parametrize("column", ["printed", "Printed Number", "printed_order_number"])
def test_the_number_that_customers_know_has_a_column_of_its_own(column: str) -> None:
    assert name_columns(["order", "occurred_at", column], "orders") == ["order", "occurred_at", "printed"]


@pytest.mark.parametrize("printed", ["#1001", None])
def test_the_printed_number_is_told_beside_the_order_and_never_in_its_place(printed: str | None) -> None:
    event = told_by_rows([ORDER if printed is None else {**ORDER, "printed": printed}], Defaults("orders")).event
    assert (event.key, getattr(event, "printed", "")) == ("main:820982911946154508", printed)


def test_shipments_have_no_printed_number() -> None:
    assert name_columns(["order", "occurred_at", "printed"], "shipments") == ["order", "occurred_at", None]
