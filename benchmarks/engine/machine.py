"""On what the figures were measured, without a name of the machine, and of which commit."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CHANGED: Final = " and changes"
_WRITTEN_BY_RUNS: Final = (":(exclude)docs", ":(exclude)benchmarks/results")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def described(postgres: str) -> str:
    """Return the machine in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    parts = (f"{cores()} cores", _processor(), f"{memory:.0f} GiB", f"Python {platform.python_version()}", postgres)
    return ", ".join(filter(None, parts))


def commit() -> str:
    """Return the commit, marked where files of it were changed, but for what runs write themselves."""
    found = _git("rev-parse", "HEAD")
    if not found:
        return "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *_WRITTEN_BY_RUNS)
    return f"{found}{CHANGED}" if changed else found


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607 - git from PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
