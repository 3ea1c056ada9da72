"""A tenth of a core: everything is late, and nobody is put out of a group for it."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from services.runtime import clock
from tests.faults import limits
from tests.nemesis import lengths
from tests.nemesis.striking import logged, unwanted_ends
from tests.under_fire.stage import Stage

SHARE: Final = 0.1
SLOW_S: Final = lengths.seconds(10, 120)
#: A heartbeat of such a process may be seconds late.
PATIENT: Final[dict[str, Any]] = {"TRACKFOLD_KAFKA__SESSION_TIMEOUT_MS": "20000", "TRACKFOLD_PROCESS__WATCHDOG_S": "60"}


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has had."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.timeout(200 + SLOW_S)
@pytest.mark.fault("little_cpu")
async def test_services_with_a_tenth_of_a_core_are_late_and_their_groups_do_not_flap(stage: Stage) -> None:
    for service in ("status", "status", "ingest", "notify"):
        await stage.start(service, **PATIENT)
    load = await stage.begin(seed=551, orders=60, per_second=40)
    await stage.half()
    pids = [member.pid for member in stage.members]
    joined = [len(logged(member, "Joined group")) for member in stage.members]
    began, spent = clock.monotonic(), sum(map(cpu_s, pids))
    with ExitStack() as shares:
        for pid in pids:
            shares.enter_context(limits.cpu_share(pid, SHARE))
        await lengths.lasts(SLOW_S)
        share = (sum(map(cpu_s, pids)) - spent) / (clock.monotonic() - began) / len(pids)
        again = [len(logged(member, "Joined group")) for member in stage.members]
    assert 0 < share < 1.5 * SHARE
    assert again == joined, "nobody had to join again"
    assert load.done > load.total / 2
    await stage.heal_and_judge()
    assert not unwanted_ends(stage)
