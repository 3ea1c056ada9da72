"""What an hour shows and a round does not (`make bench-full`): latency, growth, catch-up, memory, webhooks, replay.

Each part writes its result at once to `benchmarks/results/full.json`; a second run at the same commit goes on with the
parts that are not there, unless it is told which ones to measure. What is written is written to the page as well.
"""

import argparse
import asyncio
import importlib
import logging
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.engine import filling, machine
from benchmarks.engine.stack import Stack, started
from benchmarks.full import page, recorded
from benchmarks.full.bench import Bench, Figures, Options
from benchmarks.full.failures import FAILURES

#: By name: the module, and how many minutes it may take in full length.
PARTS: Final = {
    "webhooks": ("webhooks", 2),
    "latency": ("latency", 8),
    "chain": ("chain_latency", 8),
    "growth": ("growth", 22),
    "catch-up": ("catch_up", 22),
    "replay": ("replay", 7),
    "memory": ("memory", 5),
}
_WARM_S: Final = 30.0
_LEAST_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    parts: tuple[str, ...]
    again: bool
    """Measure also what was measured."""
    options: Options
    results: Path
    write: bool


def asked(arguments: Sequence[str] | None = None) -> Asked:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench-full", description=__doc__)
    parser.add_argument("--parts", help=f"separated by commas, measured again: {', '.join(PARTS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="of numbers of records and of seconds")
    parser.add_argument("--memory-minutes", type=float, default=15.0, help="length of the part memory (60 for an hour)")
    parser.add_argument("--processes", type=int, default=2, help="of the status service, for latencies")
    parser.add_argument("--again", action="store_true", help="measure everything again")
    parser.add_argument("--results", type=Path, default=recorded.FULL, help="the file; the page is of the usual one")
    parser.add_argument("--no-write", action="store_true", help="leave file and page as they are")
    wanted = parser.parse_args(arguments)
    names = tuple(dict.fromkeys(wanted.parts.split(","))) if wanted.parts else tuple(PARTS)
    if unknown := set(names) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if wanted.scale <= 0 or wanted.memory_minutes <= 0 or wanted.processes < 1:
        parser.error("sizes are above 0")
    return Asked(
        parts=names,
        again=wanted.again or bool(wanted.parts),
        options=Options(scale=wanted.scale, memory_minutes=wanted.memory_minutes, processes=wanted.processes),
        results=wanted.results,
        write=not wanted.no_write,
    )


def left(wanted: Asked, *, commit: str) -> list[str]:
    """Return the parts that are to be measured."""
    known = {} if wanted.again else recorded.read(wanted.results)
    return [
        name
        for name in wanted.parts
        if not recorded.is_done(known, name, commit=commit, settings=settings_of(wanted.options, name))
    ]


def settings_of(options: Options, name: str) -> Figures:
    """Return on what the figures of a part depend, beside commit and machine."""
    own: Figures = {"memory": {"minutes": options.memory_minutes}}.get(name, {})
    return {"scale": options.scale, "processes": options.processes, **own}


async def measure(stack: Stack, wanted: Asked, names: Sequence[str], *, commit: str) -> bool:
    """Measure the parts one after the other; True if none went wrong."""
    bench = Bench(stack, wanted.options, say)
    await _warm(bench)
    clean = True
    for name in names:
        minutes = limit_minutes(name, wanted.options)
        say(f"{name}: at most {minutes:.0f} minutes")
        began = time.monotonic()
        part: Figures = {"settings": settings_of(wanted.options, name)}
        try:
            async with asyncio.timeout(60 * minutes):
                part["figures"] = await module_of(name).measure(bench)
        except FAILURES as error:
            clean = False
            part["without_figures"] = (str(error) or "it took too long").splitlines()[0]
            say(f"  no figures: {error!s:.2000}")
        part["took_s"] = round(time.monotonic() - began)
        say(f"  {name} took {part['took_s']} s")
        if wanted.write:
            run = recorded.Run(commit, machine.described(stack.postgres), stack.broker)
            _record(run, wanted.results, name, part)
    return clean


def module_of(name: str) -> Any:
    """Import a part only when it is measured."""
    return importlib.import_module(f"benchmarks.full.{PARTS[name][0]}")


def limit_minutes(name: str, options: Options) -> float:
    """Return how long a part may take; starting takes its time however small the part is."""
    own = options.memory_minutes if name == "memory" else 0
    return PARTS[name][1] * max(options.scale, _LEAST_SHARE) + own * options.scale


async def _warm(bench: Bench) -> None:
    """Work the broker warm: a JVM that compiles while something is measured makes it slow."""
    prefix = bench.prefix("warm")
    await filling.create(bench.stack.bootstrap, prefix)
    try:
        await filling.warm(bench.stack.bootstrap, prefix, _WARM_S * min(1, bench.options.scale))
    finally:
        await filling.delete(bench.stack.bootstrap, prefix)


def _record(run: recorded.Run, path: Path, name: str, part: Figures) -> None:
    new = recorded.merged(recorded.read(path), run, name, part)
    recorded.write(path, new)
    if path == recorded.FULL:
        page.write(new)


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def main() -> int:
    """Run it; returns the exit code."""
    wanted = asked()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # Told to end is like Ctrl-C: everything is taken down in order, no process and no folder stays.
    # A shell that starts it in the background lets it ignore Ctrl-C, and with that it would ignore both.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    commit = machine.commit()  # whatever is committed meanwhile
    names = left(wanted, commit=commit)
    if not names:
        say("all parts are measured at this commit; --again measures them once more")
        return 0
    try:
        with started(say) as stack:
            return 0 if asyncio.run(measure(stack, wanted, names, commit=commit)) else 1
    except KeyboardInterrupt:
        say("interrupted: what was measured is written, the same command goes on")
        return 130


if __name__ == "__main__":
    sys.exit(main())
