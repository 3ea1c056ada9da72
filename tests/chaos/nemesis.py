"""Strikes one fault after the other as the schedule draws them, heals each, and measures until all is well."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError

from services.runtime import clock
from tests.chaos import schedule, state
from tests.chaos.endings import Excuse
from tests.chaos.kind import Blow, Kind
from tests.chaos.kinds import KINDS
from tests.chaos.recovering import acknowledged, applied, caught_up
from tests.chaos.stuck import Detector
from tests.chaos.timeline import Struck
from tests.chaos.world import MissedError, World
from tests.faults.quorum import RefusedError
from tests.under_fire.quiet import AWAY

RECOVERY_S: Final = 60.0
STUCK_S: Final = 60.0
#: The longest is a restart of all processes, one after the other.
STRIKE_S: Final = 180.0
LOOK_S: Final = 1.0
#: What a strike itself may meet in a world that was just broken: then it did not happen.
MEETS: Final = (
    MissedError,
    RefusedError,
    OSError,
    TimeoutError,
    KafkaError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


class StuckError(Exception):
    """Nothing moves any more; the message is the state of everything."""


@dataclass
class Nemesis:
    """One run of faults."""

    world: World
    seed: int
    say: Callable[[str], None]
    only: Sequence[str] = ()
    faults: list[Struck] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    detector: Detector = field(default_factory=lambda: Detector(STUCK_S))
    excuses: list[Excuse] = field(default_factory=list)
    """Which exit codes the faults explain, and when."""
    began: float = field(default_factory=clock.monotonic)

    async def run(self, seconds: float) -> None:
        """Strike for so long; the last fault has healed and all is well when it returns."""
        self.began = clock.monotonic()
        kinds = [kind for kind in KINDS.values() if not self.only or kind.name in self.only]
        for number, names in enumerate(schedule.rounds(self.seed, [kind.card for kind in kinds])):
            if clock.monotonic() - self.began >= seconds:
                return
            struck, since = [KINDS[name] for name in names], clock.monotonic()
            try:
                await self._round(number, struck)
            finally:
                until = clock.monotonic()
                self.excuses += [Excuse(kind.name, kind.may_end_with, since, until) for kind in struck]

    async def watch(self) -> None:
        """Raise when nothing moves any more; runs beside the faults until cancelled."""
        while True:
            marks = {"what is acknowledged": acknowledged(self.world)}
            for service in ("status", "notify"):
                try:
                    marks[f"what {service} has done"] = sum((await applied(self.world, service)).values())
                except AWAY:
                    continue
            now = clock.monotonic()
            self.detector.saw(now, marks)
            if standing := self.detector.stuck(now):
                await self._stuck("; ".join(standing))
            await asyncio.sleep(LOOK_S)

    async def _round(self, number: int, kinds: Sequence[Kind]) -> None:
        """Strike, hold, heal, wait until all is well."""
        dice = random.Random(f"{self.seed} {number}")  # noqa: S311 - must be repeatable
        hold_s = max(dice.uniform(*kind.hold_s) for kind in kinds)
        blows: list[_Struck] = []
        try:
            async with AsyncExitStack() as healing:
                blows += [await self._strike(kind, number, healing) for kind in kinds]
                if any(one.blow.struck for one in blows):
                    await asyncio.sleep(hold_s)
        except (*MEETS, AssertionError) as error:
            self._found(f"{' and '.join(kind.name for kind in kinds)}: while it healed: {error!r}")
        healed_at = clock.monotonic()
        self.detector.forgive(healed_at)
        recovered: float | None = None
        try:
            recovered = await self._recovered(kinds, healed_at)
        finally:  # a run that is stuck here tells of what it is stuck after
            for one in blows:
                self.faults.append(one.told(healed_at, self.began, recovered))
                self.say(str(self.faults[-1]))

    async def _strike(self, kind: Kind, number: int, healing: AsyncExitStack) -> "_Struck":
        dice = random.Random(f"{self.seed} {number} {kind.name}")  # noqa: S311 - must be repeatable
        at = clock.monotonic()
        try:
            async with asyncio.timeout(STRIKE_S):
                blow = await healing.enter_async_context(kind.strike(self.world, dice))
        except MEETS as error:
            return _Struck(kind, at, Blow(str(error) or repr(error), struck=False))
        except AssertionError as error:
            self._found(f"{kind.name}: {error}")
            return _Struck(kind, at, Blow("see the findings", struck=False))
        return _Struck(kind, at, blow)

    async def _recovered(self, kinds: Sequence[Kind], since: float) -> float | None:
        caught = await caught_up(self.world, since=since, limit_s=RECOVERY_S)
        if caught.seconds is not None:
            return caught.seconds
        names = " and ".join(kind.name for kind in kinds)
        self._found(f"I6 {names}: not well again {RECOVERY_S:.0f} s after it healed: {'; '.join(caught.why)}")
        self.say(await state.told(self.world))
        caught = await caught_up(self.world, since=since, limit_s=2 * RECOVERY_S)
        if caught.seconds is None:
            await self._stuck(f"{names} healed long ago, and {'; '.join(caught.why)}")
        return caught.seconds

    async def _stuck(self, why: str) -> None:
        self.say(await state.told(self.world))
        self.say(await state.stacks(self.world))
        raise StuckError(f"stuck: {why}")

    def _found(self, finding: str) -> None:
        self.findings.append(finding)
        self.say(finding)


@dataclass(frozen=True, slots=True)
class _Struck:
    kind: Kind
    at: float
    blow: Blow

    def told(self, healed_at: float, began: float, recovered_s: float | None) -> Struck:
        """Return its line of the timeline; whether it did happen is known by now."""
        at_s, blow = self.at - began, self.blow
        if not blow.struck:
            return Struck(at_s, self.kind.name, missed=blow.detail or "nothing was met")
        return Struck(at_s, self.kind.name, blow.detail, healed_at - self.at, recovered_s)
