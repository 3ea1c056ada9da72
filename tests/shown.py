"""What orders show, as their rows hold it: for tests that look into the database, or change it by hand."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.status import packed, repository

ROWS = "select order_key, version, state, message from status.orders order by order_key"
SHOW = "update status.orders set doc = $2::jsonb, state = $3 where order_key = $1"


class Row(NamedTuple):
    """An order, as its row holds it."""

    order: str
    version: int
    state: str | None
    document: dict[str, Any] | None
    """None where nothing is shown: of what was closed, or only made."""
    message: bytes | None
    """The newest message."""


async def rows(connection: Any) -> list[Row]:
    """Return all orders."""
    found = await connection.fetch(ROWS)
    shown = await repository.documents(connection, [row["order_key"] for row in found])
    return [Row(key, version, state, shown[key], _unpacked(key, message)) for key, version, state, message in found]


async def documents(connection: Any) -> dict[str, dict[str, Any]]:
    """Return what each order shows that shows anything."""
    return {row.order: row.document for row in await rows(connection) if row.document is not None}


async def document(connection: Any, order: str = "main:1001") -> dict[str, Any]:
    """Return what an order shows."""
    return (await documents(connection))[order]


async def message(connection: Any, order: str = "main:1001") -> bytes | None:
    """Return the newest message of an order."""
    return next(row.message for row in await rows(connection) if row.order == order)


async def say(connection: Any, state: str, *, orders: Sequence[str] | None = None) -> None:
    """Let orders show another state than was published, as somebody could do by hand."""
    for order, shown in (await documents(connection)).items():
        if orders is None or order in orders:
            await connection.execute(SHOW, order, json.dumps({**shown, "state": state}), state)


def _unpacked(order: str, stored: bytes | None) -> bytes | None:
    return None if stored is None else packed.unpack(order, stored)
