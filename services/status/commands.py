"""The commands of status. Only typer is imported here, so that `--help` is quick."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from services.runtime.rate_option import ORDERS, OrderRate

if TYPE_CHECKING:
    from services.status.versions import Activation

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(help="The status service.", no_args_is_help=True)
machine = typer.Typer(help="The version of the rules that folds.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `run` a command of its own, however few there are."""


@app.command()
def run() -> None:
    """Run the service until it is told to stop."""
    from services.runtime import environment
    from services.status.app import main
    from services.status.settings import StatusSettings

    raise typer.Exit(main(environment.load(StatusSettings)))


# A command of the group `carriers`, where one looks for it: `services/cli.py` puts it there.
def unknown_carriers(*, as_json: Json = False) -> None:
    """List carrier names that nobody knows: each became a carrier of its own."""
    from services.runtime import environment
    from services.runtime.settings import OperatorSettings
    from services.status import unknown_carriers as work

    work.show(asyncio.run(work.find(environment.load(OperatorSettings))), as_json=as_json)


# A command of its own, for whoever answers a customer: `services/cli.py` puts it on top.
def explain(
    argument: Annotated[str, typer.Argument(metavar="ORDER|NUMBER", help="An order, or a tracking number.")],
    *,
    shop: Annotated[str, typer.Option(help="The order's shop.")] = "main",
    as_json: Json = False,
) -> None:
    """Tell in words why an order, or a parcel, shows what it shows."""
    from services.runtime import environment
    from services.runtime.settings import OperatorSettings
    from services.status import explain_command as work

    found = asyncio.run(work.find(environment.load(OperatorSettings), argument, shop=shop))
    work.show(found, as_json=as_json)


# A command of its own as well: it is done beside the running service.
def rebuild(  # noqa: PLR0913 - each is a name on the command line
    orders: Annotated[list[str] | None, typer.Argument(metavar="ORDER...", help="Order numbers of one shop.")] = None,
    *,
    shop: Annotated[str | None, typer.Option(help="All orders of a shop; with ORDER, their shop (main).")] = None,
    state: Annotated[str | None, typer.Option(help="All orders that show this state.")] = None,
    machine_below: Annotated[int | None, typer.Option(min=1, help="Folded by a machine version below.")] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Folded by an older machine than this program's.")] = False,
    parcel: Annotated[str | None, typer.Option(metavar="KEY", help="Orders that claim a `carrier:number`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every order.")] = False,
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help="Publish what differs, or only look.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Publish without asking.")] = False,
    rate: OrderRate = ORDERS,
    as_json: Json = False,
) -> None:
    """Fold orders from their history anew, show what differs from what they show, and publish it once.

    Nobody is told of what changes so. Exit code 1 without --apply: something differs.
    """
    from services.status import rebuild_command as work

    choice = work.choose(
        orders or (),
        shop=shop, state=state, machine_below=machine_below, stale=stale, parcel=parcel, every=every,
    )  # fmt: skip
    raise typer.Exit(work.run(choice, apply=apply, yes=yes, rate=rate, as_json=as_json))


@machine.command("show")
def machine_show(*, as_json: Json = False) -> None:
    """Say which version is active and which this program has."""
    _machine(None, as_json=as_json)


@machine.command("activate")
def machine_activate(
    *,
    version: Annotated[int | None, typer.Option(min=1, help="Which; without it, this program's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Allow a version above this program's.")] = False,
    author: Annotated[str | None, typer.Option(help="Who decides; without it, the user of this shell.")] = None,
    reason: Annotated[str, typer.Option(help="Why, in words.")] = "",
    as_json: Json = False,
) -> None:
    """Let this program's version fold from now on; processes with an older one end with 75 and come back newer.

    Who did it and why is written down with it. Exit code 78: the version is above this program's; --force allows it,
    where the newer program is ready to start.
    """
    from services.runtime.authors import who
    from services.status.versions import MACHINE_VERSION, Activation, allow

    name = who(author)
    if not name:
        raise typer.BadParameter("who are you? it is written down with the change: --author NAME")
    chosen = version or MACHINE_VERSION
    if warning := allow(chosen, MACHINE_VERSION, force=force):
        typer.echo(f"trackfold: warning: {warning}", err=True)
    _machine(Activation(chosen, name, reason.strip()), as_json=as_json)


def _machine(activation: "Activation | None", *, as_json: bool) -> None:
    from services.runtime import environment
    from services.runtime.settings import OperatorSettings
    from services.status import versions as work

    work.show(asyncio.run(work.ask(environment.load(OperatorSettings), activation)), as_json=as_json)
