"""`trackfold ingest run`, `trackfold carriers ...`, `trackfold webhooks ...`: what an operator or integrator types.

Imports nothing heavy at the top, so that `trackfold --help` is quick. The work stands in `tools.py`.
"""

from pathlib import Path
from typing import Annotated

import typer

from services.runtime.rate_option import RECORDS, RecordRate

app = typer.Typer(help="Take in webhooks and turn them into scans.", no_args_is_help=True)
carriers = typer.Typer(help="Providers, and what their bodies say.", no_args_is_help=True)
webhooks = typer.Typer(help="Sign, send and verify webhooks.", no_args_is_help=True)
imports = typer.Typer(help="Orders and shipments from a file; without --yes only checked.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Provider = Annotated[str, typer.Argument(help="A provider id, as in `trackfold carriers list`.")]
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

Table = Annotated[Path, typer.Argument(help="CSV, or JSON lines.", exists=True, dir_okay=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Publish what is right; without it nothing leaves.")]
Shop = Annotated[str, typer.Option(help="The shop of rows that name none.")]
TimeZone = Annotated[str | None, typer.Option(help="IANA zone of times without an offset.")]
FromLine = Annotated[int, typer.Option(min=1, help="Publish from this line on.")]


@app.command()
def run() -> None:
    """Run the service until it is told to stop."""
    from services.ingest.app import main

    raise typer.Exit(main())


@carriers.command("list")
def list_providers(*, json: Json = False) -> None:
    """List the providers: whose webhooks are taken, and who is asked."""
    from services.ingest import tools

    tools.list_providers(as_json=json)


@carriers.command()
def parse(
    provider: Provider,
    file: Body,
    *,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="`Name: value` the body came with; repeat it.")
    ] = None,
    json: Json = False,
    production: Annotated[bool, typer.Option(help="Ignore what is marked as a test, as the service does.")] = False,
) -> None:
    """Show what a webhook body, a tracker object or a polled answer says; exit code 1 when it cannot be read."""
    from services.ingest import tools

    body, headers = file.read_bytes(), header or ()
    raise typer.Exit(tools.parse(body, provider, headers=headers, as_json=json, allow_test=not production))


@carriers.command()
def detect(
    number: Annotated[str, typer.Argument(help="A tracking number; spaces and small letters do not matter.")],
    *,
    json: Json = False,
) -> None:
    """Show which carriers a number can be of, best first; exit code 1 when there is none."""
    from services.ingest import detect_command

    raise typer.Exit(detect_command.detect(number, as_json=json))


@carriers.command()
def unmapped(
    *,
    since: Annotated[str, typer.Option(help="How far back: 7d, 36h, a day, or an RFC 3339 time.")] = "7d",
    provider: Annotated[str | None, typer.Option(help="Of this provider alone.")] = None,
    json: Json = False,
) -> None:
    """List the codes that no table knows, with how often and a sample: they are kept, and move nothing."""
    from services.ingest import tools

    tools.unmapped(since, provider=provider, as_json=json)


@carriers.command()
def freshness(*, json: Json = False) -> None:
    """Show per provider the last webhook, the delay from scan to webhook, and silence against its usual hour.

    Exit code 1 when a provider is silent.
    """
    from services.ingest.poller import commands as work

    raise typer.Exit(work.freshness(as_json=json))


@carriers.command()
def registrations(
    number: Annotated[str | None, typer.Argument(help="Of this tracking number alone.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most, newest first.")] = 200,
    json: Json = False,
) -> None:
    """Show how we hear of each watched parcel: registered, refused (why) or pull, last told, and what is next."""
    from services.ingest.poller import commands as work

    raise typer.Exit(work.registrations(number, limit=limit, as_json=json))


@webhooks.command()
def sign(
    provider: Provider,
    file: Body,
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
    provider: Provider,
    file: Body,
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
    provider: Provider,
    file: Body,
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


@imports.command("orders")
def import_orders(
    file: Table,
    *,
    yes: Yes = False,
    shop: Shop = "main",
    time_zone: TimeZone = None,
    from_line: FromLine = 1,
    rate: RecordRate = RECORDS,
    json: Json = False,
) -> None:
    """Check a file of orders row by row, then publish them; exit code 1 when a row is refused."""
    from services.ingest import import_command
    from services.ingest.import_rows import Defaults

    defaults = Defaults("orders", shop=shop, time_zone=time_zone)
    code = import_command.run(file, defaults, yes=yes, from_line=from_line, rate=rate, as_json=json)
    raise typer.Exit(code)


@imports.command("shipments")
def import_shipments(
    file: Table,
    *,
    yes: Yes = False,
    shop: Shop = "main",
    time_zone: TimeZone = None,
    from_line: FromLine = 1,
    rate: RecordRate = RECORDS,
    json: Json = False,
) -> None:
    """Check a file of shipments row by row, then publish them; exit code 1 when a row is refused."""
    from services.ingest import import_command
    from services.ingest.import_rows import Defaults

    defaults = Defaults("shipments", shop=shop, time_zone=time_zone)
    code = import_command.run(file, defaults, yes=yes, from_line=from_line, rate=rate, as_json=json)
    raise typer.Exit(code)
