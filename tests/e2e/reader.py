"""A downstream team's program as the tests drive it: examples/consumer.py as a process, with one file of its own."""

import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.order_status import ORDER_STATUS, OrderStatus
from services.local.child import Child
from tests.pipeline import Pipeline
from tests.stack.processes import base_environment
from tests.waiting import eventually

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "consumer.py"

Documents = dict[str, dict[str, Any]]


@dataclass
class Reader:
    """The program with one file of its own, started as often as a test likes."""

    pipeline: Pipeline
    folder: Path
    database: Path
    started: list[Child] = field(default_factory=list)

    def start(self, *options: str) -> Child:
        """Start the program."""
        name = f"{self.database.stem}-{len(self.started) + 1}"
        where = ["--bootstrap", self.pipeline.kafka.bootstrap_servers, "--prefix", self.pipeline.prefix]
        command: list[str | Path] = [sys.executable, PROGRAM, *where, "--json", "--database", self.database, *options]
        child = Child.start(name, command, log=self.folder / f"{name}.log", env=base_environment())
        self.started.append(child)
        return child

    async def run(self, *options: str) -> list[dict[str, Any]]:
        """Run the program until nothing comes any more; return what it said."""
        child = self.start("--until-idle", "0.5", *options)
        code = await eventually(lambda: ended(child), 60, what="the end of the program")
        assert code == "ended with 0", child.tail()
        return said(child)

    def go_back_to(self, offset: int) -> None:
        """Let the file say that every partition was read to there."""
        with closing(sqlite3.connect(self.database)) as database:
            database.execute("update offsets set next_offset = ?", (offset,))
            database.commit()

    def documents(self) -> Documents:
        """Return the newest document of each order."""
        with closing(sqlite3.connect(self.database)) as database:
            rows = database.execute("select key, document from orders").fetchall()
        return {key: whole(json.loads(document)) for key, document in rows}

    def counts(self) -> dict[str, int]:
        """Return how many messages were what."""
        with closing(sqlite3.connect(self.database)) as database:
            return dict(database.execute("select name, n from counts").fetchall())


def ended(child: Child) -> str:
    """Say how a process ended; empty while it runs."""
    code = child.process.poll()
    return "" if code is None else f"ended with {code}"


def said(child: Child) -> list[dict[str, Any]]:
    """Return the events that the program has printed."""
    return [json.loads(line) for line in child.log.read_text().splitlines() if line.startswith("{")]


def whole(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with every field of the contract, and none beside them."""
    known = {name: value for name, value in document.items() if name in OrderStatus.model_fields}
    dumped: dict[str, Any] = ORDER_STATUS.dump_python(ORDER_STATUS.validate_python(known), mode="json")
    return dumped
