"""Too little of what a machine has, for one process: file descriptors, memory, CPU, a log that takes nothing, time.

    process = await processes.start("ingest", env=..., under=limits.few_files(64))    # or limit_files(pid, 64) later
    process = await processes.start("status", env=..., under=limits.full_log())       # every write: no space left
    with limits.deaf_log(tmp_path) as under: ...      # stdout is a pipe that nobody reads: writes block when it is full
    with limits.memory_cap(150) as under: ...         # cgroup v1; MiB from its start on; beyond it SIGKILL
    with limits.cpu_share(process.pid, 0.1): ...      # cgroup v1 quota, or SIGSTOP/SIGCONT by turns
    env |= limits.clock_offset(tmp_path, +3600)       # the process's wall clock, monotonic time untouched

`why_no_memory_cap()` and `why_no_clock_offset()` say why something cannot be had here, or None. The clock: time() of
one process is shifted by a small library before libc (cc builds it); a time namespace shifts monotonic time only.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PERIOD_US: Final = 100_000
_TRIES, _TRY_AGAIN_S = 100, 0.05
_CGROUPS: Final = Path("/sys/fs/cgroup")
_SHIFTED_CLOCK: Final = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) { const char *text = getenv("CLOCK_OFFSET_S"); return text ? atol(text) : 0; }

int clock_gettime(clockid_t which, struct timespec *out) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(which, out);
    if (done == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) out->tv_sec += offset();
    return done;
}

int gettimeofday(struct timeval *out, void *zone) {
    struct timespec now;
    (void) zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


def few_files(count: int) -> list[str]:
    """Give the command that runs a process with so many file descriptors at most."""
    return ["prlimit", f"--nofile={count}:{count}"]


def limit_files(pid: int, count: int) -> None:
    """Allow a running process so many file descriptors from now on; those it has stay."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))


def open_files(pid: int) -> int:
    """Give how many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def full_log() -> list[str]:
    """Give the command that runs a process whose log has no space: every write fails (ENOSPC)."""
    return ["sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh"]


@contextmanager
def deaf_log(folder: Path) -> Iterator[list[str]]:
    """Give the command that runs a process whose log is a pipe that nobody reads, within the block."""
    pipe = folder / f"deaf-{uuid.uuid4().hex[:8]}"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield ["sh", "-c", f'exec "$@" >"{pipe}" 2>&1', "sh"]
    finally:
        os.close(reader)
        pipe.unlink()


def why_no_memory_cap() -> str | None:
    """Say why memory cannot be capped here, or None."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_group("memory"))
        except OSError as failure:
            return f"no writable memory cgroup (version 1): {type(failure).__name__}"
    return None


@contextmanager
def memory_cap(mebibytes: int) -> Iterator[list[str]]:
    """Give the command that runs a process, and what it starts, with so much memory and no swap."""
    with _group("memory") as group:
        (group / "memory.limit_in_bytes").write_text(str(mebibytes * 1024 * 1024))
        with contextlib.suppress(OSError):  # without accounting of swap there is no swap to limit
            (group / "memory.memsw.limit_in_bytes").write_text(str(mebibytes * 1024 * 1024))
        yield ["sh", "-c", f'echo $$ >"{group}/cgroup.procs" && exec "$@"', "sh"]


@contextmanager
def cpu_share(pid: int, share: float) -> Iterator[None]:
    """Let a process have this part of one CPU within the block."""
    try:
        group = contextlib.ExitStack()
        folder = group.enter_context(_group("cpu"))
    except OSError:
        with _by_turns(pid, share):
            yield
        return
    with group:
        (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (folder / "cpu.cfs_quota_us").write_text(str(int(_PERIOD_US * share)))
        (folder / "cgroup.procs").write_text(str(pid))
        yield


def why_no_clock_offset() -> str | None:
    """Say why a process cannot be given another clock here, or None."""
    return None if shutil.which("cc") is not None else "another clock for one process needs cc (a C compiler)"


def clock_offset(folder: Path, seconds: int) -> dict[str, str]:
    """Give the environment of a process whose wall clock is so many seconds ahead (negative: behind)."""
    library = folder / "shifted_clock.so"
    if not library.exists():
        command = ["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-o", str(library), "-", "-ldl"]
        subprocess.run(command, input=_SHIFTED_CLOCK.encode(), check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "CLOCK_OFFSET_S": str(seconds)}


@contextmanager
def _group(controller: str) -> Iterator[Path]:
    """Make a group of our own below the one that we are in, so that no limit above us is left."""
    base = _CGROUPS / controller
    ours = next(
        (
            line.split(":", 2)[2]
            for line in Path("/proc/self/cgroup").read_text().splitlines()
            if f":{controller}:" in line
        ),
        None,
    )
    if ours is None:
        raise FileNotFoundError(f"no {controller} cgroup of version 1")
    group = base / ours.lstrip("/") / f"trackfold-{uuid.uuid4().hex[:12]}"
    group.mkdir()
    try:
        yield group
    finally:
        _leave(group)


def _leave(group: Path) -> None:
    """Put who is still in a group into the one above it, and remove it."""
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(OSError):  # gone meanwhile
            (group.parent / "cgroup.procs").write_text(pid)
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):  # a process that has just died is still on its way out
            group.rmdir()
            return
        time.sleep(_TRY_AGAIN_S)


@contextmanager
def _by_turns(pid: int, share: float) -> Iterator[None]:
    done = threading.Event()

    def turns() -> None:
        while not done.is_set():
            os.kill(pid, signal.SIGSTOP)
            done.wait(_PERIOD_US / 1e6 * (1 - share))
            os.kill(pid, signal.SIGCONT)
            done.wait(_PERIOD_US / 1e6 * share)

    def until_gone() -> None:
        with contextlib.suppress(ProcessLookupError):
            turns()

    thread = threading.Thread(target=until_gone, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5)
