"""`python -m tests.mutation`: changes every row of every rule table and says which test noticed. Exits 1 if none did.

The product's files stay as they are. What a row is stands in `tables.py`, what is run on it in `running.py`.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import ROOT, Mutant, rule_files, unchanged
from tests.mutation.report import as_json, row, summary, unnoticed
from tests.mutation.running import SURVIVED, Tests, run
from tests.mutation.tables import mutants_of
from tests.mutation.words import mutants_of_words


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all mutants, or those whose name holds one of the words given."""
    options = _parser().parse_args(arguments)
    made = list(mutants_of("planted", options.file) if options.file is not None else every_mutant())
    chosen = [one for one in made if not options.words or any(word in one.name for word in options.words)]
    tests = Tests(options.tests, tuple(options.leave_out))
    control = next(run([unchanged(chosen[0])], tests, jobs=1))
    if control.result != SURVIVED:
        print(f"mutation: the tests fail on the code as it is: {control.result} {control.by}")  # noqa: T201 - the command's answer
        return 2
    began, outcomes = time.monotonic(), []
    for outcome in run([one for one in chosen if one.name not in EQUIVALENT], tests, jobs=options.jobs):
        outcomes.append(outcome)
        if not options.json:
            print(row(outcome), flush=True)  # noqa: T201 - the command's answer
    gone = [] if options.words or options.file else sorted(set(EQUIVALENT) - {one.name for one in made})
    seconds = time.monotonic() - began
    closing = as_json if options.json else summary
    print(closing(outcomes, gone, seconds=seconds))  # noqa: T201 - the command's answer
    return 1 if gone or unnoticed(outcomes) else 0


def every_mutant() -> Iterator[Mutant]:
    """Give every mutant of the project."""
    for name, path in rule_files():
        yield from mutants_of(name, path)
    yield from mutants_of_words()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose name holds one of these")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (2)")
    parser.add_argument("--tests", type=Path, default=ROOT / "tests" / "unit" / "status", help="a folder of tests")
    parser.add_argument("--leave-out", action="append", default=[], metavar="TEST", help="a test that is not asked")
    parser.add_argument("--file", type=Path, help="a file in place of the rule files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
