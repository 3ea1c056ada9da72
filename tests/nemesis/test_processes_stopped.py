"""Processes told to stop, frozen, or blocked: they end in time, or come back as somebody who owns nothing any more."""

import signal
from typing import Final

import pytest

from services.runtime import clock
from services.runtime.errors import ExitCode
from tests.faults.freezing import is_frozen
from tests.nemesis import lengths
from tests.nemesis.striking import ask, logged, unwanted_ends
from tests.under_fire.settings import FAST
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
#: Longer than the session of a consumer, the lease of a message, and what the server allows an idle transaction.
FROZEN_S: Final = lengths.seconds(8, 60)
ROUNDS: Final = round(lengths.seconds(1, 10))
#: A process that stops finishes its work within this; ending takes it a moment more.
DRAIN_S: Final = float(FAST["TRACKFOLD_PROCESS__DRAIN_S"])
STILL_OPEN: Final = """
select count(*) from pg_stat_activity
where datname = current_database() and state = 'idle in transaction' and xact_start < now() - make_interval(secs => $1)
"""
#: A message whose sender did not come back in time.
LOST: Final = "select id from notify.notification where state = 'unknown' and reason = 'lease_ended' limit 1"
#: What one process may say of being late: once for each of its loops and consumers, not again and again.
FEW: Final = 20


async def frozen_at(member: Member) -> int:
    """Wait until a process has stopped itself at its point; returns its pid."""
    await eventually(lambda: is_frozen(member.pid), LIMIT_S, what=f"{member.name} stopped itself")
    return member.pid


@pytest.mark.timeout(200 + 60 * ROUNDS)
@pytest.mark.fault("rolling_restart")
async def test_one_process_after_the_other_told_to_stop_under_load_ends_in_time_and_nobody_notices(
    stage: Stage,
) -> None:
    await stage.start_all(status=2, ingest=2, notify=2)
    for n, member in enumerate(ROUNDS * tuple(stage.members)):
        load = await stage.begin(seed=201 + n, orders=8, per_second=15, mark=f"R{n}")
        await stage.half()
        assert load.done < load.total, "nothing was on its way"
        began = clock.monotonic()
        assert await member.terminate(DRAIN_S + LIMIT_S) == 0, member.log()
        assert clock.monotonic() - began < DRAIN_S + 5, f"{member.name} was longer than its drain"
        await member.restart()
    evidence = await stage.heal_and_judge()
    assert [end.code for end in evidence.ends] == [0] * len(stage.members) * ROUNDS
    answers = {answer.status for one in evidence.sent for answer in one.answers}
    assert answers == {202}, "one of two was always there: no sender had to be told to come again"


@pytest.mark.timeout(150 + FROZEN_S)
@pytest.mark.fault("frozen_status")
async def test_a_frozen_status_process_loses_its_transaction_and_comes_back_without_writing_what_it_held(
    stage: Stage,
) -> None:
    zombie = await stage.start("status", once={"TRACKFOLD_FAILPOINTS": "consume.before_commit:stop*1"})
    await stage.start("status")
    await stage.begin(seed=202, orders=24, per_second=30)
    pid = await frozen_at(zombie)
    await eventually(lambda: ask(stage, STILL_OPEN, 1.0), LIMIT_S, what="it holds a transaction open")
    await lengths.lasts(FROZEN_S)
    assert zombie.lives == 1
    await eventually(lambda: _nothing_open(stage), LIMIT_S, what="the server ended its transaction")
    await stage.sent()
    zombie.life.send(signal.SIGCONT)
    await stage.heal_and_judge()
    assert zombie.lives > 1 or zombie.pid == pid, "it left and was started again, or goes on"
    assert len(logged(zombie, level="error")) + len(logged(zombie, level="critical")) < FEW
    assert len(logged(zombie, level="warning")) < 2 * FEW


async def _nothing_open(stage: Stage) -> bool:
    return int(await ask(stage, STILL_OPEN, 1.0)) == 0


@pytest.mark.timeout(150 + FROZEN_S)
@pytest.mark.fault("frozen_notify")
async def test_a_notifier_frozen_before_its_call_beyond_its_lease_never_tells_a_customer_twice(stage: Stage) -> None:
    await stage.start("status")
    zombie = await stage.start("notify", once={"TRACKFOLD_FAILPOINTS": "notify.before_call:stop*1"})
    await stage.start("notify")
    await stage.begin(seed=203, orders=16)
    await frozen_at(zombie)
    await lengths.lasts(FROZEN_S)
    lost = await eventually(lambda: ask(stage, LOST), LIMIT_S, what="the other one said that a lease has ended")
    assert not [mail for mail in stage.mails() if str(lost) in mail.message_id]
    zombie.life.send(signal.SIGCONT)
    evidence = await stage.heal_and_judge()
    (row,) = (one for one in evidence.notifications if one.id == str(lost))
    told = sum(row.id in mail.message_id for mail in evidence.mails)
    # Of those that froze before they looked at their order: looked at again, newer news may have taken its place.
    known = {("unknown", 0), ("unknown", 1), ("accepted", 1), ("suppressed", 0)}
    assert (row.state, told) in known, "it says what is known of it by now"
    assert len(logged(zombie, level="error")) < FEW


#: Beyond the session of a consumer, and below or above what the watchdog allows.
BLOCKED_S: Final = lengths.seconds(9, 40)
ABOVE_S: Final = lengths.seconds(12, 60)
BELOW_S: Final = 4


@pytest.mark.timeout(150 + 2 * BLOCKED_S)
@pytest.mark.fault("blocked_loop")
@pytest.mark.parametrize(("watchdog_s", "leaves"), [(ABOVE_S, False), (BELOW_S, True)], ids=["rejoins", "leaves"])
async def test_a_process_whose_loop_is_blocked_joins_again_or_leaves_with_70(
    stage: Stage, watchdog_s: float, *, leaves: bool
) -> None:
    once = {"TRACKFOLD_FAILPOINTS": f"consume.before_commit:block={BLOCKED_S:g}*1"}
    blocked = await stage.start("status", once=once, TRACKFOLD_PROCESS__WATCHDOG_S=f"{watchdog_s:g}")
    await stage.start("status")
    await stage.begin(seed=204, orders=16, per_second=30)
    await eventually(lambda: _silent(blocked), LIMIT_S, what="it answers nobody")
    if leaves:
        await eventually(lambda: blocked.lives > 1, LIMIT_S, what="the watchdog ended it")
    await stage.heal_and_judge()
    assert unwanted_ends(stage) == ([f"{blocked.name} (life 1): {int(ExitCode.WATCHDOG)}"] if leaves else [])
    if not leaves:
        joined = logged(blocked, "Joined group")
        assert len(joined) > 1, "it was never put out of its group: it was not blocked for long enough"


async def _silent(member: Member) -> bool:
    return not await member.life.ready()
