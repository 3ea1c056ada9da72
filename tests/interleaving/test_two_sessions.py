"""Two sessions of the status service, in every order of their conflicting steps."""

import os
from collections.abc import Iterable

import pytest

from tests.interleaving.cases import TWO
from tests.interleaving.schedules import EveryOrder, Named, Schedule, named
from tests.interleaving.stage import MAX_STEPS, Case, Stage


def every_order() -> Iterable[Schedule]:
    """Give every order once, or, with INTERLEAVINGS=full, all 924 by name: also those that are the same in effect."""
    if os.environ.get("INTERLEAVINGS") != "full":
        return EveryOrder()
    return (Named(order) for order in named((MAX_STEPS, MAX_STEPS)))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", TWO, ids=lambda case: case.name)
async def test_every_order_of_steps_ends_as_one_session_after_the_other(stage: Stage, case: Case) -> None:
    ends = await stage.prepare(case)
    found = await stage.search(case, every_order(), ends)
    assert found.wrong is None, f"{case.name}: {found.wrong}"
    assert found.runs > len(case.scripts)
