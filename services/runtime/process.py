"""The outermost function of every service: signals, admin port, start, wait, drain, exit code.

SIGTERM stops in good order with 0, Ctrl-C with 130; a second signal ends at once, which is safe, because nothing is
promised before it is durable. Called by `services/<name>/app.py`.
"""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
import uvloop

from services.runtime import delivery, failpoints, logs, metrics
from services.runtime.errors import ExitCode, Stopping
from services.runtime.life import Life
from services.runtime.log_stream import log_stream
from services.runtime.settings import ServiceSettings

log = structlog.stdlib.get_logger("trackfold.process")

Start = Callable[[Life], Awaitable[None]]

_BY_SIGNAL: Final = {signal.SIGTERM: ExitCode.OK, signal.SIGINT: ExitCode.INTERRUPTED}


def main(name: str, settings: ServiceSettings, start: Start) -> int:
    """Run a service until it is told to stop; returns the exit code."""
    logs.configure(settings.log, name, stream=log_stream())
    metrics.set_build_info()
    _raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return int(runner.run(_live(Life(name, settings), start)))


async def _live(life: Life, start: Start) -> ExitCode:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.handle_loop_exception)
    told = asyncio.Event()
    for number in _BY_SIGNAL:
        loop.add_signal_handler(number, partial(_on_signal, life, number, told=told))
    beating = asyncio.create_task(life.beat(), name="heart")
    life.watchdog.start()
    try:
        return await _run(life, start)
    finally:
        life.watchdog.stop()
        beating.cancel()


async def _run(life: Life, start: Start) -> ExitCode:
    starting = asyncio.create_task(_start(life, start), name="start")
    told = asyncio.create_task(life.draining.wait(), name="told to stop")
    await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
    if starting.cancelled():
        # A library that ends its own tasks ended ours: not all of us has started, and nobody else would say so.
        life.exit(ExitCode.TRY_AGAIN, "the start was ended, and not by whoever waits for it")
    if not told.done():
        await told
    starting.cancel()
    await asyncio.wait({starting})
    in_time = await life.drain()
    code = life.ended[0] if life.ended else ExitCode.OK
    if code in _BY_SIGNAL.values() and not in_time:
        code = ExitCode.FAILED
    log.info("ended", code=int(code))
    return code


async def _start(life: Life, start: Start) -> None:
    try:
        failpoints.arm(life.settings.failpoints)
        await life.serve_admin(life.settings.admin)
        await start(life)
    except Stopping:
        return
    except Exception as exc:
        hint = getattr(exc, "hint", "")
        log.exception("cannot start", hint=hint)
        life.exit(delivery.exit_code(exc), delivery.describe(exc))
    else:
        life.health.start_done()
        log.info("started")


def _on_signal(life: Life, number: signal.Signals, *, told: asyncio.Event) -> None:
    # Not `life.draining`: a process that ends by itself may still be told to, and goes on ending in good order.
    if told.is_set():
        sys.stderr.write("second signal: ending at once\n")
        sys.stderr.flush()
        os._exit(_BY_SIGNAL[number] or ExitCode.FAILED)
    told.set()
    life.exit(_BY_SIGNAL[number], f"signal {number.name}")


def _raise_file_limit() -> None:
    # The soft limit is often 1024, less than the connections one port is set to take.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
