"""Three sessions of the status service, in seeded random orders of their conflicting steps."""

import os
from typing import Final

import pytest

from tests.interleaving.cases import THREE
from tests.interleaving.schedules import Random
from tests.interleaving.stage import Case, Stage

ORDERS: Final = 5000 if os.environ.get("INTERLEAVINGS") == "full" else 500
SEED: Final = os.environ.get("INTERLEAVINGS_SEED", "1")
#: Of each case, so that there are as many as promised in all.
EACH: Final = -(-ORDERS // len(THREE))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", THREE, ids=lambda case: case.name)
async def test_random_orders_of_three_sessions_end_as_one_after_the_other(stage: Stage, case: Case) -> None:
    ends = await stage.prepare(case)
    found = await stage.search(case, (Random(f"{SEED}/{number}") for number in range(EACH)), ends)
    assert found.wrong is None, f"INTERLEAVINGS_SEED={SEED} at order {found.runs} of {case.name}: {found.wrong}"
    assert found.runs == EACH
