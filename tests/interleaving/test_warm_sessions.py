"""Sessions whose processes have worked before, in every order of their conflicting steps: what they kept is no news."""

import os
from collections.abc import Iterable
from typing import Final

import pytest

from services.status import repository
from tests.interleaving.cases import THREE, TWO, TWO_PARCELS
from tests.interleaving.schedules import EveryOrder, Random, Schedule
from tests.interleaving.stage import Case, Search, Stage
from tests.interleaving.warm import WarmStage, warmed

#: Those in which no batch meets another, or a loop that changes what it knows, are the same without a cache.
PAIRS: Final = [case for case in TWO if case.name not in ("a relay against a relay", "a relay against a batch")]
TRIPLES: Final = [case for case in THREE if "relay" not in case.name]
SEED: Final = os.environ.get("INTERLEAVINGS_SEED", "1")
EACH: Final = 500 if os.environ.get("INTERLEAVINGS") == "full" else 10


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", PAIRS, ids=lambda case: case.name)
async def test_every_order_of_steps_of_warm_sessions_ends_as_one_after_the_other(stage: Stage, case: Case) -> None:
    found = await search(stage, case, EveryOrder())
    assert found.wrong is None, f"{case.name}: {found.wrong}"
    assert found.runs > len(case.scripts)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", [*PAIRS, *TRIPLES], ids=lambda case: case.name)
async def test_random_orders_of_sessions_with_old_news_end_as_one_after_the_other(stage: Stage, case: Case) -> None:
    """Another process has applied the last of the records that came before; of three sessions all are tried so."""
    found = await search(stage, case, (Random(f"{SEED}/{number}") for number in range(EACH)), behind=1)
    assert found.wrong is None, f"INTERLEAVINGS_SEED={SEED} at order {found.runs} of {case.name}: {found.wrong}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", TRIPLES, ids=lambda case: case.name)
async def test_random_orders_of_three_warm_sessions_end_as_one_after_the_other(stage: Stage, case: Case) -> None:
    found = await search(stage, case, (Random(f"{SEED}/{number}") for number in range(EACH)))
    assert found.wrong is None, f"INTERLEAVINGS_SEED={SEED} at order {found.runs} of {case.name}: {found.wrong}"


async def test_a_warm_session_that_does_not_read_on_loses_a_parcel(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> list[object]:
        return []

    ends = await stage.prepare(TWO_PARCELS)
    warm = WarmStage(stage)
    await warm.prepare(warmed(TWO_PARCELS))
    monkeypatch.setattr(repository, "read_on", nothing)
    found = await warm.search(warmed(TWO_PARCELS), EveryOrder(), ends, wanted="it shows")
    assert found.wrong is not None


async def search(stage: Stage, case: Case, schedules: Iterable[Schedule], *, behind: int = 0) -> Search:
    """Run a case with warm sessions; it must end as one without any cache does."""
    ends = await stage.prepare(case)
    warm = WarmStage(stage, behind=behind)
    await warm.prepare(warmed(case))
    return await warm.search(warmed(case), schedules, ends)
