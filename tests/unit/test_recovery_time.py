"""From when the time to recover counts on a stage: from the healing, however much a test looks at before it asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.runtime import clock
from tests import oracle
from tests.contract import providers
from tests.oracle_evidence import Evidence
from tests.oracle_running import judge_i6
from tests.stack.processes import Processes
from tests.under_fire import quiet
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Supervisor
from tests.under_fire.watching import Watch

UNREST = ("status is 3 behind in carrier.scans.v1/0",)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A stage on which nobody stands and nothing was sent, so that it needs no broker and no database."""

    async def nothing(*_: object) -> Evidence:
        return Evidence()

    monkeypatch.setattr(oracle, "collect", nothing)
    monkeypatch.setattr(Watch, "note_held", nothing)
    source = oracle.Source("nowhere:9092", "", "postgresql://nowhere")
    async with providers.smtp() as smtp:
        yield Stage(source, dict, {}, tmp_path, Supervisor(Processes(tmp_path)), smtp)


def unrest_is(monkeypatch: pytest.MonkeyPatch, why: tuple[str, ...]) -> None:
    async def told(*_: object) -> tuple[str, ...]:
        return why

    monkeypatch.setattr(quiet, "unrest", told)


async def test_what_a_test_waited_for_after_healing_is_part_of_the_time_to_recover(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    unrest_is(monkeypatch, ())
    late = await stage.heal(since=clock.monotonic() - 61)
    assert "took 61 s, 60 s are the limit" in oracle.report(judge_i6(late))
    assert judge_i6(await stage.heal(since=clock.monotonic() - 50)) == []
    assert judge_i6(await stage.heal()) == []


async def test_what_is_not_quiet_when_the_time_is_over_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    unrest_is(monkeypatch, UNREST)
    (found,) = judge_i6(await stage.heal(since=clock.monotonic() - 61))
    assert str(found) == f"I6 recovery: not quiet 60 s after healing: {UNREST[0]}"


async def test_who_asks_late_is_told_that_it_took_long_and_not_that_it_is_not_quiet(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    async def later(*_: object) -> None:
        made.append("ten minutes later")

    unrest_is(monkeypatch, ())
    monkeypatch.setattr(quiet, "ten_minutes_later", later)
    member = stage.supervisor.add("status", {}, {})
    member.held = True  # never started, and not missed
    evidence = await stage.heal(since=clock.monotonic() - 90)
    assert made
    assert "took 90 s" in oracle.report(judge_i6(evidence))
