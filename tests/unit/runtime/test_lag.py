"""Whether a consumer that is behind turns, and whose fault it is when it does not (rule E12)."""

from services.runtime.lag import Place, Standing
from services.runtime.positions import Partition

ONE, TWO = Partition("t", 0), Partition("t", 1)


def place(done: int, end: int, stable: int | None = None) -> Place:
    return Place(done=done, stable=end if stable is None else stable, end=end)


def test_lag_is_what_lies_between_what_is_done_and_the_end() -> None:
    assert place(3, 10).lag == 7
    assert place(11, 10).lag == 0, "an end that was asked earlier is no negative lag"


def test_a_consumer_with_nothing_to_read_turns() -> None:
    standing = Standing()
    assert standing.look({ONE: place(5, 5)}, now=0).turns
    assert standing.look({ONE: place(5, 5)}, now=600).turns
    assert standing.look({}, now=600).turns


def test_one_that_is_behind_and_does_nothing_stands_still() -> None:
    standing = Standing()
    standing.look({ONE: place(5, 9)}, now=0)
    assert not standing.look({ONE: place(5, 9)}, now=5).turns
    assert not standing.look({ONE: place(5, 12)}, now=10).turns, "a log that grows is no progress of its reader"


def test_progress_anywhere_is_turning_because_a_backlog_is_read_partition_by_partition() -> None:
    standing = Standing()
    standing.look({ONE: place(5, 9), TWO: place(0, 100)}, now=0)
    assert standing.look({ONE: place(5, 9), TWO: place(50, 100)}, now=5).turns
    assert not standing.look({ONE: place(5, 9), TWO: place(50, 100)}, now=10).turns


def test_another_assignment_is_turning() -> None:
    standing = Standing()
    standing.look({ONE: place(5, 9)}, now=0)
    assert standing.look({ONE: place(5, 9), TWO: place(0, 1)}, now=5).turns


def test_behind_an_open_transaction_nobody_can_move_and_the_consumer_is_not_blamed() -> None:
    standing = Standing()
    for now in range(0, 300, 5):
        assert standing.look({ONE: place(5, 9, stable=5)}, now=now).turns
    assert not standing.look({ONE: place(4, 9, stable=5)}, now=300).turns, "what is stable can be read"


def test_a_transaction_hangs_when_the_stable_offset_stood_a_minute_below_the_end() -> None:
    standing = Standing()
    assert standing.look({ONE: place(5, 9, stable=5)}, now=0).hanging == set()
    assert standing.look({ONE: place(5, 20, stable=5)}, now=59).hanging == set()
    assert standing.look({ONE: place(5, 20, stable=5)}, now=60).hanging == {ONE}
    assert standing.look({ONE: place(5, 20, stable=20)}, now=65).hanging == set()


def test_transactions_that_come_and_go_do_not_hang() -> None:
    standing = Standing()
    for now in range(0, 300, 5):
        assert standing.look({ONE: place(now, now + 9, stable=now + 1)}, now=now).hanging == set()


def test_a_transaction_that_opens_later_gets_its_own_minute() -> None:
    standing = Standing()
    standing.look({ONE: place(5, 9, stable=5)}, now=0)
    standing.look({ONE: place(9, 9)}, now=30)
    assert standing.look({ONE: place(5, 9, stable=5)}, now=61).hanging == set()
