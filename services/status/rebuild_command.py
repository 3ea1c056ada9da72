"""`trackfold rebuild`: chooses orders, shows what differs as it is found, asks, and publishes it.

Data goes to stdout, progress and questions to stderr. A dry run ends with 1 where something differs. Broken off, it
tells what was done: that stays.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import typer

from schemas.keys import DEFAULT_SHOP, order_key
from services.runtime import environment, kafka, postgres
from services.runtime.errors import Exit, ExitCode
from services.runtime.rate import Rate
from services.runtime.settings import OperatorSettings
from services.status import rebuild as work
from services.status import republishing
from services.status.handler import Handler
from services.status.outputs import read_outputs
from services.status.rebuild import Choice, Publishing
from services.status.rebuild_printing import Json, Nothing, Printing, Tally, Text, progress
from services.status.settings import StatusSection
from services.status.versions import MACHINE_VERSION


def choose(
    orders: Sequence[str],
    *,
    shop: str | None,
    state: str | None,
    machine_below: int | None,
    stale: bool,
    parcel: str | None,
    every: bool,
) -> Choice:
    """Return the choice; raises Exit (2) where nothing is chosen, or an order number is none."""
    below = MACHINE_VERSION if stale else machine_below
    if every == bool(orders or shop or state or below is not None or parcel):
        hint = "name orders, or one of --shop, --state, --stale, --machine-below, --parcel; or --all, alone"
        raise Exit(ExitCode.USAGE, "nothing_chosen", "say which orders are to be rebuilt", hint=hint)
    try:
        keys = tuple(order_key(shop or DEFAULT_SHOP, one) for one in orders) or None
    except ValueError as error:
        raise Exit(ExitCode.USAGE, "no_order", str(error)) from None
    return Choice(keys, None if keys else shop, state, below, parcel)


def run(choice: Choice, *, apply: bool, yes: bool, rate: float, as_json: bool) -> ExitCode:
    """Show, ask, publish; raises Exit (2) where nobody can be asked."""
    if apply and not yes and not sys.stdin.isatty():
        message, hint = "this changes what orders show, and nobody is here to ask", "look first, then give --yes"
        raise Exit(ExitCode.USAGE, "not_approved", message, hint=hint)
    settings = environment.load(OperatorSettings)
    out: Printing = Json(applied=apply, rate=rate) if as_json else Text()
    if not apply:
        return ExitCode.FAILED if _go(settings, choice, out, rate=rate).differing else ExitCode.OK
    if not yes:
        found = _go(settings, choice, out, rate=rate)
        if not found.differing and not found.same_by_another_machine:
            return ExitCode.OK
        if not typer.confirm(f"Publish {found.differing:,} orders anew?", err=True):
            typer.echo("nothing was published", err=True)
            return ExitCode.FAILED
        out = Nothing()
    _go(settings, choice, out, rate=rate, publish=True)
    return ExitCode.OK


def _go(settings: OperatorSettings, choice: Choice, out: Printing, *, rate: float, publish: bool = False) -> Tally:
    """Look, and publish where that is wanted; what was done is told however it ends."""
    tally = Tally()
    try:
        asyncio.run(_portions(settings, choice, out, tally, rate=rate, publish=publish))
        tally.complete = True
    finally:
        if tally.complete or tally.read:
            out.end(tally)
            _tell(tally, applied=publish)
    return tally


def _tell(tally: Tally, *, applied: bool) -> None:
    if not tally.complete:
        typer.echo(f"broken off after {tally.read:,} orders", err=True)
    if applied:
        typer.echo(f"{tally.published:,} orders were published anew, marked `reread`; nobody is told", err=True)


async def _portions(
    settings: OperatorSettings, choice: Choice, out: Printing, tally: Tally, *, rate: float, publish: bool
) -> None:
    """Each portion is shown, and published, before the next is read."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(postgres.connect(settings.postgres, "trackfold-rebuild"))
        publishing = await _publishing(stack, settings, rate=rate) if publish else None
        total = await work.count(connection, choice)
        reading = Rate(rate, at_once=work.READ_AT_ONCE)
        tell = stack.enter_context(progress(reading))
        async for portion in work.find(connection, choice, reading):
            out.add(portion.differing)
            tally.add(portion)
            if publishing is not None:
                async for published in publishing.publish(portion.orders):
                    tally.published += published
            tell(tally.read, total)


async def _publishing(stack: AsyncExitStack, settings: OperatorSettings, *, rate: float) -> Publishing:
    pool = await stack.enter_async_context(postgres.open_pool(settings.postgres, "trackfold-rebuild"))
    # Kafka is only asked for its partitions: the relay of the service sends, as it sends everything.
    async with kafka.open_producer(settings.kafka, "rebuild") as producer:
        outputs = await read_outputs(producer, settings.kafka)
    return Publishing(pool, Handler(outputs, StatusSection().timer_grace_s), Rate(rate, at_once=republishing.AT_ONCE))
