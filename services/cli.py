"""`trackfold`: composes the commands of every package, and turns a failure into one line, a next step and an exit code.

Imports only what a command needs, so that `--help` answers at once. Data goes to stdout, talk to stderr.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.ingest import commands as ingest
from services.ingest.proofs import commands as proofs
from services.local import commands as local
from services.local.dead_letters import commands as dead_letters
from services.notify import commands as notify
from services.runtime import commands as runtime
from services.runtime.errors import ExitCode, TrackfoldError
from services.status import commands as status

if TYPE_CHECKING:
    from services.runtime.settings import Settings

_CODES: Final = """Exit codes: 0 done, or stopped by SIGTERM; 1 failed, or `plan`/`status` found something; 2 usage;
69 something needed is not there; 70 watchdog; 75 try again; 78 configuration; 130 Ctrl-C."""

app = typer.Typer(
    name="trackfold",
    help="One true status per parcel and order, told to every customer once.",
    epilog=_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _settings_classes() -> Sequence[type["Settings"]]:
    """Return the settings of every service: together they say which `TRACKFOLD_*` names exist."""
    from services.ingest.settings import IngestSettings
    from services.local.settings import LocalSettings
    from services.notify.settings import NotifySettings
    from services.status.settings import StatusSettings

    return (IngestSettings, StatusSettings, NotifySettings, LocalSettings)


app.add_typer(ingest.app, name="ingest")
ingest.carriers.command("unknown")(status.unknown_carriers)
ingest.carriers.command("remap")(local.remap)
app.add_typer(ingest.carriers, name="carriers")
app.add_typer(ingest.webhooks, name="webhooks")
app.add_typer(ingest.imports, name="import")
app.add_typer(proofs.app, name="proofs")
app.add_typer(status.app, name="status")
app.add_typer(status.machine, name="machine")
app.command("explain")(status.explain)
app.command("rebuild")(status.rebuild)
app.add_typer(notify.app, name="notify")
app.add_typer(runtime.migrations, name="migrate")
app.add_typer(runtime.topics, name="topics")
app.add_typer(runtime.offsets, name="offsets")
app.add_typer(runtime.config(_settings_classes), name="config")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(local.app)  # simulate, doctor


@app.callback()
def root(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,
) -> None:
    """One true status per parcel and order, told to every customer once."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not {"-h", "--help"} & set(words):
            _check_names()
        app(words, prog_name="trackfold")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else ExitCode.FAILED if exc.code else ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - the edge: a person reads what comes out here
        return _fail(exc, debug="--debug" in words)
    return ExitCode.OK


def _check_names() -> None:
    """Refuse a `TRACKFOLD_*` name that no setting of any service has: here all of them are known."""
    if not any(name.startswith("TRACKFOLD_") for name in os.environ):
        return
    from services.runtime import environment
    from services.runtime.settings import SharedSettings

    environment.check_names((*_settings_classes(), SharedSettings), os.environ, every=True)


def _fail(exc: Exception, *, debug: bool) -> int:
    from services.runtime import delivery

    if debug:
        traceback.print_exception(exc)
    known = delivery.decide(exc) is not delivery.Decision.UNEXPECTED or isinstance(exc, TrackfoldError)
    hint = exc.hint if isinstance(exc, TrackfoldError) else ""
    if not known:
        hint = "this is a fault of ours; --debug shows where"
    elif not hint and delivery.decide(exc) is delivery.Decision.WAIT:
        hint = "`trackfold doctor` says what does not answer"
    typer.echo(f"trackfold: {delivery.describe(exc)}" + (f"\n  next: {hint}" if hint else ""), err=True)
    return delivery.exit_code(exc) if known else ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
