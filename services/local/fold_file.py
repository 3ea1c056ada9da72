"""The work of `trackfold fold`: a file or the standard input in, a report out, and the exit code."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from services.local import workbench, workbench_view
from services.local.record_lines import Lines, UnusableError, read_lines
from services.local.talk import Talk
from services.runtime import clock
from services.runtime.errors import ExitCode

_PLAIN_EVERY_S = 5.0
_QUIET_S = 2.0
_STDIN = "-"


def run(file: str, *, at: str, times: int, seed: int, as_json: bool) -> ExitCode:
    """Fold a file and print what came of it; raises UnusableError for a file or a time that nothing can be made of."""
    moment, lines = _time(at), _read(file)
    with _telling() as tell:
        folded = workbench.fold(lines, at=moment, tell=tell)
        differs = workbench.permute(folded, times=times, seed=seed, tell=tell) if times else None
    for line in folded.lines.refused:
        sys.stderr.write(f"{line.place}: refused: {line.reason}: {line.detail}\n")
    report = workbench.report(folded)
    if as_json:
        tried = {"times": times, "seed": seed, "differs": None if differs is None else differs.as_json()}
        sys.stdout.write(json.dumps({**report, "permute": tried} if times else report, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(workbench_view.story(report) + "\n")
        if times and differs is None:
            sys.stdout.write(f"\n{times} other orders and batchings (seed {seed}) end in the same documents\n")
    if differs is not None:
        sys.stderr.write(f"seed {seed}: {workbench_view.difference(differs)}\n")
    return ExitCode.FAILED if folded.lines.refused or differs is not None else ExitCode.OK


def _read(file: str) -> Lines:
    if file == _STDIN:
        return read_lines(sys.stdin.buffer, "stdin")
    try:
        with Path(file).open("rb") as stream:
            return read_lines(stream, file)
    except OSError as error:
        raise UnusableError("unreadable", f"{file} cannot be read: {error.strerror}") from None


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UnusableError(
            "bad_time", f"{text!r} is no RFC 3339 time with an offset", hint="as in 2026-11-21T10:00:00Z"
        )
    return at


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Say on the terminal how far a run is that takes long."""
    began = clock.monotonic()
    with Talk(sys.stderr, plain_every_s=_PLAIN_EVERY_S) as talk:

        def tell(text: str) -> None:
            if clock.monotonic() - began > _QUIET_S:
                talk.status(text)

        yield tell
