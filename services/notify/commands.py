"""`trackfold notify run | preview | why`. Imports what it needs when a command runs, so that `--help` stays quick."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Telling customers: e-mails and SMS, once each.")


@app.command()
def run() -> None:
    """Run the notify service until it is told to stop."""
    from services.notify.app import main

    raise typer.Exit(main())


@app.command()
def preview(
    milestone: Annotated[str, typer.Argument(help="shipped, out_for_delivery, ready_to_collect, delivered, ...")],
    channel: Annotated[str, typer.Option(help="email or sms")] = "email",
    out: Annotated[Path | None, typer.Option(help="Write the HTML of an e-mail, or the text, to this file")] = None,
) -> None:
    """Show the message of a milestone, with a made-up order."""
    from services.notify.channels.sms import segments
    from services.notify.render import has_templates, render
    from services.notify.samples import sample_facts

    if not has_templates(channel, milestone):
        typer.echo(f"no {channel} texts for {milestone!r}", err=True)
        raise typer.Exit(2)
    message = render(channel, milestone, sample_facts(milestone, channel=channel))
    if out is not None:
        out.write_text(message.html or message.text, "utf-8")
        typer.echo(str(out))
        return
    if message.subject is not None:
        typer.echo(f"Subject: {message.subject}\n")
    typer.echo(message.text, nl=False)
    if channel == "sms":
        typer.echo(f"\n({len(message.text.strip())} characters, {segments(message.text.strip())} segments)")


@app.command()
def why(
    order: Annotated[str, typer.Argument(help="Order number, or `shop:number`")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document")] = False,  # noqa: FBT002 - typer's form
) -> None:
    """Tell which messages an order called for, what became of each, and why. Shows no addresses."""
    import asyncio

    from schemas.keys import DEFAULT_SHOP, order_key

    key = order if ":" in order else order_key(DEFAULT_SHOP, order)
    found = asyncio.run(_why(key))
    if as_json:
        typer.echo(json.dumps(found, indent=2, default=str))
    elif not found["messages"]:
        typer.echo(f"{key}: no messages" + ("" if found["known"] else ", and the order is not known here"))
    else:
        _table(key, found)
    raise typer.Exit(0 if found["known"] else 1)


async def _why(key: str) -> dict[str, Any]:
    from services.notify import repository
    from services.notify.explain import people
    from services.runtime import environment, postgres
    from services.runtime.settings import OperatorSettings

    settings = environment.load(OperatorSettings)
    async with postgres.connect(settings.postgres, "trackfold-notify-why") as connection:
        order = await repository.find(connection, key)
        rows = await repository.why(connection, key)
    return {
        "order": key,
        "known": order is not None,
        "version": order.version if order is not None else None,
        "people": people(order) if order is not None else {},
        "messages": rows,
    }


def _table(key: str, found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    people = ", ".join(f"{role} {' '.join(masks) or 'without address'}" for role, masks in found["people"].items())
    table = Table(title=f"{key}, status version {found['version']}; {people or 'nobody known'}", title_justify="left")
    for heading in ("parcel", "milestone", "occasion", "channel", "to", "outcome", "why", "at"):
        table.add_column(heading, overflow="fold")
    for row in found["messages"]:
        why_not = " ".join(str(row[name]) for name in ("reason", "detail") if row[name])
        at = row["changed_at"].isoformat(timespec="seconds")
        table.add_row(
            row["parcel"], row["milestone"], row["occasion"], row["channel"], row["recipient_role"], row["state"],
            why_not, at,
        )  # fmt: skip
    Console().print(table)
