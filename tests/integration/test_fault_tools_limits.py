"""A process gets as little as was asked for: files, memory, CPU, log, and another clock."""

import contextlib
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from services.local.child import Child
from tests.faults import limits
from tests.stack.processes import base_environment
from tests.waiting import eventually, never

SIGKILLED = -9


@contextlib.contextmanager
def python(
    code: str, folder: Path, *, under: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a piece of Python as a process of its own."""
    argv = [*under, sys.executable, "-c", code]
    child = Child.start("piece", argv, log=folder / "piece.log", env=base_environment() | dict(env or {}))
    try:
        yield child
    finally:
        child.process.kill()
        child.process.wait()


OPEN_MANY = """
import os
opened = 0
try:
    while True:
        os.open('/dev/null', os.O_RDONLY)
        opened += 1
except OSError as failure:
    print(failure.errno, opened, flush=True)
"""
EAT = """
print('up', flush=True)
eaten = bytearray(300 * 1024 * 1024)
print('ate', flush=True)
"""
PRINT = """
import pathlib
try:
    print('x', flush=True)
except OSError as failure:
    pathlib.Path('{}').write_text(str(failure.errno))
"""
PRINT_MUCH = """
import pathlib
print('x' * 200_000, flush=True)
pathlib.Path('{}').touch()
"""
CLOCKS = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp(), time.monotonic())"


async def test_a_process_gets_no_more_file_descriptors_than_it_may_have(tmp_path: Path) -> None:
    with python(OPEN_MANY, tmp_path, under=limits.few_files(20)) as child:
        assert child.process.wait(20) == 0
        number, opened = child.tail().split()
        assert (number, int(opened) < 20) == ("24", True)


async def test_a_running_process_can_be_given_fewer_file_descriptors(tmp_path: Path) -> None:
    with python("import time\nprint('up', flush=True)\ntime.sleep(60)", tmp_path) as child:
        await eventually(child.tail)
        before = limits.open_files(child.process.pid)
        limits.limit_files(child.process.pid, before + 1)
        assert resource.prlimit(child.process.pid, resource.RLIMIT_NOFILE)[0] == before + 1


async def test_a_full_log_refuses_every_write(tmp_path: Path) -> None:
    with python(PRINT.format(tmp_path / "said"), tmp_path, under=limits.full_log()):
        said = tmp_path / "said"
        await eventually(lambda: said.exists() and said.read_text() == "28")


async def test_a_log_that_nobody_reads_blocks_its_writer(tmp_path: Path) -> None:
    with (
        limits.deaf_log(tmp_path) as under,
        python(PRINT_MUCH.format(tmp_path / "through"), tmp_path, under=under) as child,
    ):
        assert child.process.poll() is None
        await never((tmp_path / "through").exists, 0.5)


async def test_a_process_over_its_memory_cap_is_killed(tmp_path: Path) -> None:
    if (reason := limits.why_no_memory_cap()) is not None:
        pytest.skip(reason)
    with limits.memory_cap(64) as under, python(EAT, tmp_path, under=under) as child:
        await eventually(lambda: child.process.poll() == SIGKILLED)
        assert child.tail() == "up"


async def test_a_process_gets_a_tenth_of_a_cpu(tmp_path: Path) -> None:
    with python("while True: pass", tmp_path) as child, limits.cpu_share(child.process.pid, 0.1):
        began, before = time.monotonic(), spent_s(child.process.pid)
        await never(lambda: False, 2)
        assert spent_s(child.process.pid) - before <= 0.4 * (time.monotonic() - began)


def spent_s(pid: int) -> float:
    """Give the CPU time that a process has had."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def test_one_process_has_another_wall_clock(tmp_path: Path) -> None:
    if (reason := limits.why_no_clock_offset()) is not None:
        pytest.skip(reason)
    with python(CLOCKS, tmp_path, env=limits.clock_offset(tmp_path, -3600)) as child:
        assert child.process.wait(20) == 0
    wall, shown, monotonic = map(float, child.tail().split())
    assert abs(wall + 3600 - time.time()) < 60
    assert abs(shown + 3600 - time.time()) < 60
    assert abs(monotonic - time.monotonic()) < 60
