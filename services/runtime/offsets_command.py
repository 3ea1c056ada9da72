"""`trackfold offsets show | adopt`: where each service stands in each log, and accepting another log on purpose."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from services.runtime import adopting, postgres
from services.runtime.adopting import Adoption, From, Standing
from services.runtime.authors import who
from services.runtime.errors import ExitCode
from services.runtime.settings import OperatorSettings

_MEANS: Final = {
    From.START: "everything that Kafka still has of them is read again; what is known already has no effect",
    From.END: "what lies in them now is never read; what comes from now on is",
    From.KEEP: "reading goes on at the stored offsets; right only where the log holds the same records there",
}


async def find(settings: OperatorSettings) -> list[Standing]:
    """Compare every row with Kafka."""
    async with postgres.connect(settings.postgres, "trackfold-offsets") as connection:
        return await adopting.standings(connection, settings.kafka)


def show(settings: OperatorSettings, *, as_json: bool) -> ExitCode:
    """Print it; FAILED when a service would refuse to start."""
    rows = asyncio.run(find(settings))
    if as_json:
        typer.echo(json.dumps([_standing(one) for one in rows], indent=2))
    elif not rows:
        typer.echo("no service has read anything yet", err=True)
    else:
        _print(rows)
    return ExitCode.OK if all(one.verdict == "ok" for one in rows) else ExitCode.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for."""

    service: str | None
    group: str | None
    """With or without the prefix of the installation."""
    topic: str | None
    start: From
    everything: bool
    """Whether rows whose logs are the ones that were applied are meant as well."""
    author: str | None
    reason: str
    yes: bool


def adopt(settings: OperatorSettings, wish: Wish, *, as_json: bool) -> None:
    """Do it, or with no `yes` say what it would be; raises BadParameter for an unclear wish."""
    if wish.service is None and wish.group is None:
        raise typer.BadParameter("--service or --group says whose offsets are meant")
    if wish.yes and not wish.reason.strip():
        raise typer.BadParameter("--reason is written down with the change, and --yes needs one")
    plan, running = asyncio.run(_adopt(settings, wish))
    _show_plan(plan, running, wish, as_json=as_json)


async def _adopt(settings: OperatorSettings, wish: Wish) -> tuple[list[Adoption], dict[str, int]]:
    async with postgres.connect(settings.postgres, "trackfold-offsets") as connection:
        rows = await adopting.standings(connection, settings.kafka)
        chosen = [one for one in rows if _is_meant(settings, one, wish)]
        plan = await adopting.plan(
            settings.kafka, chosen, start=wish.start, everything=wish.everything, named=wish.topic is not None
        )
        running = await adopting.members(settings.kafka, {one.row.group for one in plan})
        if wish.yes and plan:
            await adopting.adopt(connection, plan, author=_author(wish), reason=wish.reason)
    return plan, running


def _author(wish: Wish) -> str:
    name = who(wish.author)
    if not name:
        raise typer.BadParameter("who are you? it is written down with the change: --author NAME")
    return name


def _show_plan(plan: Sequence[Adoption], running: dict[str, int], wish: Wish, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"done": wish.yes, "partitions": [_adoption(one) for one in plan]}, indent=2))
    else:
        for one in plan:
            after = "removed: Kafka has no such partition" if one.to is None else f"{one.to} of cluster {one.cluster}"
            before = f"{one.row.mark.next_offset} of cluster {one.row.mark.cluster or 'unknown'}"
            typer.echo(f"{one.row.group} {_place(one.row)}: {before} -> {after}")
    if not plan:
        typer.echo("nothing to adopt: every log is the one that was applied (--all takes those as well)", err=True)
        return
    for group, count in running.items():
        typer.echo(f"warning: {group} has {count} members now; they go on from the adopted offsets", err=True)
    typer.echo(f"--from {wish.start.value}: {_MEANS[wish.start]}", err=True)
    if not wish.yes:
        typer.echo("nothing was changed; --yes --reason TEXT does it", err=True)


def _is_meant(settings: OperatorSettings, one: Standing, wish: Wish) -> bool:
    logical = settings.kafka.logical
    return (
        wish.service in {None, one.schema}
        and wish.group in {None, one.group, logical(one.group)}
        and wish.topic in {None, one.partition.topic, logical(one.partition.topic)}
    )


def _print(rows: Sequence[Standing]) -> None:
    table = Table()
    for heading in ("group", "partition", "next", "log", "lag", "verdict"):
        table.add_column(heading, overflow="fold")
    for one in rows:
        log = "-" if one.seen is None else f"{one.seen.start}..{one.seen.end}"
        lag = "-" if one.lag is None else str(one.lag)
        table.add_row(one.group, _place(one), str(one.mark.next_offset), log, lag, f"{one.verdict} {one.why}".strip())
    Console(soft_wrap=False).print(table)


def _place(one: Standing) -> str:
    return f"{one.partition.topic}/{one.partition.number}"


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "schema": one.schema,
        "group": one.group,
        "topic": one.partition.topic,
        "partition": one.partition.number,
        "next_offset": one.mark.next_offset,
        "cluster": one.mark.cluster,
        "log_start": None if one.seen is None else one.seen.start,
        "log_end": None if one.seen is None else one.seen.end,
        "lag": one.lag,
        "verdict": one.verdict,
        "why": one.why or None,
    }


def _adoption(one: Adoption) -> dict[str, Any]:
    return {**_standing(one.row), "new_offset": one.to, "new_cluster": one.cluster}
