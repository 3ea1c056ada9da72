"""A limit holds around what takes the end of a wait for somebody else's."""

import asyncio
from collections.abc import Callable

import pytest

from services.runtime import ending
from services.runtime.errors import Exit, ExitCode, Transient


async def deaf(times: int, told: list[str]) -> str:
    """Pass over being told to end so many times, as aiokafka can."""
    while len(told) < times:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("end")
    await asyncio.Event().wait()
    return "never"


async def deaf_once(waiting: Callable[[], "asyncio.Future[None]"]) -> None:
    """Pass over being told to end for the first time: whoever waits is told to end just then."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        waiting().cancel()
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell again at once."""
    monkeypatch.setattr(ending, "_TOLD_EVERY_S", 0.01)


async def test_what_comes_in_time_is_the_answer() -> None:
    async def ask() -> int:
        return 7

    assert await ending.within(ask(), 10, what="asking") == 7


async def test_what_goes_wrong_in_time_goes_wrong_as_it_did() -> None:
    async def ask() -> int:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await ending.within(ask(), 10, what="asking")


async def test_what_somebody_else_has_ended_is_to_be_tried_again_and_is_not_the_end_of_whoever_waits() -> None:
    async def ask() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Transient, match="asking was ended"):
        await ending.within(ask(), 10, what="asking")


async def test_what_passes_over_being_told_to_end_is_told_again_until_nothing_of_it_runs() -> None:
    told: list[str] = []
    task = asyncio.ensure_future(deaf(3, told))
    with pytest.raises(TimeoutError):
        await ending.within(task, 0.01, what="joining")
    assert task.cancelled()
    assert len(told) == 3


async def test_what_never_ends_ends_the_process() -> None:
    told: list[str] = []
    task = asyncio.ensure_future(deaf(1_000, told))
    with pytest.raises(Exit, match="joining took too long and could not be ended") as caught:
        await ending.within(task, 0.01, what="joining")
    told += ["end"] * 1_000  # from the next word but one on it hears: the loop of this test could not be closed
    with pytest.raises(TimeoutError):
        await ending.within(task, 0.01, what="joining")
    assert caught.value.code == ExitCode.TRY_AGAIN


async def test_what_fails_when_it_is_told_to_end_took_too_long_all_the_same() -> None:
    async def ask() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionResetError

    with pytest.raises(TimeoutError):
        await ending.within(ask(), 0.01, what="asking")


async def test_whoever_is_told_to_end_meanwhile_ends_it_as_well() -> None:
    told: list[str] = []
    inner = asyncio.ensure_future(deaf(2, told))
    outer = asyncio.ensure_future(ending.within(inner, 60, what="joining"))
    await asyncio.sleep(0)
    outer.cancel()
    await asyncio.wait({outer}, timeout=5)
    assert outer.cancelled()
    assert inner.cancelled()


async def test_whoever_is_told_to_end_again_while_it_ends_something_ends_it_all_the_same() -> None:
    inner = asyncio.ensure_future(deaf_once(lambda: outer))
    outer = asyncio.ensure_future(ending.within(inner, 60, what="joining"))
    await asyncio.sleep(0)
    outer.cancel()
    await asyncio.wait({outer}, timeout=5)
    assert outer.cancelled()
    assert inner.cancelled()


async def test_whoever_is_told_to_end_after_the_limit_hears_of_that_and_not_of_the_limit() -> None:
    inner = asyncio.ensure_future(deaf_once(lambda: outer))
    outer = asyncio.ensure_future(ending.within(inner, 0.01, what="joining"))
    await asyncio.wait({outer}, timeout=5)
    assert outer.cancelled()
    assert inner.cancelled()


async def test_that_something_would_not_end_goes_before_the_end_of_whoever_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "_TOLD_AT_MOST", 1)
    inner = asyncio.ensure_future(deaf_once(lambda: outer))
    outer = asyncio.ensure_future(ending.within(inner, 0.01, what="joining"))
    await asyncio.wait({outer}, timeout=5)
    assert isinstance(outer.exception(), Exit)
    inner.cancel()
    await asyncio.wait({inner}, timeout=5)
    assert inner.cancelled()
