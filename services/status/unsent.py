"""What a lost future showed in snapshots alone: its messages, which were never sent, for `order.status.v1` (E7). Pure.

A snapshot is acknowledged before its message, and it is that of an order's newest version: the message is its bytes. Of
versions that were skipped so nobody has seen anything: their numbers are told with what the newest one showed, so that
readers of messages find no gap.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from schemas.topics import TOPICS
from services.status.messages import STATUS_TOPIC, Message
from services.status.outbox import MAX_ROW_MESSAGES

if TYPE_CHECKING:
    from services.status.reading_back import Seen

#: More than one row of the outbox holds were not skipped by the relay.
_MOST: Final = MAX_ROW_MESSAGES
_MARGIN: Final = timedelta(days=5)


def is_known(age: timedelta) -> bool:
    """Tell whether a message that is not there was never sent: since a database was this old none can have expired."""
    retention = TOPICS[STATUS_TOPIC].retention
    return retention is not None and age < retention - _MARGIN


def messages(seen: Mapping[str, "Seen"], known: Mapping[str, int]) -> list[Message]:
    """Return the messages of these orders above the versions that were known, in order."""
    return [
        _message(order, seen[order], version)
        for order, before in known.items()
        if seen[order].version - before <= _MOST
        for version in range(before + 1, seen[order].version + 1)
    ]


def _message(order: str, snapshot: "Seen", version: int) -> Message:
    value, headers = snapshot.value, snapshot.headers
    if version != snapshot.version:
        shown = json.loads(value)
        shown["change"]["version"] = version
        value = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
        headers = [(name, f"{order}/{version}" if name == "ce_id" else text) for name, text in headers]
    return Message(STATUS_TOPIC, order.encode(), value, headers, snapshot.timestamp_ms)
