"""Processes killed at the worst moments: whoever takes over loses nothing, doubles nothing, tells nobody twice."""

import random
from collections import Counter
from typing import Final

import pytest

from services.runtime import clock
from tests.nemesis import lengths
from tests.nemesis.striking import ask, published_again, unwanted_ends
from tests.oracle_evidence import WEBHOOKS
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import SIGKILLED, Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
KILLING_S: Final = lengths.seconds(40, 1200)
#: Letters of an order, at the least.
LETTERS: Final = 6
PER_SECOND: Final = 12.0


def armed(point: str) -> dict[str, str]:
    """Return what makes the first life of a process die at a point."""
    return {"TRACKFOLD_FAILPOINTS": f"{point}:kill"}


async def died_at_its_point(member: Member) -> None:
    """Wait until the first life is over: nothing but its fail-point has killed it."""
    await eventually(lambda: member.lives > 1, LIMIT_S, what=f"{member.name} died at its point")
    assert [end.code for end in member.ends][:1] == [SIGKILLED]


@pytest.mark.timeout(150)
@pytest.mark.fault("killed_before_commit")
async def test_status_killed_before_its_commit_applies_the_batch_once_when_somebody_takes_over(stage: Stage) -> None:
    doomed = await stage.start("status", once=armed("consume.before_commit"))
    await stage.start("status")
    await stage.begin(seed=101, orders=16)
    await died_at_its_point(doomed)
    await stage.heal_and_judge()


@pytest.mark.timeout(150)
@pytest.mark.fault("killed_after_commit")
async def test_status_killed_after_its_commit_applies_nothing_of_the_batch_again(stage: Stage) -> None:
    doomed = await stage.start("status", once=armed("consume.after_commit"))
    await stage.start("notify")
    await stage.begin(seed=102, orders=16)
    await died_at_its_point(doomed)
    assert await ask(stage, "select sum(next_offset) from status.consumer_offset") > 0, "nothing had been committed"
    await stage.heal_and_judge()


@pytest.mark.timeout(150)
@pytest.mark.fault("relay_killed_after_send")
async def test_what_a_killed_relay_has_sent_already_is_sent_again_as_the_same_bytes(stage: Stage) -> None:
    doomed = await stage.start("status", once=armed("relay.after_send"))
    await stage.begin(seed=103, orders=16)
    await died_at_its_point(doomed)
    evidence = await stage.heal_and_judge()
    assert published_again(evidence) > 0, "nothing was sent again: the point was passed by"


@pytest.mark.timeout(150)
@pytest.mark.fault("notify_killed_after_acceptance")
async def test_a_mail_that_a_killed_notifier_has_handed_over_is_not_sent_again(stage: Stage) -> None:
    await stage.start("status")
    doomed = await stage.start("notify", once=armed("notify.after_call"))
    await stage.begin(seed=104, orders=12)
    await died_at_its_point(doomed)
    evidence = await stage.heal_and_judge()
    unknown = {row.id for row in evidence.notifications if (row.state, row.reason) == ("unknown", "lease_ended")}
    assert unknown, "nobody was left in doubt"
    assert any(one in mail.message_id for one in unknown for mail in evidence.mails), "none of them was handed over"


@pytest.mark.timeout(150)
@pytest.mark.fault("notify_killed_before_call")
async def test_a_message_of_a_notifier_killed_before_its_call_is_listed_as_unknown_and_the_others_are_told_once(
    stage: Stage,
) -> None:
    await stage.start("status")
    doomed = await stage.start("notify", once=armed("notify.before_call"))
    await stage.begin(seed=105, orders=12)
    await died_at_its_point(doomed)
    evidence = await stage.heal_and_judge()
    unknown = [row for row in evidence.notifications if (row.state, row.reason) == ("unknown", "lease_ended")]
    assert unknown, "none was claimed and committed: the point was passed by"
    assert "accepted" in {row.state for row in evidence.notifications}
    assert not [mail for mail in evidence.mails for row in unknown if row.id in mail.message_id]


@pytest.mark.timeout(150)
@pytest.mark.fault("ingest_killed_before_answer")
async def test_a_webhook_whose_answer_was_lost_with_ingest_is_repeated_and_counts_once(stage: Stage) -> None:
    await stage.start("status")
    doomed = await stage.start("ingest", once=armed("ingest.after_send"))
    await stage.begin(seed=106, orders=16)
    await died_at_its_point(doomed)
    evidence = await stage.heal_and_judge()
    kept = Counter(one.value for one in evidence.records(WEBHOOKS))
    sent = Counter(one.value for load in stage.loads for one in load.plan.letters if one.sent.topic == WEBHOOKS)
    assert any(count > sent[body or b""] for body, count in kept.items()), "none was repeated: its answer was not lost"


async def kill_at_random(stage: Stage, *, seed: int, for_s: float) -> int:
    """Kill one process after the other, each at a random moment; returns how many."""
    dice, until, killed = random.Random(seed), clock.monotonic() + for_s, 0  # noqa: S311 - must be repeatable
    while clock.monotonic() < until:
        await lengths.lasts(dice.uniform(0.2, 3.0))
        victim = dice.choice(stage.members)
        if victim.running:
            victim.kill()
            killed += 1
    return killed


@pytest.mark.timeout(240 + KILLING_S)
@pytest.mark.fault("random_kills")
async def test_all_services_killed_at_random_under_load_lose_and_double_nothing(stage: Stage) -> None:
    await stage.start_all(status=2, ingest=2, notify=2)
    orders = round(KILLING_S * PER_SECOND / LETTERS)
    await stage.begin(seed=107, orders=orders, per_second=PER_SECOND, limit_s=KILLING_S + 120)
    killed = await kill_at_random(stage, seed=107, for_s=KILLING_S)
    assert killed > KILLING_S / 8
    assert {member.service for member in stage.members if member.lives > 1} == {"ingest", "status", "notify"}
    await stage.heal_and_judge()
    assert not unwanted_ends(stage)
