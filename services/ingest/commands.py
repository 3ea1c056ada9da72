"""`trackfold ingest run`, `trackfold carriers ...`, `trackfold webhooks ...`: what an operator or integrator types.

Imports nothing heavy at the top, so that `trackfold --help` is quick. The work stands in `tools.py`.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Take in webhooks and turn them into scans.", no_args_is_help=True)
carriers = typer.Typer(help="Providers, and what their bodies say.", no_args_is_help=True)
webhooks = typer.Typer(help="Sign, send and verify webhooks.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Provider = Annotated[str, typer.Option("--provider", "-p", help="A provider id, as in `trackfold carriers list`.")]
Body = Annotated[Path, typer.Argument(help="A file with the body.", exists=True, dir_okay=False)]
#: No option of its own: a secret on the command line is seen by everybody on the machine.
Secret = Annotated[
    str,
    typer.Option(
        envvar="WEBHOOK_SECRET",
        help="The signing secret; better given in the environment.",
        show_default=False,
    ),
]


@app.command()
def run() -> None:
    """Run the service until it is told to stop."""
    from services.ingest.app import main

    raise typer.Exit(main())


@carriers.command("list")
def list_providers(*, json: Json = False) -> None:
    """List the providers that webhooks are taken from."""
    from services.ingest import tools

    tools.list_providers(as_json=json)


@carriers.command()
def parse(
    file: Body,
    provider: Provider,
    *,
    json: Json = False,
    production: Annotated[bool, typer.Option(help="Ignore what is marked as a test, as the service does.")] = False,
) -> None:
    """Show the scans that a body says; exit code 1 when something in it cannot be read."""
    from services.ingest import tools

    raise typer.Exit(tools.parse(file.read_bytes(), provider, as_json=json, allow_test=not production))


@webhooks.command()
def sign(
    file: Body,
    provider: Provider,
    secret: Secret,
    *,
    path: Annotated[str, typer.Option(help="The path that the request goes to; default: /webhooks/PROVIDER.")] = "",
    delivery: Annotated[str, typer.Option(help="The id of the delivery; default: from the body's hash.")] = "",
    json: Json = False,
) -> None:
    """Print the headers that sign a body now."""
    from services.ingest import tools

    tools.sign(file.read_bytes(), provider, secret=secret, path=path, delivery=delivery, as_json=json)


@webhooks.command()
def send(
    file: Body,
    provider: Provider,
    secret: Secret,
    *,
    url: Annotated[str, typer.Option(help="Where ingest listens.")] = "http://127.0.0.1:8000",
    delivery: Annotated[str, typer.Option(help="The id of the delivery; default: from the body's hash.")] = "",
    json: Json = False,
) -> None:
    """Sign a body and post it; exit code 0 only for 2xx."""
    from services.ingest import tools

    body = file.read_bytes()
    raise typer.Exit(tools.send(body, provider, secret=secret, url=url, delivery=delivery, as_json=json))


@webhooks.command()
def verify(
    file: Body,
    provider: Provider,
    secret: Secret,
    *,
    header: Annotated[list[str], typer.Option("--header", "-H", help="`Name: value` as received; repeat it.")],
    path: Annotated[str, typer.Option(help="The path of the request; default: /webhooks/PROVIDER.")] = "",
    at: Annotated[str, typer.Option(help="Judge the time window at this RFC 3339 time; default: now.")] = "",
    json: Json = False,
) -> None:
    """Tell whether a captured request is authentic; exit code 1 when it is not."""
    from services.ingest import tools

    body = file.read_bytes()
    raise typer.Exit(tools.verify(body, provider, secret=secret, headers=header, path=path, at=at, as_json=json))
