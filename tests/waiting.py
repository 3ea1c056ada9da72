"""The only way that a test waits: ask again until it holds or a deadline passes. Never sleeps a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

POLL_S = 0.02
LIMIT_S = 20.0


@overload
async def eventually(
    ask: Callable[[], Awaitable[T]], timeout_s: float = ..., *, poll_s: float = ..., what: str = ...
) -> T: ...
@overload
async def eventually(ask: Callable[[], T], timeout_s: float = ..., *, poll_s: float = ..., what: str = ...) -> T: ...
async def eventually(
    ask: Callable[[], Any], timeout_s: float = LIMIT_S, *, poll_s: float = POLL_S, what: str = ""
) -> Any:
    """Give the first truthy answer of `ask()`; an AssertionError in it means "not yet".

    Anything else it raises ends the wait: a test must not turn a crash into a time-out.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer, why = await _ask(ask)
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{what or 'it'} did not come true within {timeout_s:.0f} s; last: {why or repr(answer)}"
            )
        await asyncio.sleep(poll_s)


async def never(ask: Callable[[], object], for_s: float, *, poll_s: float = POLL_S) -> None:
    """Pass when `ask()` stays falsy for the whole time; only where nothing else can say "changes nothing"."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        answer, _ = await _ask(ask)
        if answer:
            raise AssertionError(f"it came true: {answer!r}")
        await asyncio.sleep(poll_s)


async def _ask(ask: Callable[[], Any]) -> tuple[Any, str]:
    try:
        answer = ask()
        if inspect.isawaitable(answer):
            answer = await answer
    except AssertionError as failure:
        return None, str(failure)
    return answer, ""
