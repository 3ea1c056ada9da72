"""One run: a world of its own, the load, the faults, the detector beside them, and the oracle at the end."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests import oracle
from tests.chaos import endings, state, timeline
from tests.chaos.feeding import Feed
from tests.chaos.nemesis import Nemesis, StuckError
from tests.chaos.timeline import Outcome
from tests.chaos.world import World, open_world
from tests.oracle_evidence import Evidence, Finding
from tests.oracle_running import judge_i12

#: What a run may take beside its faults: the start, the last recovery, the quiet at the end.
BESIDE_S: Final = 240.0
#: How long the whole of a run has to become quiet in the end, with all topics read.
QUIET_S: Final = 60.0
#: What part of all messages the faults of a run may leave in doubt beside its kills and what the mail server did.
UNKNOWN_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do."""

    seed: int
    seconds: float = 1200.0
    per_second: float = 15.0
    only: Sequence[str] = ()
    """Kinds of faults; empty: all."""


async def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Run, and judge when everything is gone; the folder gets the logs and the ledger."""
    outcome = Outcome(wanted.seed, wanted.seconds)
    evidence: Evidence | None = None
    try:
        async with asyncio.timeout(wanted.seconds + BESIDE_S) as limit, open_world(folder, say) as world:
            nemesis = Nemesis(world, wanted.seed, say, wanted.only, outcome.faults, outcome.findings)
            try:
                await world.start_all()
                await world.stage.start_watch()  # before the first fault: it may be one of the database
                say(f"seed {wanted.seed}: {len(world.stage.members)} processes on {len(world.brokers.nodes)} brokers")
                await _under_fire(world, nemesis, wanted)
                evidence = await _quiet(world, say)
            finally:
                outcome.lives, found = endings.judged(world.stage.members, nemesis.excuses, began=nemesis.began)
                outcome.findings += found
    except (StuckError, AssertionError) as error:  # the second: a load that nobody takes, nothing that can be read
        outcome.stuck = str(error)
    except TimeoutError:
        if not limit.expired():
            raise
        outcome.stuck = f"stuck: the run did not end {BESIDE_S:.0f} s after its faults"
    if evidence is not None:
        say("the oracle judges")
        outcome.counts = timeline.counts(evidence)
        outcome.findings += [str(one) for one in _judge(replace(evidence, unknown_share=UNKNOWN_SHARE))]
        outcome.findings += timeline.too_little(outcome, chosen=bool(wanted.only))
    return outcome


def _judge(evidence: Evidence) -> list[Finding]:
    """Ask the oracle; but how processes ended is judged by the faults that were on (`endings.py`)."""
    return [*oracle.judge(evidence, but_for={"I12"}), *judge_i12(replace(evidence, ends=()))]


async def _under_fire(world: World, nemesis: Nemesis, wanted: Wanted) -> None:
    """Let the load go and strike; whoever fails first ends it, and the load ends last."""
    feed = Feed(world.stage, wanted.seed, wanted.per_second)
    feeding = asyncio.create_task(feed.run(), name="feed")
    striking = asyncio.create_task(nemesis.run(wanted.seconds), name="nemesis")
    watching = asyncio.create_task(nemesis.watch(), name="stuck detector")
    tasks = {feeding, striking, watching}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        feed.stopping.set()
        done, _ = await asyncio.wait({feeding, watching}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _quiet(world: World, say: Callable[[str], None]) -> Evidence:
    """Heal what may be left, wait until nothing is left to do, and gather the evidence."""
    await world.brokers.heal()
    evidence = await world.stage.heal(within_s=QUIET_S)
    if evidence.recovery is not None and evidence.recovery.seconds is None:
        say(await state.told(world))
    return evidence
