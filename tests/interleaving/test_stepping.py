"""The stepper itself: it finds what it should, takes every order once, and notices who waits."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import asyncpg
import pytest

from tests.interleaving import cases
from tests.interleaving.connections import COMMIT, SteppedConnection
from tests.interleaving.schedules import EveryOrder, Named, Schedule, count, in_turn, named
from tests.interleaving.sessions import LAST_STEPS, batch
from tests.interleaving.stage import Case, Stage
from tests.interleaving.stepping import Scheduler, Session
from tests.records import scan

READ: Final = "select n from counter where name = $1"
READ_LOCKED: Final = "select n from counter where name = $1 for update"
WRITE: Final = "update counter set n = $2 where name = $1"


def test_six_and_six_steps_have_924_orders() -> None:
    assert count((6, 6)) == len(set(named((6, 6)))) == 924
    assert count((6, 6, 6)) == 17_153_136


def test_where_nobody_waits_every_order_is_taken_once() -> None:
    taken = []
    for schedule in EveryOrder():
        left, order = [4, 3], []
        while any(left):
            session = schedule.choose([number for number, steps in enumerate(left) if steps])
            left[session] -= 1
            order.append(session)
        taken.append(tuple(order))
    assert sorted(taken) == sorted(named((4, 3)))


def test_an_order_by_name_lets_who_is_not_ready_go_later() -> None:
    schedule = Named((0, 1, 1, 0))
    assert [schedule.choose(ready) for ready in ([1], [0, 1], [0, 1], [0])] == [1, 0, 1, 0]
    assert in_turn(2)[1].choose([0, 1]) == 1


async def test_every_order_takes_the_same_runs_as_all_orders_by_name(stage: Stage) -> None:
    one, two = (batch(name, scan("delivered", minutes=60 + part, number=number), part=part, points=LAST_STEPS)
                for part, (name, number) in enumerate((("one", "A1"), ("two", "B1"))))  # fmt: skip
    case = Case("two parcels, fewer steps", (one, two), before=cases.TWO_PARCELS.before)
    await stage.prepare(case)
    by_name = {tuple((await stage.run(case, Named(order))).trace) for order in named((3, 3))}
    once = [tuple((await stage.run(case, schedule)).trace) for schedule in EveryOrder()]
    assert sorted(once) == sorted(by_name)
    assert len(once) < count((3, 3))


async def count_up(stage: Stage, schedule: Schedule, statements: Sequence[str], *rows: Sequence[str]) -> list[Any]:
    """Let each session add 1 to its rows; return what is counted, and the refusals of the server."""
    await stage.observer.execute("drop table if exists counter; create table counter (name text primary key, n int)")
    await stage.observer.execute("insert into counter values ('a', 0), ('b', 0)")
    read, write = statements

    async def work(session: Session, names: Sequence[str]) -> None:
        connection = SteppedConnection(session, {}, set())
        try:
            async with connection.transaction():
                for name in names:
                    n = await connection.fetchval(read, name)
                    await connection.execute(write, name, n + 1)
        except asyncpg.DeadlockDetectedError:
            return

    points = (write, read, COMMIT) if len(rows[0]) > 1 else (write, COMMIT)
    sessions = [
        Session(str(number), connection, points) for number, connection in enumerate(stage.connections[: len(rows)])
    ]
    works = [partial(work, session, names) for session, names in zip(sessions, rows, strict=True)]
    await Scheduler(stage.observer, sessions).during(schedule, works)
    counted = [row["n"] for row in await stage.observer.fetch("select n from counter order by name")]
    return [counted, [state for session in sessions for state in session.sqlstates]]


async def test_a_lost_update_is_found_and_a_lock_prevents_it(stage: Stage) -> None:
    free = [await count_up(stage, schedule, (READ, WRITE), "a", "a") for schedule in EveryOrder()]
    locked = [await count_up(stage, schedule, (READ_LOCKED, WRITE), "a", "a") for schedule in EveryOrder()]
    assert [[1, 0], []] in free
    assert [[2, 0], []] in free
    assert all(end == [[2, 0], []] for end in locked)
    assert 1 < len(locked) < len(free)


async def test_a_deadlock_is_found_and_sorting_prevents_it(stage: Stage) -> None:
    crossed = [await count_up(stage, schedule, (READ_LOCKED, WRITE), "ab", "ba") for schedule in EveryOrder()]
    sorted_ = [await count_up(stage, schedule, (READ_LOCKED, WRITE), "ab", "ab") for schedule in EveryOrder()]
    assert ["40P01"] in [refused for _, refused in crossed]
    assert all(end == [[2, 2], []] for end in sorted_)


async def test_a_point_that_is_never_reached_is_noticed(stage: Stage) -> None:
    script = batch("one", scan("delivered", minutes=60), part=0, points=("select 'never'",))
    with pytest.raises(AssertionError, match="one never stops where it should"):
        await stage.prepare(Case("a point that is not there", (script,)))


async def test_a_rule_that_is_written_otherwise_now_cannot_be_taken_out() -> None:
    with pytest.raises(AssertionError, match="written otherwise"):
        cases.GROWN.without({READ: READ})
