"""Ending what does not end at the first word, so that a limit holds.

aiokafka awaits tasks of its own and takes the cancelling of whoever waits for them for theirs: a limit around such a
call can be passed over, and then nobody ends it any more.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from services.runtime.errors import Exit, ExitCode, Transient

Answer = TypeVar("Answer")

_TOLD_EVERY_S: Final = 1.0
_TOLD_AT_MOST: Final = 10


async def within(asked: Awaitable[Answer], limit_s: float, *, what: str) -> Answer:
    """Wait so many seconds for something that must not go on behind our back; nothing of it runs any more after that.

    Raises TimeoutError where it took longer, and Exit (75) where it would not end even so: a new process is free of it.
    That goes before the end of whoever waits, too. Raises Transient where somebody else has ended it.
    """
    task = asyncio.ensure_future(asked)
    try:
        in_time, _ = await asyncio.wait({task}, timeout=limit_s)
    finally:
        await _end(task, what)
    if not in_time:
        raise TimeoutError
    if task.cancelled():
        # As a CancelledError it would pass for the end of whoever waits, and nobody would try again.
        raise Transient("ended_by_others", f"{what} was ended, and not by whoever waits for it")
    return task.result()


async def _end(task: "asyncio.Future[Any]", what: str) -> None:
    if task.done():
        return
    # What it ends with is nobody's: who waited for it has been told otherwise.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    told: asyncio.CancelledError | None = None
    for _ in range(_TOLD_AT_MOST):
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=_TOLD_EVERY_S)
        except asyncio.CancelledError as again:
            # Whoever waits shall end as well, and does so once nothing runs behind its back.
            told = again
        if task.done():
            break
    else:
        raise Exit(ExitCode.TRY_AGAIN, "would_not_end", f"{what} took too long and could not be ended")
    if told is not None:
        raise told
