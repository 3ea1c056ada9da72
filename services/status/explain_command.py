"""`trackfold explain`: finds what an argument means, reads it from the database, and prints its story.

An order number comes first, then `shop:order`, then a tracking number with or without its carrier. A number that
several orders claim shows each of them; one that nobody claims is told from its scans. Only where nothing is found is
it taken for a printed order number, with or without its `#`, and all orders that print it are told.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import typer

from schemas.keys import clean_number, order_key, shipment_key, split_order_key
from services.runtime import postgres
from services.runtime.errors import Exit, ExitCode
from services.runtime.postgres import Connection
from services.runtime.settings import OperatorSettings
from services.status import explain_queries
from services.status.explain import story_of, story_of_number
from services.status.explain_answers import ParcelStory, Story
from services.status.explain_text import parcel_text, story_text
from services.status.queries import ONE_INSTANT

_NEXT: Final = "check the number and the shop (--shop); `trackfold doctor` says whether the service is at work"


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found: orders, or numbers that no order claims."""

    orders: tuple[Story, ...] = ()
    numbers: tuple[ParcelStory, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether nothing was found."""
        return not (self.orders or self.numbers)


async def find(settings: OperatorSettings, argument: str, *, shop: str) -> Explained:
    """Return the stories of what an argument means; raises Exit where there is none."""
    async with postgres.connect(settings.postgres, "trackfold-explain") as connection, connection.transaction():
        await connection.execute(ONE_INSTANT)
        found = await _orders(connection, _order_keys(argument, shop)[:1])
        found = found or await _orders(connection, _order_keys(argument, shop)[1:])
        explained = Explained(found) if found else await _numbers(connection, argument)
        if explained.nothing:
            explained = Explained(await _printed(connection, argument))
    if explained.nothing:
        message = f"no order and no tracking number {argument[:128]!r} is known here"
        raise Exit(ExitCode.FAILED, "unknown", message, hint=_NEXT)
    return explained


def show(found: Explained, *, as_json: bool) -> None:
    """Print the stories."""
    if as_json:
        typer.echo(json.dumps(_plain(found), ensure_ascii=False))
        return
    texts = [*map(story_text, found.orders), *map(parcel_text, found.numbers)]
    if len(texts) > 1:
        typer.echo(f"{len(texts)} stories: {', '.join(_names(found))}\n")
    typer.echo("\n".join(texts), nl=False)


def _plain(found: Explained) -> dict[str, object]:
    return {
        "orders": [story.model_dump(mode="json") for story in found.orders],
        "numbers": [story.model_dump(mode="json") for story in found.numbers],
    }


def _names(found: Explained) -> list[str]:
    return [*map(_order_name, found.orders), *(one.key or "" for one in found.numbers)]


def _order_name(story: Story) -> str:
    return f"order {story.shop}:{story.order}" + ("" if story.printed is None else f" ({story.printed})")


def _order_keys(argument: str, shop: str) -> list[str]:
    """Return the order keys that an argument may mean, the likeliest first."""
    found = []
    with suppress(ValueError):
        found.append(order_key(shop, argument.strip()))
    with suppress(ValueError):
        found.append(order_key(*split_order_key(argument.strip())))
    return found


async def _orders(connection: Connection, keys: Sequence[str]) -> tuple[Story, ...]:
    evidence = [await explain_queries.read_evidence(connection, key) for key in keys]
    return tuple(story_of(found) for found in evidence if found is not None)


async def _numbers(connection: Connection, argument: str) -> Explained:
    """Return who claims a tracking number, and what is told of it where nobody does."""
    keys, number = {argument.strip()}, None
    carrier, _, rest = argument.partition(":")
    with suppress(ValueError):
        keys.add(shipment_key(carrier, rest))
    with suppress(ValueError):
        number = clean_number(argument)
    claimed: set[str] = set()
    alone = []
    for key in await explain_queries.keys_of(connection, keys=keys, number=number):
        history, path = await explain_queries.read_number(connection, key)
        claimed |= {order for order, _ in history.claims}
        if not history.claims and history.readings:
            alone.append(story_of_number(key, history, path))
    return Explained(await _orders(connection, sorted(claimed)), tuple(alone))


async def _printed(connection: Connection, argument: str) -> tuple[Story, ...]:
    """Return the orders that print this number; without its `#` as well, which a shell takes for a comment."""
    number = argument.strip()
    return await _orders(connection, await explain_queries.orders_printed(connection, (number, f"#{number}")))
