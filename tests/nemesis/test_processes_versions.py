"""Two versions of the machine in one rolling restart under load: each batch is folded by the active one alone (E6)."""

import os
from pathlib import Path
from typing import Final

import pytest

from services.runtime.errors import ExitCode
from services.status.versions import MACHINE_VERSION
from tests.integration.test_status_versions import OTHER_PROGRAM, ROOT
from tests.nemesis.striking import ask, unwanted_ends
from tests.stack.processes import Processes
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
NEWER: Final = MACHINE_VERSION + 1
#: By which version the orders were folded last.
FOLDED: Final = "select count(*) from status.orders where machine = $1"


async def activate(stage: Stage, processes: Processes, version: int) -> None:
    """Have an operator name the active version."""
    words = ("machine", "activate", "--version", str(version), "--force")
    done = await processes.start("machine", env=stage.make_environment(), arguments=words, wait_ready=False)
    assert await done.wait(LIMIT_S) == 0, done.log()


def install(member: Member, folder: Path) -> None:
    """Give a process the newer program from its next life on."""
    member.env = {**member.env, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


@pytest.mark.timeout(200)
@pytest.mark.fault("two_machines")
async def test_in_a_rolling_restart_no_batch_is_folded_by_a_machine_that_is_not_active(
    stage: Stage, processes: Processes, tmp_path: Path
) -> None:
    program = tmp_path / "newer"
    program.mkdir()
    (program / "sitecustomize.py").write_text(OTHER_PROGRAM.format(version=NEWER))
    first, second = await stage.start("status"), await stage.start("status")
    await stage.start("notify")
    await stage.begin(seed=601, orders=70, per_second=18)
    await eventually(lambda: ask(stage, FOLDED, MACHINE_VERSION), LIMIT_S, what="the older machine folds")

    assert await first.terminate() == 0
    install(first, program)
    first.note_end()
    await first.start(wait_ready=False)  # not ready before it is its turn
    first.held = False
    await eventually(lambda: "trackfold machine activate" in first.log(), LIMIT_S, what="the newer one waits")
    await stage.half()
    assert await ask(stage, FOLDED, NEWER) == 0
    assert second.running

    install(second, program)
    await activate(stage, processes, NEWER)
    await eventually(lambda: second.lives > 1, LIMIT_S, what="the older one left")
    evidence = await stage.heal_and_judge()
    assert f"{second.name} (life 1): {int(ExitCode.TRY_AGAIN)}" in unwanted_ends(stage)
    assert {end.split(": ")[1] for end in unwanted_ends(stage)} == {str(int(ExitCode.TRY_AGAIN))}
    assert await ask(stage, FOLDED, NEWER) > 0, "the newer machine had nothing left to fold"
    assert {row.state for row in evidence.orders} >= {"delivered", "in_transit"}
