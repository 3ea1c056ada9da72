"""The benchmark of the status engine: all designs in interleaved rounds, each judged by the oracle (`make bench`).

Every design gets the same kind of load, its own topics and its own database in every round; the order of the designs
turns from round to round. `benchmarks/results/latest.json` is written only where all designs that were asked for ended
every round with a clean oracle; else the run ends with 1, and a design without a clean oracle has no figure.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.engine import filling, machine, page, results
from benchmarks.engine.entries import ENTRIES, Asked, design_of
from benchmarks.engine.load import Profile, Sent, records
from benchmarks.engine.measuring import StandsStillError, TooSmallError
from benchmarks.engine.oracle import Expected, expected_of
from benchmarks.engine.rounds import WrongError, play
from benchmarks.engine.stack import Stack, started
from benchmarks.scaling import page as scaling
from services.local.child import ChildFailedError

LATEST: Final = Path(__file__).parents[1] / "results/latest.json"
_ROUND_LIMIT_S: Final = 300.0
_WARM_S: Final = 30.0
#: Of the sizes of the loads, in the round that is thrown away.
_THROWN_AWAY: Final = 0.2
_FEWEST_ORDERS: Final = 10


@dataclass(slots=True)
class Benchmark:
    """One run."""

    stack: Stack
    asked: Asked
    began: float = field(default_factory=time.monotonic)
    loads: dict[int, tuple[list[Sent], Expected]] = field(default_factory=dict)
    """By the number of orders: made once."""
    rounds: dict[str, list[results.Round]] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    count: int = 0

    @property
    def figures(self) -> dict[str, results.Figures]:
        """What was measured of the designs that nothing is wrong with."""
        names = [name for name in self.asked.designs if name in self.rounds and name not in self.wrong]
        return {name: results.Figures(self.rounds[name]) for name in names}

    async def run(self) -> None:
        """Warm up, then go round as often as was asked for, or as there is time for."""
        await self._warm()
        for number in range(self.asked.rounds):
            began = time.monotonic()
            turned = number % len(self.asked.designs)
            for name in self.asked.designs[turned:] + self.asked.designs[:turned]:
                if name not in self.wrong:
                    await self._take(name, number)
            took = time.monotonic() - began
            if time.monotonic() - self.began + took > self.asked.seconds_at_most:
                say(f"no time for more than {number + 1} rounds")
                break

    async def _warm(self) -> None:
        """Work the broker warm, and run every design once, smaller, for nothing."""
        prefix = self._prefix("warm")
        await filling.create(self.stack.bootstrap, prefix)
        sent = await filling.warm(self.stack.bootstrap, prefix, _WARM_S * min(1, self.asked.scale))
        await filling.delete(self.stack.bootstrap, prefix)
        say(f"the broker is warm after {sent:,} single records and commits")
        for name in self.asked.designs:
            await self._take(name, None)

    async def _take(self, name: str, number: int | None) -> None:
        """Run one design once; what goes wrong with it ends its part in the run, not the run."""
        said = f"{'thrown away' if number is None else f'round {number + 1}'}: {name:<20}"
        load, expected = self._load(ENTRIES[name].orders * (_THROWN_AWAY if number is None else 1))
        try:
            async with asyncio.timeout(_ROUND_LIMIT_S):
                one = await play(design_of(name), load, expected, stack=self.stack, prefix=self._prefix(name))
        except TooSmallError as error:
            if number is not None:
                self.wrong.add(name)
            say(f"{said}{error}")
        except (WrongError, ChildFailedError, StandsStillError, TimeoutError) as error:
            self.wrong.add(name)
            say(f"{said}WRONG\n  {str(error) or f'took longer than {_ROUND_LIMIT_S:.0f} s'}")
        else:
            say(said + results.line(one.measured))
            if number is not None:
                self.rounds.setdefault(name, []).append(one)

    def _load(self, orders: float) -> tuple[list[Sent], Expected]:
        wanted = max(_FEWEST_ORDERS, round(orders * self.asked.scale))
        if wanted not in self.loads:
            load = records(wanted, Profile(repeating=self.asked.repeating))
            self.loads[wanted] = load, expected_of(load)
        return self.loads[wanted]

    def _prefix(self, name: str) -> str:
        self.count += 1
        return f"bench{self.count}.{name}."


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{text}\n")


def document(benchmark: Benchmark) -> dict[str, object]:
    """Return what stands in `latest.json`."""
    figures = benchmark.figures
    settings = {name: design_of(name).design.settings for name in figures}
    return {
        "commit": machine.commit(),
        "machine": machine.described(benchmark.stack.postgres),
        "broker": benchmark.stack.broker,
        "designs": {name: one.document() for name, one in figures.items()},
        "ratios": results.ratios(figures, cores=machine.cores()),
        "notes": results.notes(figures, settings, _texts(benchmark)),
    }


def _texts(benchmark: Benchmark) -> list[str]:
    profile = "each webhook repeats the parcel's history" if benchmark.asked.repeating else "one scan a webhook"
    rounds = min((len(one.rounds) for one in benchmark.figures.values()), default=0)
    return [
        f"{rounds} interleaved rounds, medians; {profile}",
        "all orders are known; measured are the scans from their first tenth on, as a backlog",
        "quixstreams and bytewax leave the order fold out; limit stores and does nothing else",
    ]


def asked(arguments: Sequence[str] | None = None) -> Asked:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--designs", default=",".join(ENTRIES), help="separated by commas")
    parser.add_argument("--seconds-at-most", type=float, default=1200)
    parser.add_argument("--scale", type=float, default=1.0, help="of the loads' sizes")
    parser.add_argument("--repeating", action="store_true", help="each webhook repeats the parcel's history")
    parser.add_argument("--no-write", action="store_true", help="leave the file with the results as it is")
    parser.add_argument("--json", action="store_true", help="print what stands in the file")
    wanted = parser.parse_args(arguments)
    if unknown := set(wanted.designs.split(",")) - ENTRIES.keys():
        parser.error(f"no such design: {', '.join(sorted(unknown))}; there are {', '.join(ENTRIES)}")
    return Asked(
        designs=tuple(dict.fromkeys(wanted.designs.split(","))),
        rounds=wanted.rounds,
        seconds_at_most=wanted.seconds_at_most,
        scale=wanted.scale,
        repeating=wanted.repeating,
        write=not wanted.no_write,
        as_json=wanted.json,
    )


def main() -> int:
    """Run it; returns the exit code."""
    wanted = asked()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with started(say) as stack:
        benchmark = Benchmark(stack, wanted)
        asyncio.run(benchmark.run())
        text = json.dumps(document(benchmark), indent=2) + "\n"
    clean = benchmark.figures.keys() == set(wanted.designs)
    if clean and wanted.write:
        LATEST.parent.mkdir(exist_ok=True)
        LATEST.write_text(text, encoding="utf-8")
        page.write(json.loads(text))
        scaling.write()
    lines = results.table(benchmark.figures, results.ratios(benchmark.figures, cores=machine.cores()))
    sys.stdout.write(text if wanted.as_json else "\n".join(lines) + "\n")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
