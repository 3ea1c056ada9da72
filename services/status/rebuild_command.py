"""`trackfold rebuild`: chooses orders, shows what differs, asks, and publishes it.

Data goes to stdout, progress and questions to stderr. A dry run ends with 1 where something differs.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from schemas.keys import DEFAULT_SHOP, order_key
from services.runtime import environment, kafka, postgres
from services.runtime.errors import Exit, ExitCode
from services.runtime.settings import OperatorSettings
from services.status import rebuild as work
from services.status.handler import Handler
from services.status.outputs import read_outputs
from services.status.rebuild import Choice, Found, Tell
from services.status.settings import StatusSection
from services.status.versions import MACHINE_VERSION

_SHOWN: Final = 50
_PIPED_WIDTH: Final = 200


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
    found = asyncio.run(_find(settings, choice))
    _show(found, applied=apply, as_json=as_json)
    if not apply:
        return ExitCode.FAILED if found.differing else ExitCode.OK
    if not found.orders:
        return ExitCode.OK
    if not yes and not typer.confirm(f"Publish {len(found.differing)} orders anew?", err=True):
        typer.echo("nothing was published", err=True)
        return ExitCode.FAILED
    published = asyncio.run(_publish(settings, found.orders, rate=rate))
    typer.echo(f"{published} orders were published anew, marked `reread`; nobody is told", err=True)
    return ExitCode.OK


async def _find(settings: OperatorSettings, choice: Choice) -> Found:
    async with postgres.connect(settings.postgres, "trackfold-rebuild") as connection:
        with _progress("read") as tell:
            return await work.find(connection, choice, tell=tell)


async def _publish(settings: OperatorSettings, orders: Sequence[str], *, rate: float) -> int:
    async with (
        postgres.open_pool(settings.postgres, "trackfold-rebuild") as pool,
        kafka.open_producer(settings.kafka, "rebuild") as producer,
    ):
        # Kafka is only asked for its partitions: the relay of the service sends, as it sends everything.
        handler = Handler(await read_outputs(producer, settings.kafka), StatusSection().timer_grace_s)
        with _progress("publish") as tell:
            return await work.publish(pool, handler, orders, rate=rate, tell=tell)


def _show(found: Found, *, applied: bool, as_json: bool) -> None:
    if as_json:
        orders = [work.plain(one) for one in found.differing]
        same = len(found.same_by_another_machine)
        told = {"applied": applied, "read": found.read, "differing": orders, "same_by_another_machine": same}
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
        return
    out = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    out.print(f"{found.read:,} orders folded anew: {len(found.differing):,} differ from what they show")
    if found.same_by_another_machine:
        out.print(f"{len(found.same_by_another_machine):,} show the same, and another machine version folded them")
    if not found.differing:
        return
    shown = Table()
    for name in ("order", "state", "parcels", "what changes"):
        shown.add_column(name, overflow="fold")
    for one in map(work.plain, found.differing[:_SHOWN]):
        was, now = one["state"]["before"], one["state"]["after"]
        moved = ", ".join(
            f"{parcel['shipment']}: {parcel['previous']} > {parcel['stage']}" for parcel in one["parcels"]
        )
        shown.add_row(one["order"], now if was == now else f"{was} > {now}", moved, ", ".join(one["fields"]))
    out.print(shown)
    if len(found.differing) > _SHOWN:
        out.print(f"the first {_SHOWN} are shown; --json has all")


@contextmanager
def _progress(what: str) -> Iterator[Tell]:
    """Show how far it is, on a terminal."""
    with Progress(console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
