"""Commands of the local stack: `trackfold simulate` and `trackfold doctor`.

Only the standard library and typer are imported here, so that `--help` is quick; the rest comes when a command runs.
Data goes to stdout, talk to stderr.
"""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.local.settings import LocalSettings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

LONGEST_PREFIX = 16

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
    as_json: Json = False,
) -> None:
    """Play a shop on Kafka and carriers through signed webhooks, with late, repeated and disordered messages.

    Example: trackfold simulate --orders 100 --speed 2000 --seed 7 --secret easypost=s3cret --secret standard=whsec_...

    Exit code 0: all arrived; 1: some did not; 69: Kafka does not answer; 130: stopped by Ctrl-C.
    """
    from services.local import playing
    from services.local.simulator import Score, prefix_of
    from services.runtime import clock

    if prefix and not (prefix.isascii() and prefix.isalnum() and len(prefix) <= LONGEST_PREFIX):
        raise typer.BadParameter(f"letters and digits, at most {LONGEST_PREFIX}", param_hint="--prefix")
    settings = _settings(ingest_url, secret or [])
    score = Score(seed, prefix or prefix_of(clock.now()), orders, speed, every, at_most, calm)
    outcome = asyncio.run(playing.play(score, settings))
    if as_json:
        typer.echo(json.dumps({"seed": seed, "prefix": score.prefix, **outcome.tally.as_json()}))
    else:
        typer.echo(outcome.summary)
    raise typer.Exit(outcome.code)


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
