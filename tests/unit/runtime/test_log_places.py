"""Where a logged exception came from: told without values, and never without end."""

import pytest

from services.runtime.logs import places


def test_an_exception_that_is_its_own_cause_is_told_once() -> None:
    try:
        try:
            raise ValueError
        except ValueError as error:
            raise error from error
    except ValueError as error:
        assert len(places(error)) >= 1


def test_a_chain_is_told_innermost_first() -> None:
    with pytest.raises(RuntimeError) as caught:
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError from error
    told = places(caught.value)
    assert "then RuntimeError" in told
    assert all("'x'" not in line for line in told)
