"""What came of the faults of a run: a line of JSON each, into the file that FAULT_RESULTS names, if one is named."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

VARIABLE: Final = "FAULT_RESULTS"


@dataclass(frozen=True)
class Result:
    """One fault, broken once."""

    fault: str
    passed: bool
    recovered_s: float | None = None


def write(faults: Iterable[str], *, passed: bool, recovered_s: float | None) -> None:
    """Append the result of one test."""
    if not (name := os.environ.get(VARIABLE)):
        return
    with Path(name).open("a") as file:
        file.writelines(json.dumps(asdict(Result(fault, passed, recovered_s))) + "\n" for fault in faults)


def read(path: Path) -> Iterator[Result]:
    """Read what a run wrote."""
    for line in path.read_text().splitlines():
        yield Result(**json.loads(line))
