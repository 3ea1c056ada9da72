"""Folding one parcel in few words: scans by stage and hour, and what the fold made of them."""

import itertools
from typing import Any

from schemas.scans import Scan
from schemas.vocabulary import Milestone
from services.status import machine
from services.status.machine import ShipmentState
from tests.builders import after, make_scan


def fold(*scans: Scan, **facts: Any) -> ShipmentState:
    return machine.fold(scans, **facts)


def in_any_order(*scans: Scan, **facts: Any) -> ShipmentState:
    """Fold every order of a few scans: all must end in the same state."""
    first = machine.fold(scans, **facts)
    assert all(machine.fold(order, **facts) == first for order in itertools.permutations(scans))
    return first


def staged(stage: str | None, hours: float, **overrides: Any) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), **overrides)


def at(city: str) -> dict[str, dict[str, str]]:
    return {"place": {"city": city}}


def reasons(state: ShipmentState) -> list[str]:
    return [verdict.reason for verdict in state.verdicts]


def reached(state: ShipmentState) -> list[tuple[Milestone, str | None]]:
    return [(one.name, one.occasion) for one in state.milestones]


def times(state: ShipmentState, name: Milestone) -> list[str | None]:
    """Return the occasions of one milestone."""
    return [one.occasion for one in state.milestones if one.name is name]
