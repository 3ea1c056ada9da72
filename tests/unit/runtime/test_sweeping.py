"""Garbage that refers to itself: not looked for while a transaction is at work, and found in the end."""

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from services.runtime import clock, sweeping
from services.runtime.sweeping import EVERYTHING_EVERY_S, MOST, USUAL, Sweeping
from services.status import app


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock of our own; what a test sets apart and sets is as before afterwards."""
    time = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    before = gc.get_threshold()
    gc.unfreeze()
    yield time
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
def ours() -> Sweeping:
    """One that has begun."""
    made = Sweeping()
    made.begin()
    return made


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        """Close the ring."""
        self.ring = self


def test_before_it_begins_nothing_is_otherwise_than_ever() -> None:
    before = gc.get_threshold()
    with Sweeping().put_off():
        assert gc.get_threshold() == before
    assert not gc.get_freeze_count()


def test_while_something_is_at_work_only_very_many_young_objects_are_looked_through(ours: Sweeping) -> None:
    with ours.put_off():
        assert gc.get_threshold() == (MOST, *USUAL[1:])
        assert gc.isenabled(), "even then there is a bound"
    assert gc.get_threshold() == USUAL


def test_what_is_there_after_work_is_set_apart_until_everything_is_looked_through(
    ours: Sweeping, now: list[float]
) -> None:
    with ours.put_off():
        ring = weakref.ref(Ring())
    assert gc.get_freeze_count()
    gc.collect()
    assert ring() is not None
    now[0] += EVERYTHING_EVERY_S
    with ours.put_off():
        pass
    assert ring() is None


def fail() -> None:
    """Fail as code does that keeps its error: it holds the frame, and the frame holds it and all that is in it."""
    batch = Ring()
    error = LookupError(weakref.ref(batch))
    raise error


def test_what_a_failure_holds_is_not_set_apart_and_goes_before_the_next_work(ours: Sweeping) -> None:
    gc.disable()
    try:
        with ours.put_off():
            fail()
    except LookupError as error:
        batch = error.args[0]
    finally:
        gc.enable()
    assert not gc.get_freeze_count()
    assert gc.get_threshold() == USUAL
    assert batch() is not None
    with ours.put_off():
        assert batch() is None


def test_of_two_at_work_at_the_same_time_the_last_one_ends_it(ours: Sweeping) -> None:
    first, second = ours.put_off(), ours.put_off()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == MOST
    second.__exit__(None, None, None)
    assert gc.get_threshold() == USUAL


def test_no_test_goes_about_it_so() -> None:
    assert not sweeping.OURS.begun


async def test_the_status_service_goes_about_it_from_its_start_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Sweeping()
    monkeypatch.setattr(sweeping, "OURS", ours)

    async def serve(_: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await app._start(SimpleNamespace(serve=serve), SimpleNamespace(http=None))  # type: ignore[arg-type]  # noqa: SLF001
    assert ours.begun
