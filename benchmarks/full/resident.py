"""How much memory processes hold: what /proc says of them, now and at most so far."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

_KIB: Final = 1024
NOW: Final = "VmRSS"
HIGHEST: Final = "VmHWM"


def resident_bytes(pids: Iterable[int], what: str = NOW) -> int:
    """Return the resident memory of processes together; ProcessLookupError where one is gone."""
    return sum(_of(pid, what) for pid in pids)


def _of(pid: int, what: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    for line in lines:
        name, _, value = line.partition(":")
        if name == what:
            return int(value.split()[0]) * _KIB
    raise ProcessLookupError(f"process {pid} has ended")


def slope(points: list[tuple[float, float]]) -> float:
    """Return by how much a value rises in a unit of what it is over (least squares); 0 for fewer than two points."""
    count = len(points)
    if count < 2:  # noqa: PLR2004 - a line needs two
        return 0.0
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
