"""A recorded story told again: with order numbers, tracking numbers and references of its own, and in our days. Pure.

A scenario can be played again and again: nothing of one telling belongs to another. Times move by whole days, so every
wall clock and every distance stays as it is; time events, named by their date (rule E15), are named anew. What names
cannot be made of (no readable number) is left as it is.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from schemas.envelope import ce_headers, header
from schemas.keys import clean_number, reference_key
from schemas.vocabulary import ScanKind
from services.local.messages import KafkaMessage
from services.runtime.kafka import Record
from services.status.expectations import Expectation, Rule
from services.status.inputs import ORDER_EVENTS

_ORDERS: Final = frozenset({"order", "replaces", "replacement"})
_TIMES: Final = frozenset({"occurred_at", "occurred_at_text", "told_at", "due_at", "until", "day", "starts", "ends"})
#: What names an event: its own key, or that of another.
_EVENTS: Final = frozenset({"event_key", "basis", "voids"})
_TIME_REACHED: Final = "time_reached"
_STARTS_WITH_A_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?=$|[T ])")
_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Telling:
    """One telling of a story: under which names, and how many days later than it was written."""

    prefix: str
    days: int = 0
    events: Mapping[str, str] = field(default_factory=dict)
    """The names of time events, each in this telling."""

    def order(self, number: str) -> str:
        """Return an order's number in this telling."""
        return f"{self.prefix}-{number}"

    def number(self, number: str) -> str:
        """Return a tracking number in this telling; one that cannot be read stays unreadable."""
        try:
            clean_number(number)
        except ValueError:
            return number
        return f"{self.prefix}{number}"

    def reference(self, kind: str, value: str) -> str:
        """Return a reference in this telling."""
        try:
            reference_key(kind, value)
        except ValueError:
            return value
        return f"{self.prefix}-{value}"

    def time(self, text: str) -> str:
        """Return a day, or a time with its wall clock and offset, so many days later."""
        return _STARTS_WITH_A_DAY.sub(self._later, text, count=1) if _STARTS_WITH_A_DAY.match(text) else text

    def _later(self, found: "re.Match[str]") -> str:
        try:
            return (date.fromisoformat(found[1]) + timedelta(days=self.days)).isoformat()
        except (ValueError, OverflowError):
            return found[1]


def days_until(now: datetime, records: Iterable[Record]) -> int:
    """Return by how many days a story must move for its last record to lie in the day before `now`."""
    last = max((at for record in records if (at := _told_at(record)) is not None), default=now)
    return (now - last) // _A_DAY


def retell(records: Sequence[Record], telling: Telling) -> list[KafkaMessage]:
    """Return the messages of a telling, in the story's order; a record without a value has nothing to tell."""
    told = replace(telling, events=_time_events(records, telling))
    return [_message(record, record.value, told) for record in records if record.value is not None]


def _time_events(records: Iterable[Record], telling: Telling) -> dict[str, str]:
    """Return how the time events are called when their dates have moved; names of another make stay."""
    found: dict[str, str] = {}
    for record in records:
        body = _body(record.value or b"") or {}
        of_order = body.get("type") == _TIME_REACHED
        name = header(record.headers, "ce_id") if of_order else body.get("event_key")
        if name is None or not (of_order or body.get("kind") == ScanKind.TIME) or name != _identity(body):
            continue
        source = f"{header(record.headers, 'ce_source')}#" if of_order else ""
        new = _identity({part: _retold(one, part, telling) for part, one in body.items()})
        found |= {name: new or name, f"{source}{name}": f"{source}{new or name}"}
    return found


def _identity(body: Mapping[str, Any]) -> str | None:
    """Return what a time event is called (rule E15)."""
    rule, basis, due_at = body.get("rule"), body.get("basis"), _instant(body.get("due_at"))
    if rule not in set(Rule) or not isinstance(basis, str) or due_at is None:
        return None
    return Expectation(Rule(rule), basis, due_at, "").identity


def _message(record: Record, told: bytes, telling: Telling) -> KafkaMessage:
    body, key = _body(told), _key(record, telling)
    if body is None:
        return KafkaMessage(key.encode(), told, _headers(record, {}, key, {}), record.topic)
    value = {name: _retold(one, name, telling) for name, one in body.items()}
    headers = _headers(record, value, key, telling.events)
    return KafkaMessage(key.encode(), json.dumps(value).encode(), headers, record.topic)


def _body(told: bytes) -> dict[str, Any] | None:
    """Return a record's body; None where it is no object: then there is nothing to tell in other words."""
    try:
        body = json.loads(told)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _retold(value: Any, name: str, telling: Telling) -> Any:
    if isinstance(value, Mapping):
        if name == "references":
            return {kind: telling.reference(kind, one) if isinstance(one, str) else one for kind, one in value.items()}
        return {inner: _retold(one, inner, telling) for inner, one in value.items()}
    if isinstance(value, list):
        return [_retold(one, name, telling) for one in value]
    return _word(value, name, telling) if isinstance(value, str) else value


def _word(text: str, name: str, telling: Telling) -> str:
    if name in _TIMES:
        return telling.time(text)
    if name in _ORDERS:
        return telling.order(text)
    if name in _EVENTS:
        return telling.events.get(text, text)
    return telling.number(text) if name == "number" else text


def _key(record: Record, telling: Telling) -> str:
    """Return the key in this telling: `shop:order`, `carrier:number` or `ref:kind:value`."""
    text = (record.key or b"").decode(errors="replace")
    first, colon, rest = text.partition(":")
    if not colon:
        return text
    if record.topic == ORDER_EVENTS:
        return f"{first}:{telling.order(rest)}"
    if first == "ref":
        kind, _, value = rest.partition(":")
        return f"{first}:{kind}:{telling.reference(kind, value)}"
    return f"{first}:{telling.number(rest).upper()}"


def _headers(record: Record, value: Mapping[str, Any], key: str, events: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Return the envelope as our integrations write it; the identity stays what it was, but for time events."""
    given = {name: text.decode(errors="replace") for name, text in record.headers if text is not None}
    given["ce_id"] = events.get(given["ce_id"], given["ce_id"])
    event = value.get("type" if record.topic == ORDER_EVENTS else "kind")
    at = _instant(value.get("occurred_at"))
    made = [] if not isinstance(event, str) or at is None else ce_headers(
        record.topic, event, event_id=given["ce_id"], source=given["ce_source"], subject=key, time=at
    )  # fmt: skip
    names = {name for name, _ in made}
    return [*made, *((name, text.encode()) for name, text in given.items() if name not in names)]


def _told_at(record: Record) -> datetime | None:
    body = _body(record.value or b"") or {}
    return _instant(body.get("told_at")) or _instant(body.get("occurred_at"))


def _instant(told: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return None if at is None or at.tzinfo is None else at.astimezone(UTC)
