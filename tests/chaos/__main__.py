"""`python -m tests.chaos --seconds 1200 --seed 7 [--json FILE] [--write-guarantees]`: `make chaos`.

Exit code 0: clean; 1: the oracle found something, or nothing moved any more; 130: interrupted. It ends by itself, by
force if it must, and leaves no process and no folder.
"""

import argparse
import asyncio
import faulthandler
import json
import logging
import random
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.local.scratch import Scratch
from tests.chaos import guarantees
from tests.chaos.kinds import KINDS
from tests.chaos.runner import Wanted, run
from tests.chaos.timeline import Outcome

#: The faults are over long before: then something of ours hangs, and Python says where.
AT_LAST_S: Final = 300
INTERRUPTED: Final = 130


def say(text: str) -> None:
    """Tell what happens."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run once."""
    options = _options(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    wanted = Wanted(seed, options.seconds, options.per_second, options.only)
    say(f"chaos: seed {seed}, {options.seconds:.0f} s; again with --seed {seed}")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that brokers are away is what is wanted
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what is ended with its stacks leaves no file
    faulthandler.dump_traceback_later(options.seconds + AT_LAST_S, exit=True)
    # Who was started in the background of a script was told to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    scratch = None if options.folder else Scratch("chaos")
    folder = options.folder or scratch.path  # type: ignore[union-attr]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        outcome = asyncio.run(run(wanted, folder, say))
    except KeyboardInterrupt:
        say(f"interrupted; again with --seed {seed}")
        return INTERRUPTED
    finally:
        if scratch is not None:
            scratch.remove()
    _report(outcome, options)
    return 0 if outcome.clean else 1


def _report(outcome: Outcome, options: argparse.Namespace) -> None:
    say("\n".join(outcome.lines()))
    if options.json:
        options.json.write_text(json.dumps(outcome.as_json(), indent=1) + "\n")
    if options.write_guarantees:
        guarantees.write(outcome)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1200, help="how long faults happen")
    parser.add_argument("--seed", type=int, help="which faults come when; without one, chance")
    parser.add_argument("--per-second", type=float, default=15, help="how much of the steady load is sent in a second")
    parser.add_argument(
        "--only", action="append", default=[], choices=sorted(KINDS), metavar="KIND", help="these kinds"
    )
    parser.add_argument("--folder", type=Path, help="keep the logs and the ledger there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome there")
    parser.add_argument("--write-guarantees", action="store_true", help="write the figures into docs/guarantees.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
