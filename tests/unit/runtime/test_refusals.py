"""When refusals by the database stop being a matter of bad records (rule E10)."""

import pytest

from services.runtime.errors import Exit
from services.runtime.refusals import Refusals

NOW = 1000.0


def refuse(refusals: Refusals, times: int, *, now: float = NOW) -> None:
    for _ in range(times):
        refusals.refused("postgres_22021", now=now)


def older() -> Refusals:
    """What a process counts that has worked for longer than a minute."""
    refusals = Refusals()
    refusals.applied(1, now=NOW - 60)
    return refusals


def test_ten_refusals_in_the_first_minute_of_a_life_are_bad_records_and_one_more_is_too_many() -> None:
    """Or a loop of restarts would set a hundred good records aside in each of its lives."""
    refusals = Refusals()
    refuse(refusals, 5)
    refuse(refusals, 5, now=NOW + 59)
    with pytest.raises(Exit, match="refused 11 of the last minute's 11 records") as failure:
        refuse(refusals, 1, now=NOW + 59.9)
    assert failure.value.code == 75


def test_after_its_first_minute_a_process_may_refuse_more() -> None:
    refusals = Refusals()
    refuse(refusals, 10)
    refuse(refusals, 90, now=NOW + 60)
    assert refusals.count(NOW + 60) == (90, 90)


def test_a_hundred_refusals_in_a_minute_are_bad_records() -> None:
    refusals = older()
    refuse(refusals, 100)
    assert refusals.count(NOW) == (100, 100)


def test_one_more_than_a_hundred_ends_the_process_with_75_and_says_why() -> None:
    refusals = older()
    refuse(refusals, 100)
    with pytest.raises(Exit, match=r"refused 101 of the last minute's 101 records.*postgres_22021") as failure:
        refuse(refusals, 1)
    assert failure.value.code == 75
    assert "migrations" in failure.value.hint


def test_many_refusals_among_ten_times_as_many_good_records_are_bad_records() -> None:
    refusals = Refusals()
    refusals.applied(9000, now=NOW)
    refuse(refusals, 1000)
    with pytest.raises(Exit):
        refuse(refusals, 1)


def test_refusals_older_than_a_minute_do_not_count() -> None:
    refusals = older()
    refuse(refusals, 100)
    refuse(refusals, 100, now=NOW + 60)
    assert refusals.count(NOW + 60) == (100, 100)


def test_good_records_older_than_a_minute_do_not_excuse_refusals() -> None:
    refusals = Refusals()
    refusals.applied(9000, now=NOW - 60)
    with pytest.raises(Exit):
        refuse(refusals, 101)


def test_a_minute_takes_the_same_room_however_many_records_it_had() -> None:
    refusals = Refusals()
    for second in range(600):
        refusals.applied(1, now=NOW + second / 2)
        refusals.applied(1, now=NOW + second / 2)
    assert refusals.count(NOW + 299.5) == (0, 240)
