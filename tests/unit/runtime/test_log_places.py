"""Where a logged exception came from: told without values, and never without end."""

import pytest

from services.runtime.logs import places


def fail_over(cause: Exception) -> None:
    raise RuntimeError from cause


def read_number(text: str) -> None:
    try:
        int(text)
    except ValueError as error:
        fail_over(error)


def test_an_exception_that_is_its_own_cause_is_told_once() -> None:
    error = ValueError()
    error.__cause__ = error
    assert places(error) == []


def test_a_chain_is_told_innermost_first() -> None:
    with pytest.raises(RuntimeError) as caught:
        read_number("canary")
    told = places(caught.value)
    assert told[0].endswith(" read_number")
    assert "then RuntimeError" in told
    assert all("canary" not in line for line in told)
