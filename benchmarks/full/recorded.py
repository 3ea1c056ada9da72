"""`benchmarks/results/full.json`: the parts that were measured, each written at once, so that a run can be restarted.

Each part says of which commit it is; on another machine or broker the file begins anew. What was measured of changed
files has no name that says which changes: it is never skipped.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.engine.machine import CHANGED

FULL: Final = Path(__file__).parents[1] / "results/full.json"
Recorded = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured, and on what: machine and broker are the same for all parts of one file."""

    commit: str
    machine: str
    broker: str


def read(path: Path) -> Recorded:
    """Return what was recorded; nothing where there is no file."""
    if not path.exists():
        return {}
    found: Recorded = json.loads(path.read_text(encoding="utf-8"))
    return found


def is_done(recorded: Mapping[str, Any], name: str, *, commit: str, settings: Mapping[str, Any]) -> bool:
    """Tell whether a part need not be measured again: same commit, no changes, same settings."""
    part = recorded.get("parts", {}).get(name)
    if part is None or "figures" not in part or commit.endswith(CHANGED):
        return False
    return bool(part["commit"] == commit and part["settings"] == settings)


def merged(recorded: Mapping[str, Any], run: Run, name: str, part: Mapping[str, Any]) -> Recorded:
    """Return the file with one more part."""
    same = (recorded.get("machine"), recorded.get("broker")) == (run.machine, run.broker)
    before = recorded["parts"] if same else {}
    parts = {**before, name: {"commit": run.commit, **part}}
    return {"machine": run.machine, "broker": run.broker, "parts": parts}


def write(path: Path, recorded: Mapping[str, Any]) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")
    new.replace(path)
