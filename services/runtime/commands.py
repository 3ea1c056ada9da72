"""The operators' commands that belong to no service: topics, migrations, settings.

Only the standard library and typer are imported here, so that `--help` is quick; the rest comes when a command runs.
Data goes to stdout, talk to stderr.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.runtime.settings import KafkaSettings, OperatorSettings, Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

topics = typer.Typer(help="Kafka topics as the contract has them.", no_args_is_help=True)
migrations = typer.Typer(help="Database schemas.", no_args_is_help=True)
offsets = typer.Typer(help="Where the services stand in Kafka's logs.", no_args_is_help=True)


@topics.command("plan")
def topics_plan(*, as_json: Json = False) -> None:
    """Say what is missing or different; changes nothing. Exit code 1 when there is something."""
    from services.runtime import topics as work

    settings = _settings().kafka
    with _kafka_named(settings):
        steps = asyncio.run(work.plan(settings))
    _print_steps(steps, as_json=as_json)
    if any(step.action is not work.Action.NONE or step.differences for step in steps):
        raise typer.Exit(1)


@topics.command("apply")
def topics_apply(*, as_json: Json = False) -> None:
    """Create what is missing and wait until it can be used; differences of what exists are only reported."""
    from services.runtime import topics as work

    settings = _settings().kafka
    with _kafka_named(settings):
        steps = asyncio.run(work.apply(settings))
    _print_steps(steps, as_json=as_json)


@migrations.command("up")
def migrate_up(*, as_json: Json = False) -> None:
    """Apply what is missing; two runs at once wait for each other."""
    from services.runtime import migrate

    _print_states(asyncio.run(_with_connection(migrate.up)), as_json=as_json, none="nothing to do")


@migrations.command("status")
def migrate_status(*, as_json: Json = False) -> None:
    """List migrations. Exit code 1 when some are pending."""
    from services.runtime import migrate

    states = asyncio.run(_with_connection(migrate.status))
    _print_states(states, as_json=as_json, none="there are no migrations")
    if not all(state.applied for state in states):
        raise typer.Exit(1)


@offsets.command("show")
def offsets_show(*, as_json: Json = False) -> None:
    """List where each service stands in each log, and whether it is the log it has applied. Exit code 1 when not."""
    from services.runtime import offsets_command as work

    settings = _settings()
    with _kafka_named(settings.kafka):
        code = work.show(settings, as_json=as_json)
    raise typer.Exit(code)


@offsets.command("adopt")
def offsets_adopt(  # noqa: PLR0913 - options
    *,
    service: Annotated[str | None, typer.Option(help="Whose offsets: status, notify, ingest.")] = None,
    group: Annotated[str | None, typer.Option(help="Or the consumer group they belong to.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    start: Annotated[str, typer.Option("--from", help="Read on from: start, end or keep.")] = "start",
    everything: Annotated[bool, typer.Option("--all", help="Also logs that are the ones that were applied.")] = False,
    author: Annotated[str | None, typer.Option(help="Who decides; without it, the user of this shell.")] = None,
    reason: Annotated[str, typer.Option(help="Why, in words; kept for ever.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Accept the logs as Kafka has them now, after Kafka was replaced, a topic made anew, or a log cut.

    Which place the service reads on from: `start` reads all that is there again (what is known has no effect), `end`
    skips what is there, `keep` goes on at the stored offset, for a log that holds the same records, as a mirror does.
    """
    from services.runtime import offsets_command as work
    from services.runtime.adopting import From

    if start not in list(From):
        raise typer.BadParameter("one of start, end, keep", param_hint="--from")
    wish = work.Wish(
        service=service, group=group, topic=topic, start=From(start), everything=everything, author=author,
        reason=reason, yes=yes,
    )  # fmt: skip
    settings = _settings()
    with _kafka_named(settings.kafka):
        work.adopt(settings, wish, as_json=as_json)


def config(classes: Callable[[], Sequence[type["Settings"]]]) -> typer.Typer:
    """Return the `config` commands over the settings of all services (given late: importing them takes a while)."""
    app = typer.Typer(help="Settings from the environment.", no_args_is_help=True)

    @app.command("check")
    def check() -> None:
        """Read every service's settings and say whether they can be used. Exit code 78 when not."""
        from services.runtime import environment

        for cls in classes():
            _check(environment.load(cls))
        typer.echo("settings: fine", err=True)

    @app.command("show")
    def show(*, as_json: Json = False) -> None:
        """List every setting with its value (secrets hidden), where it comes from and what it means."""
        from services.runtime import describe

        rows = describe.rows(classes())
        if as_json:
            typer.echo(json.dumps(rows, indent=2))
            return
        for row in rows:
            typer.echo(f"{row['variable']}={row['value']}  ({row['source']})\n    {row['description']}")

    return app


def _check(settings: "Settings") -> None:
    from services.runtime import kafka
    from services.runtime.settings import KafkaSettings

    settings.check()
    if isinstance(shared := getattr(settings, "kafka", None), KafkaSettings):
        kafka.client_options(shared, "check")  # reads the TLS files
    if getattr(settings, "failpoints", ""):
        typer.echo(f"{type(settings).__name__}: fail-points are set; never in production", err=True)


def _settings() -> "OperatorSettings":
    import sys

    from services.runtime import environment, logs
    from services.runtime.settings import OperatorSettings

    settings = environment.load(OperatorSettings)
    logs.configure(settings.log, "trackfold", stream=sys.stderr)
    return settings


async def _with_connection(work: Callable[[Any], Any]) -> Any:
    from services.runtime import postgres

    settings = _settings().postgres
    with _named(f"Postgres at {postgres.address(settings)}", "DATABASE_URL"):
        async with postgres.connect(settings, "trackfold.migrate") as connection:
            return await work(connection)


def _kafka_named(settings: "KafkaSettings") -> AbstractContextManager[None]:
    return _named(f"Kafka at {', '.join(settings.bootstrap_servers)}", "KAFKA_BOOTSTRAP_SERVERS")


@contextmanager
def _named(what: str, variable: str) -> Iterator[None]:
    """Say in a failure of the world where it was looked for and what to do: the client's own errors do not."""
    from services.runtime import delivery
    from services.runtime.errors import Misconfigured, TrackfoldError, Transient

    kinds = {delivery.Decision.WAIT: Transient, delivery.Decision.MISCONFIGURED: Misconfigured}
    try:
        yield
    except TrackfoldError:
        raise
    except Exception as exc:
        if (kind := kinds.get(delivery.decide(exc))) is None:
            raise
        hint = f"start it, or set {variable}; `trackfold doctor` looks at all that is needed"
        raise kind(delivery.reason(exc), f"{what}: {delivery.describe(exc)}", hint=hint) from exc


def _print_steps(steps: Sequence[Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(step) for step in steps], indent=2))
        return
    for step in steps:
        typer.echo(f"{step.action:<7} {step.topic} ({step.partitions} partitions)")
        for difference in step.differences:
            typer.echo(f"        differs: {difference}")


def _print_states(states: Sequence[Any], *, as_json: bool, none: str) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(state) for state in states], indent=2))
        return
    if not states:
        typer.echo(none, err=True)
    for state in states:
        typer.echo(f"{'applied' if state.applied else 'pending':<8} {state.schema} {state.version}_{state.name}")
