"""What a mutant is, and which files hold rule tables: the pure files of the status service, by the import law.

Called by `__main__` and by the tests of this folder; knows no table and runs nothing.
"""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

#: Pure, and a fact of the path: not in the import law's list, for it reads records.
_BESIDE: Final = ("services.status.changes",)
#: They draw documents, pages and sentences out of a state: layout and words, no rules.
_LAYOUT: Final = (
    "services.status.parcel_document", "services.status.web.", "services.status.explain", "services.status.reasons",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One row of one table changed in one way, compiled."""

    module: str
    path: Path
    line: int
    table: str
    change: str
    row: str
    code: CodeType

    @property
    def name(self) -> str:
        """What it is, whatever line it stands on: the list of equivalent mutants names it so."""
        return f"{self.path.stem}.{self.table}: {self.row}: {self.change}"

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path.name}:{self.line}"


def unchanged(mutant: Mutant) -> Mutant:
    """Return the same file as it is: its tests must pass, or every mutant would seem caught."""
    code = compile(mutant.path.read_text(), str(mutant.path), "exec", dont_inherit=True)
    return replace(mutant, table="", change="", row="", code=code)


Change = tuple[str, Callable[[], Callable[[], None]]]
"""What is done to a row, and how: it changes the tree, and gives back what undoes that."""


def pure_modules(root: Path = ROOT) -> list[str]:
    """Return the pure modules of the status service, as the import law lists them."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    listed = next(one["source_modules"] for one in contracts if one["name"].startswith("pure files"))
    return [name for name in listed if name.startswith("services.status.")]


def rule_files(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Give each rule file with its module's name."""
    for name in sorted({*pure_modules(root), *_BESIDE}):
        path = root / f"{name.replace('.', '/')}.py"
        if not name.startswith(_LAYOUT) and path.exists():
            yield name, path


if __name__ == "__main__":
    print(",".join(f"{name.replace('.', '/')}.py" for name in pure_modules()))  # noqa: T201 - what `make cover` measures
