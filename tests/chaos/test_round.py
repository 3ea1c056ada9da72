"""A short round of chaos by a fixed seed is part of every run of the tests: as `make chaos` does it, only shorter."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.faults.freezing import family
from tests.stack.processes import base_environment
from tests.stack.run import RUN
from tests.waiting import eventually

SEED: Final = 20
SECONDS: Final = 100
#: Faults that a slow machine strikes in that time, at the least.
FAULTS: Final = 4
LIMIT_S: Final = SECONDS + 300
END_S: Final = 90.0
ROOT: Final = Path(__file__).parents[2]


@asynccontextmanager
async def chaos(tmp_path: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run chaos as a process of its own; what it says is in `out`, its logs are in `logs`."""
    command = (sys.executable, "-m", "tests.chaos", "--folder", str(tmp_path / "logs"), *arguments)
    with (tmp_path / "out").open("wb") as out:
        running = await asyncio.create_subprocess_exec(
            *command, env=base_environment(), cwd=ROOT, stdout=out, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()  # all that it started dies with it
        await running.wait()


@pytest.fixture(autouse=True)
def _three_brokers(pytestconfig: pytest.Config) -> None:
    if pytestconfig.stash[RUN].kafka_kind != "apache":
        pytest.skip(f"three brokers need Apache Kafka, this run uses {pytestconfig.stash[RUN].kafka_kind}")


@pytest.mark.timeout(LIMIT_S + 60)
async def test_a_short_round_of_chaos_is_clean_and_did_strike(tmp_path: Path) -> None:
    outcome = tmp_path / "outcome.json"
    arguments = ("--seed", str(SEED), "--seconds", str(SECONDS), "--json", str(outcome))
    async with chaos(tmp_path, *arguments) as running:
        async with asyncio.timeout(LIMIT_S):
            code = await running.wait()
    told = (tmp_path / "out").read_text()
    assert code == 0, told
    found = json.loads(outcome.read_text())
    assert found["clean"]
    assert found["struck"] >= FAULTS, told
    assert found["counts"]["of them acknowledged"] == found["counts"]["letters sent"] > 100
    assert found["counts"]["mails"] > 10
    assert f"seed {SEED}: clean" in told


@pytest.mark.timeout(240)
async def test_a_run_that_is_interrupted_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    async with chaos(tmp_path, "--seed", "1") as running:
        await eventually(lambda: begun(running.pid, tmp_path), END_S, poll_s=0.2)
        folders, pids = folders_of(running.pid), family(running.pid)
        running.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_S):
            assert await running.wait() == 130, (tmp_path / "out").read_text()
    assert folders
    assert not [folder for folder in folders if folder.exists()]
    assert not [pid for pid in pids if command_of(pid)]


def begun(pid: int, tmp_path: Path) -> bool:
    """Say whether a run has started its brokers and its database."""
    assert {"java", "postgres"} <= set(names(pid)), (tmp_path / "out").read_text()
    return True


def names(pid: int) -> list[str]:
    """Return the programs of a process and of all that descend from it."""
    return [Path(words[0]).name for one in family(pid) if (words := command_of(one))]


def folders_of(pid: int) -> set[Path]:
    """Return the temporary folders that the commands of a process and its descendants name."""
    words = " ".join(word for one in family(pid) for word in command_of(one))
    return {Path(found) for found in re.findall(r"(/\S*?/trackfold-\w+-\w+)", words)}


def command_of(pid: int) -> list[str]:
    """Return the command of a process; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []
