"""The commands of status. Only typer is imported here, so that `--help` is quick."""

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="The status service.", no_args_is_help=True)


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
def unknown_carriers(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List carrier names that nobody knows: each became a carrier of its own."""
    from services.runtime import environment
    from services.runtime.settings import OperatorSettings
    from services.status import unknown_carriers as work

    work.show(asyncio.run(work.find(environment.load(OperatorSettings))), as_json=as_json)
