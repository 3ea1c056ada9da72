"""Lines of a file become records of our topics, read by the service's own reader; a bad line is named, not fatal.

A line is `{"topic","key","headers"?,"value"}`, in the topics' formats. What is left out is made from the content, so
that the same line is always the same record. Decides nothing about what a record means (`services/status/inputs.py`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final

from pydantic import ValidationError

from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN
from services.runtime.errors import ExitCode, TrackfoldError
from services.runtime.kafka import MAX_REQUEST_BYTES, Record
from services.status.inputs import ORDER_EVENTS, SCANS, Input, OrderIn, Refused, ScanIn, read

MAX_LINES: Final = 100_000
MAX_LINE_BYTES: Final = MAX_REQUEST_BYTES
SOURCE: Final = "workbench"
_TOPICS: Final = (SCANS, ORDER_EVENTS)


class UnusableError(TrackfoldError):
    """A file, or an option, that nothing can be made of."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be applied; the others count all the same."""

    place: str
    """`file:line`."""
    reason: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """Give it as data."""
        return {"place": self.place, "reason": self.reason, "detail": self.detail}


@dataclass(slots=True)
class Lines:
    """What a file says, in its order. A record's offset is the number of its line."""

    name: str
    items: list[ScanIn | OrderIn] = field(default_factory=list)
    refused: list[BadLine] = field(default_factory=list)

    def refuse(self, number: int, reason: str, detail: str) -> None:
        """Note a line that cannot be applied."""
        self.refused.append(BadLine(f"{self.name}:{number}", reason, detail))


class NoRecord(Exception):  # noqa: N818 - a verdict on one line, and no failure
    """Why a line is no record: the reason and the detail."""


def read_lines(stream: IO[bytes], name: str) -> Lines:
    """Read every line; raises UnusableError for a file that is too long."""
    lines = Lines(name)
    for number, line in numbered(stream, name):
        found = _read_line(number, line)
        if isinstance(found, Refused):
            lines.refuse(number, found.reason, found.detail)
        else:
            lines.items.append(found)
    return lines


def numbered(stream: IO[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """Give the lines that hold something, with their numbers from 1."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number > MAX_LINES or len(line) > MAX_LINE_BYTES:
            limit = f"{MAX_LINES:,} lines" if number > MAX_LINES else f"{MAX_LINE_BYTES:,} bytes in line {number}"
            raise UnusableError("too_long", f"{name} has more than {limit}", hint="split it by orders")
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if line.strip():
            yield number, line


def _read_line(number: int, line: bytes) -> Input:
    try:
        return read(record_of(number, line))
    except NoRecord as why:
        reason, detail = why.args
        return Refused(Record("", 0, number, 0, None, None, ()), reason, detail)


def record_of(number: int, line: bytes) -> Record:
    """Return the record that a line is; raises NoRecord."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NoRecord("unreadable", f"the line is no JSON ({type(error).__name__})") from None
    if not isinstance(told, dict):
        raise NoRecord("unreadable", 'a line is an object: {"topic", "key", "headers", "value"}')
    topic, key = told.get("topic"), told.get("key")
    if topic not in _TOPICS:
        raise NoRecord("unknown_topic", f"the topic is one of {', '.join(_TOPICS)}")
    if key is not None and not isinstance(key, str):
        raise NoRecord("bad_key", "the key is a string")
    value = _value(told.get("value"))
    key = _key_of(topic, value) if key is None else key
    headers = _with_identity(_headers(told.get("headers")), topic, key, value)
    return Record(topic, 0, number, 0, _bytes(key), value, headers)


def _value(told: object) -> bytes | None:
    """Return the value's bytes: of an object, or of a string that holds JSON already."""
    return None if told is None else _bytes(told if isinstance(told, str) else json.dumps(told))


def _headers(told: object) -> dict[str, str]:
    if told is None:
        return {}
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise NoRecord("bad_headers", "headers are an object of strings")
    return told


def _with_identity(
    headers: Mapping[str, str], topic: str, key: str, value: bytes | None
) -> tuple[tuple[str, bytes], ...]:
    """Return the headers as records have them; an id that is left out is the content's digest."""
    made = {"ce_id": _digest(topic, key, value), "ce_source": SOURCE}
    return tuple((name, _bytes(text)) for name, text in {**made, **headers}.items())


def _digest(topic: str, key: str, value: bytes | None) -> str:
    content: Any = value
    try:
        content = json.dumps(json.loads(value or b"null"), sort_keys=True)
    except (ValueError, RecursionError):
        content = repr(value)
    return hashlib.sha256(f"{topic}\n{key}\n{content}".encode(errors="replace")).hexdigest()[:32]


def _key_of(topic: str, value: bytes | None) -> str:
    """Return the key that a value must have; empty where it has none: the reader then says what is wrong with it."""
    try:
        return (SCAN if topic == SCANS else ORDER_EVENT).validate_json(value or b"").key
    except (ValidationError, ValueError, RecursionError):
        return ""


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
