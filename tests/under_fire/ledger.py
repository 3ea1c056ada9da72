"""The load's ledger: an append-only file of JSON lines, each on the disk before the next step is taken.

What is about to be sent is written *before* it is sent, its acknowledgement after. A load that dies on the way leaves
at most half a line at the end, which is passed over; an intent without an acknowledgement promises nothing.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.oracle_evidence import Answer, Event, Expected, Sent


class Ledger:
    """The open file; one writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def expect(self, expected: Sequence[Expected]) -> None:
        """Write down how orders must end."""
        self._write([{"line": "expect", **asdict(one)} for one in expected])

    def intend(self, sends: Sequence[Sent]) -> None:
        """Write down what is sent next; one that is sent again needs no second line."""
        self._write([{"line": "intent", **asdict(one)} for one in sends])

    def acknowledged(self, id_: str, partition: int, offset: int) -> None:
        """Write down that Kafka has it, and where."""
        self._write([{"line": "ack", "id": id_, "place": [partition, offset]}])

    def answered(self, id_: str, answer: Answer) -> None:
        """Write down what the webhook door said."""
        self._write([{"line": "answer", "id": id_, **asdict(answer)}])

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        if not lines:
            return
        self._file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self._file.flush()
        os.fsync(self._file.fileno())


def read(path: Path) -> tuple[tuple[Sent, ...], tuple[Expected, ...]]:
    """Return what was sent and how it must end; half a line at the end is nothing."""
    sent: dict[str, Sent] = {}
    expected: dict[str, Expected] = {}
    for line in _lines(path):
        match line.pop("line"):
            case "expect":
                expected[line["order"]] = Expected(**line | {"tokens": tuple(line["tokens"])})
            case "intent":
                sent.setdefault(line["id"], _sent(line))
            case "ack":
                one = sent[line["id"]]
                sent[one.id] = replace(one, acks=(*one.acks, (line["place"][0], line["place"][1])))
            case "answer":
                one = sent[line["id"]]
                answer = Answer(line["status"], line["retry_after"])
                sent[one.id] = replace(one, answers=(*one.answers, answer))
    return tuple(sent.values()), tuple(expected.values())


def _sent(line: dict[str, Any]) -> Sent:
    events = tuple(Event(**event) for event in line["events"])
    return Sent(**line | {"events": events, "acks": (), "answers": ()})


def _lines(path: Path) -> list[dict[str, Any]]:
    *whole, torn = path.read_bytes().split(b"\n")
    del torn  # empty after a whole line; else the writer died in it
    return [json.loads(line) for line in whole]
