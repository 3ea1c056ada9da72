"""The waiting that every other test relies on."""

import pytest

from tests.waiting import eventually, never


async def test_it_gives_the_first_true_answer() -> None:
    answers = iter([0, None, 7])
    assert await eventually(lambda: next(answers)) == 7


async def test_an_assertion_means_not_yet() -> None:
    tries = iter([False, True])

    async def ask() -> bool:
        assert next(tries), "not yet"
        return True

    assert await eventually(ask)


async def test_a_passed_deadline_says_what_was_missed_and_why() -> None:
    def ask() -> None:
        raise AssertionError("two records")

    with pytest.raises(AssertionError, match=r"three records did not come true within 0 s; last: two records"):
        await eventually(ask, 0, what="three records")


async def test_a_crash_ends_the_wait_at_once() -> None:
    def ask() -> int:
        return 1 // 0

    with pytest.raises(ZeroDivisionError):
        await eventually(ask)


async def test_never_fails_when_it_comes_true() -> None:
    await never(lambda: False, 0.05)
    with pytest.raises(AssertionError, match="it came true"):
        await never(lambda: "x", 5)
