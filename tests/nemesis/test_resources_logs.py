"""A log that takes nothing: nobody reads the pipe, or its disk is full. What is done matters more than what is said."""

import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults import limits
from tests.nemesis.striking import unwanted_ends
from tests.under_fire.stage import Stage

#: Everything is told, so that there is always something to write.
LOUD: Final[dict[str, Any]] = {"TRACKFOLD_LOG__LEVEL": "DEBUG"}


def fill(pipe: Path) -> int:
    """Write into a pipe that nobody reads until not a byte fits; returns how many did."""
    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    written = 0
    try:
        for size in (4096, 1):
            try:
                while True:
                    written += os.write(writer, b"\n" * size)
            except BlockingIOError:
                continue
    finally:
        os.close(writer)
    return written


def pipe_in(folder: Path) -> Path:
    """Return the pipe that `deaf_log` made there."""
    (pipe,) = folder.glob("deaf-*")
    return pipe


def writes_to(pid: int) -> str:
    """Return what a process's standard output is."""
    return str(Path(f"/proc/{pid}/fd/1").readlink())


@pytest.mark.timeout(150)
@pytest.mark.fault("log_blocked")
async def test_services_whose_log_nobody_reads_go_on_and_stop_when_they_are_told_to(
    stage: Stage, tmp_path: Path
) -> None:
    with limits.deaf_log(tmp_path) as under:
        for service in ("status", "ingest", "notify"):
            await stage.start(service, under=under, **LOUD)
        fill(pipe_in(tmp_path))
        await stage.begin(seed=561, orders=24, per_second=40)
        await stage.heal_and_judge()
        assert fill(pipe_in(tmp_path)) == 0, "nobody has read anything"
        assert not unwanted_ends(stage)
        assert [await member.terminate() for member in stage.members] == [0, 0, 0]


@pytest.mark.timeout(150)
@pytest.mark.fault("log_blocked")
async def test_services_whose_log_has_no_space_left_go_on_and_stop_when_they_are_told_to(stage: Stage) -> None:
    for service in ("status", "ingest", "notify"):
        await stage.start(service, under=limits.full_log(), **LOUD)
    await stage.begin(seed=562, orders=24, per_second=40)
    await stage.heal_and_judge()
    assert {writes_to(member.pid) for member in stage.members} == {"/dev/full"}
    assert not unwanted_ends(stage)
    assert [await member.terminate() for member in stage.members] == [0, 0, 0]
