"""Commands of the local stack: `trackfold simulate`, `trackfold fold` and `trackfold doctor`.

Only the standard library and typer are imported here, so that `--help` is quick; the rest comes when a command runs.
Data goes to stdout, talk to stderr.
"""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from services.runtime.rate_option import RECORDS, RecordRate

if TYPE_CHECKING:
    from services.local.performing import Performance
    from services.local.settings import LocalSettings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

LONGEST_PREFIX = 16
PACE_S = 0.5
_LIST = "list"

app = typer.Typer()


@app.command()
def simulate(  # noqa: PLR0913 -- each is an option of the command
    *,
    orders: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many orders to play.")] = 20,
    speed: Annotated[float, typer.Option(min=1, max=100_000, help="How many times faster than life.")] = 1200,
    seed: Annotated[int, typer.Option(help="The same seed plays the same stories.")] = 1,
    every: Annotated[float, typer.Option(min=0, max=3600, help="Seconds between two orders.")] = 1.0,
    at_most: Annotated[float | None, typer.Option("--for", min=1, help="End after so many seconds.")] = None,
    prefix: Annotated[str, typer.Option(help="Start of the order numbers; made from the time when not given.")] = "",
    calm: Annotated[bool, typer.Option("--calm", help="Nothing late, repeated or out of order.")] = False,
    ingest_url: Annotated[str, typer.Option(help="Where ingest is, instead of TRACKFOLD_LOCAL__INGEST_URL.")] = "",
    secret: Annotated[
        list[str] | None,
        typer.Option(
            help="`provider=secret`; TRACKFOLD_LOCAL__SECRETS__EASYPOST and ..._STANDARD are seen by nobody else."
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Play a named bad history instead, onto Kafka; repeat it, or `all`."),
    ] = None,
    list_scenarios: Annotated[bool, typer.Option("--list-scenarios", help="Say which scenarios there are.")] = False,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="Keep a scenario's days, instead of moving it into our time.")
    ] = False,
    pace: Annotated[
        float, typer.Option(min=0, max=60, help="Seconds before a scenario's record of another key; 0: a burst.")
    ] = PACE_S,
    as_json: Json = False,
) -> None:
    """Play a shop on Kafka and carriers through signed webhooks, with late, repeated and disordered messages.

    Example: trackfold simulate --orders 100 --speed 2000 --seed 7 --secret easypost=s3cret --secret standard=whsec_...

    With --scenario it plays named bad histories instead: records of shops and carriers straight onto Kafka, under order
    and tracking numbers of their own. Example: trackfold simulate --scenario delivered_too_early

    Exit code 0: all arrived; 1: some did not; 2: no such scenario; 69: Kafka does not answer; 130: stopped by Ctrl-C.
    """
    from services.local import playing
    from services.local.simulator import Score, prefix_of
    from services.runtime import clock

    if list_scenarios or scenario == [_LIST]:
        _list_scenarios(as_json=as_json)
        return
    if prefix and not (prefix.isascii() and prefix.isalnum() and len(prefix) <= LONGEST_PREFIX):
        raise typer.BadParameter(f"letters and digits, at most {LONGEST_PREFIX}", param_hint="--prefix")
    settings = _settings(ingest_url, secret or [])
    prefix = prefix or prefix_of(clock.now())
    if scenario:
        performances = _prepare(scenario, prefix=prefix, as_written=as_written)
        raise typer.Exit(_perform(performances, settings, prefix=prefix, pace_s=pace, as_json=as_json))
    score = Score(seed, prefix, orders, speed, every, at_most, calm)
    outcome = asyncio.run(playing.play(score, settings))
    if as_json:
        typer.echo(json.dumps({"seed": seed, "prefix": score.prefix, **outcome.tally.as_json()}))
    else:
        typer.echo(outcome.summary)
    raise typer.Exit(outcome.code)


@app.command()
def fold(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Records, one a line; - reads them from the standard input.")
    ],
    *,
    as_json: Json = False,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="Add the time events due by then (RFC 3339).")] = "",
    permute: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=1_000_000, help="Fold N random orders and batchings too: all must be equal."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed tries the same orders.")] = 1,
) -> None:
    """Fold records as the service would, and show states, timeline, published versions, and what was set aside.

    A line is {"topic", "key", "headers", "value"} in the topics' formats; key and headers may be left out
    (docs/workbench.md). Needs no service, no settings, no network.

    Exit code 0: all lines were folded; 1: a line was refused, or an order of telling ended otherwise; 2: no such file.
    """
    from services.local import fold_file

    raise typer.Exit(fold_file.run(file, at=at, times=permute, seed=seed, as_json=as_json))


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Look at what this machine and the settings offer, and say what is missing and the remedy.

    Exit code 0: `make run` can run here and what is configured answers; 69: something does not answer;
    78: something must be installed or configured.
    """
    from services.local import doctor as work

    report = asyncio.run(work.examine())
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        work.show(report, sys.stdout)
    raise typer.Exit(report.code)


def _list_scenarios(*, as_json: bool) -> None:
    from services.local.scenario_files import scenarios

    if as_json:
        typer.echo(json.dumps([one.as_json() for one in scenarios().values()], ensure_ascii=False, indent=2))
        return
    width = max(len(name) for name in scenarios())
    for one in scenarios().values():
        typer.echo(f"{one.name:<{width}}  {one.title}" + (f" ({', '.join(one.rules)})" if one.rules else ""))


def _prepare(names: list[str], *, prefix: str, as_written: bool) -> "tuple[Performance, ...]":
    from services.local import performing
    from services.local.scenario_files import chosen

    return performing.prepare(chosen(names), prefix=prefix, as_written=as_written)


def _perform(
    performances: "tuple[Performance, ...]", settings: "LocalSettings", *, prefix: str, pace_s: float, as_json: bool
) -> int:
    from services.local import performing

    outcome = asyncio.run(performing.perform(performances, settings, pace_s=pace_s))
    typer.echo(json.dumps({"prefix": prefix, **outcome.as_json()}) if as_json else outcome.summary)
    return outcome.code


def _settings(ingest_url: str, given: list[str]) -> "LocalSettings":
    """Read the settings; what stands on the command line wins."""
    import os

    from services.local.settings import LocalSettings
    from services.runtime import environment

    variables = dict(os.environ)
    if ingest_url:
        variables["TRACKFOLD_LOCAL__INGEST_URL"] = ingest_url
    for pair in given:
        provider, equals, value = pair.partition("=")
        if not equals or not value:
            raise typer.BadParameter("write it as provider=secret", param_hint="--secret")
        variables[f"TRACKFOLD_LOCAL__SECRETS__{provider.upper()}"] = value
    return environment.load(LocalSettings, variables)


# A command of the group `carriers`, where one looks for it: `services/cli.py` puts it there.
def remap(
    *,
    provider: Annotated[str, typer.Option(help="Whose webhooks are read again.")],
    since: Annotated[str, typer.Option(help="How far back: 7d, 36h, a day, or an RFC 3339 time.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would differ.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Publish without asking.")] = False,
    rate: RecordRate = RECORDS,
    as_json: Json = False,
) -> None:
    """Read kept webhooks again with today's map; show which scans, orders and published changes would differ.

    Without --dry-run, and after you agreed, the difference is published as remap records: the states are folded anew,
    and no customer is told of the past.
    """
    from services.local import remap_command

    code = remap_command.run(provider=provider, since=since, dry_run=dry_run, yes=yes, rate=rate, as_json=as_json)
    raise typer.Exit(code)
