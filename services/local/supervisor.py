"""`make run`: starts everything on this machine, keeps it alive, shows where to look, stops it in order.

Embedded database and broker, the catcher, the three services as processes of their own, the simulator in here. All
that is written lies in one folder that is gone afterwards; children die with this process, however it dies.
"""

import asyncio
import secrets
import signal
import sys
from types import FrameType
from typing import Final

from services.local.child import ChildFailedError
from services.local.environments import simulator_variables
from services.local.run_folder import RunFolder
from services.local.settings import LocalSettings
from services.local.simulator import Score, open_simulator, prefix_of
from services.local.stack import Stack, StartFailedError
from services.local.talk import Talk
from services.local.watch import Watch
from services.runtime import clock, environment
from services.runtime.errors import ExitCode

STOP_LIMIT_S: Final = 27
LOOK_EVERY_S: Final = 0.5
ORDER_EVERY_S: Final = 6.0
SPEED: Final = 1200.0


def main() -> int:
    """Run until Ctrl-C or SIGTERM, which end it with 0: stopping is how a run is meant to end."""
    with Talk(sys.stdout) as talk:
        return asyncio.run(_run(talk))


async def _run(talk: Talk) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, stopping.set)
    with RunFolder() as folder:
        talk.say(f"logs are in {folder.path / 'logs'} while this runs")
        stack = Stack(folder, talk)
        try:
            await stack.start(stopping)
            if not stopping.is_set():
                await _live(stack, talk, stopping)
        except (StartFailedError, ChildFailedError) as failure:
            talk.say(f"\n{failure}", style="bold red")
            return int(failure.code if isinstance(failure, StartFailedError) else ExitCode.FAILED)
        finally:
            _stop(stack, talk)
    talk.say("stopped; no process and no file is left")
    return int(ExitCode.OK)


async def _live(stack: Stack, talk: Talk, stopping: asyncio.Event) -> None:
    """Play, watch and show, until told to stop."""
    variables = simulator_variables(stack.ports, stack.secrets, stack.addresses)
    settings = environment.load(LocalSettings, variables)
    # Two runs never share an order number, and never tell the same stories; `trackfold simulate --seed` does.
    score = Score(secrets.randbelow(2**31), prefix_of(clock.now()), speed=SPEED, every_s=ORDER_EVERY_S)
    async with open_simulator(score, settings, trust_env=False) as simulator, Watch(stack, simulator, talk) as watch:
        playing = asyncio.create_task(simulator.play(stopping), name="simulator")
        try:
            await _look_after(stack, watch, stopping, playing)
        finally:
            stopping.set()
            await asyncio.wait({playing}, timeout=5)
            playing.cancel()


async def _look_after(stack: Stack, watch: Watch, stopping: asyncio.Event, playing: "asyncio.Task[object]") -> None:
    while not stopping.is_set():
        stack.check()
        if playing.done():
            playing.result()
            raise StartFailedError("the simulator ended by itself", ExitCode.FAILED)
        await watch.look()
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await stopping.wait()
        except TimeoutError:
            continue


def _stop(stack: Stack, talk: Talk) -> None:
    """Stop all in order; when the limit passes or somebody asks again, at once."""

    def hurry(_: int, __: FrameType | None) -> None:
        stack.kill()

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(name, hurry)
    signal.alarm(STOP_LIMIT_S)
    try:
        with talk.step("stopping in order"):
            stack.stop()
    finally:
        signal.alarm(0)
