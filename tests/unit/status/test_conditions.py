"""Conditions of a parcel: what raises them, since when they stand, and what ends them (docs/state-model.md)."""

from typing import Any

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Condition
from services.status import machine
from services.status.machine import ShipmentState
from tests.builders import after, make_scan


def fold(*scans: Scan) -> ShipmentState:
    return machine.fold(scans)


def staged(stage: str, hours: float, **overrides: Any) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), **overrides)


@pytest.mark.parametrize("name", sorted(machine._ENDED_BY_MOVING))  # noqa: SLF001 - the table itself is walked
def test_a_problem_ends_with_the_next_physical_scan(name: str) -> None:
    setter = make_scan(stage=None, event_key="problem", occurred_at=after(hours=1), conditions_set=[name])
    assert set(fold(setter).conditions) == {name}
    assert set(fold(setter, make_scan(stage=None, event_key="note", occurred_at=after(hours=2))).conditions) == {name}
    assert fold(setter, staged("in_transit", 2)).conditions == {}


def test_a_scan_can_move_and_raise_a_problem_at_once_and_the_first_one_says_since_when() -> None:
    first = staged("in_transit", 1, conditions_set=["missorted", "damaged"])
    again = staged("in_transit", 2, conditions_set=["missorted", "damaged"])
    state = fold(first, again)
    assert state.conditions["missorted"] == again
    assert state.conditions["damaged"] == first


def test_damaged_stays_until_a_code_says_otherwise_and_an_unknown_condition_is_kept() -> None:
    setter = make_scan(stage=None, event_key="p", occurred_at=after(hours=1), conditions_set=["damaged", "soggy"])
    assert set(fold(setter, staged("delivered", 2)).conditions) == {"damaged", "soggy"}
    assert fold(setter, staged("in_transit", 2, conditions_cleared=["damaged", "soggy"])).conditions == {}


@pytest.mark.parametrize("kind", ["scan", "summary"])
def test_delivery_ends_a_delay(kind: str) -> None:
    setter = make_scan(stage=None, event_key="p", occurred_at=after(hours=1), conditions_set=[Condition.DELAYED])
    assert set(fold(setter, staged("in_transit", 2)).conditions) == {"delayed"}
    assert fold(setter, staged("delivered", 3, kind=kind)).conditions == {}
    assert set(fold(setter, staged("delivered", 3, leg="return")).conditions) == {"delayed"}
