"""The named bad histories that come with the package: which there are, and their records. Reads files, decides nothing.

A scenario is `scenarios/NAME.jsonl`, in the lines of `trackfold fold`; `scenarios/index.json` says what each is about.
"""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from services.local.record_lines import NoRecord, UnusableError, numbered, record_of
from services.runtime.kafka import Record

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One bad history."""

    name: str
    title: str
    rules: tuple[str, ...]
    """The rules whose trouble it is (docs/state-model.md, docs/engine-rules.md)."""
    story: str

    def as_json(self) -> dict[str, object]:
        """Give it as data."""
        return {"name": self.name, "title": self.title, "rules": list(self.rules), "story": self.story}


@cache
def scenarios() -> dict[str, Scenario]:
    """Return all scenarios by name."""
    index = json.loads((_folder() / "index.json").read_text("utf-8"))
    return {
        name: Scenario(name, about["title"], tuple(about["rules"]), about["story"])
        for name, about in sorted(index.items())
    }


def chosen(names: Iterable[str]) -> list[Scenario]:
    """Return the scenarios of these names, each once; `all` means every one. Raises for an unknown name."""
    known = scenarios()
    wanted = [one for name in names for one in (known if name == ALL else [name])]
    for name in wanted:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "--list-scenarios lists them"
            raise UnusableError("unknown_scenario", f"no scenario is called {name!r}", hint=hint)
    return [known[name] for name in dict.fromkeys(wanted)]


def records(scenario: Scenario) -> list[Record]:
    """Return a scenario's records, in its order."""
    name = f"{scenario.name}.jsonl"
    with (_folder() / name).open("rb") as stream:
        try:
            return [record_of(number, line) for number, line in numbered(stream, name)]
        except NoRecord as why:
            raise UnusableError("bad_scenario", f"{name}: {why}") from None


def _folder() -> Traversable:
    return files("services.local") / "scenarios"
