"""Histories that are hard by themselves, under load: one hot parcel, a number used again, bad records in between."""

import base64
import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from services.runtime import clock
from services.status import packed
from tests.nemesis import lengths
from tests.nemesis.striking import ask
from tests.oracle_evidence import DEAD_LETTERS, ORDER_EVENTS, Evidence, Expected, Sent
from tests.under_fire.load import Load
from tests.under_fire.poison import poison
from tests.under_fire.stage import Stage
from tests.under_fire.stories import Letter, Story
from tests.waiting import eventually

LIMIT_S: Final = 60.0
#: Fewer in CI: each record folds the parcel's whole history again, so that ten times as many cost a hundredfold.
HOT: Final = round(lengths.seconds(300, 10_000))
#: For all of them, on a machine that has other things to do.
HOT_S: Final = lengths.seconds(90, 5_400)
STORY_MINUTES: Final = 110
EACH: Final = 100
#: How many of these orders have come to these states.
ENDED: Final = """
select count(*) from unnest($1::text[], $2::text[]) as wanted (order_key, state)
join status.orders using (order_key, state)
"""
#: How many numbers more than one order has claimed.
SHARED: Final = """
select count(*) from (select shipment from status.ledger where kind = 'claim' group by 1 having count(*) > 1) as shared
"""


def mix_in(load: Load, seed: int, letters: Iterable[Letter], expected: Sequence[Expected]) -> None:
    """Put more letters among those of a load that has not begun, each at a random place."""
    dice, plan = random.Random(seed), load.plan  # noqa: S311 - a test's disorder must be repeatable
    mixed = sorted((*plan.letters, *letters), key=lambda _: dice.random())
    load.plan = replace(plan, letters=tuple(mixed), expected=(*plan.expected, *expected))


def hot(seed: int, scans: int) -> tuple[Story, Expected]:
    """Tell of a parcel that is scanned thousands of times on its way to the door."""
    story = Story(f"HOT{seed}", clock.now().replace(microsecond=0) - timedelta(minutes=STORY_MINUTES))
    story.placed()
    story.ship("A")
    for n in range(scans):
        story.scan("in_transit", 20 + n * 60 / scans)
    story.scan("delivered", 100)
    return story, story.ends("delivered", {"A": "delivered"}, told={"delivered": 1}, may_tell={"shipped": 1})


async def ended(stage: Stage, expected: Sequence[Expected]) -> bool:
    """Say whether these orders have all come to their end."""
    states = {one.order: one.state for one in expected}
    return int(await ask(stage, ENDED, list(states), list(states.values()))) == len(states)


@pytest.mark.timeout(120 + 4 * HOT_S)
@pytest.mark.fault("hot_shipment")
async def test_very_many_scans_of_one_parcel_in_any_order_count_once_each_and_starve_nobody(stage: Stage) -> None:
    await stage.start_all(ingest=0, status=2)
    busy = await stage.begin(seed=501, orders=4, per_second=2_000, limit_s=HOT_S)
    story, expected = hot(501, HOT)
    mix_in(busy, 501, story.letters, [expected])
    await stage.half(within_s=HOT_S)
    others = await stage.begin(seed=502, orders=8)
    await eventually(lambda: others.done == others.total, HOT_S, what="the others are sent")
    await eventually(lambda: ended(stage, others.plan.expected), HOT_S, what="the others have come to their ends")
    await stage.heal_and_judge(within_s=HOT_S)
    counted = "select count(*) from status.ledger where shipment = $1 and kind = 'scan'"
    assert await ask(stage, counted, f"royal-mail:{story.tracking('A')}") == HOT + 1


def reused(n: int, days: float) -> tuple[Story, Story]:
    """Tell of two customers whose parcels had the same number one after the other."""
    now, number = clock.now().replace(microsecond=0), f"RMAGAIN{n}"
    old = Story(f"OLD{n}", now - timedelta(days=days))
    new = Story(f"NEW{n}", now - timedelta(minutes=STORY_MINUTES))
    for story in (old, new):
        story.placed()
        story.ship("A", 10, number=number)
    old.scan("in_transit", 30, number=number, place={"country": "GB", "city": f"Street of {old.number}."})
    old.scan("delivered", 90, number=number, place={"country": "GB", "city": f"Street of {old.number}."})
    new.scan("in_transit", 31, number=number, place={"country": "GB", "city": f"Street of {new.number}."})
    return old, new


def in_time(old: Story, new: Story) -> list[Expected]:
    """Return the ends where the second claim is known before its scans: no page ever shows the other's street."""
    ends = old.ends("delivered", {"A": "delivered"}), new.ends("in_transit", {"A": "in_transit"}, told={"shipped": 1})
    return [replace(end, tokens=(f"Street of {story.number}.",)) for end, story in zip(ends, (old, new), strict=True)]


def in_any_order(old: Story, new: Story) -> list[Expected]:
    """Return the ends where a claim may come last: until then its scans belong to the other one, by rule E3."""
    may = {"shipped": 1}
    ends = (
        old.ends("delivered", {"A": "delivered"}, may_tell=may),
        new.ends("in_transit", {"A": "in_transit"}, may_tell=may),
    )
    return [replace(end, tokens=()) for end in ends]


async def tell(stage: Stage, seed: int, letters: Sequence[Letter], expected: Sequence[Expected]) -> None:
    """Send these among others, and wait until all of it is applied."""
    load = await stage.begin(seed=seed, orders=5, per_second=40)
    mix_in(load, seed, letters, expected)
    await stage.sent()
    await eventually(lambda: ended(stage, load.plan.expected), LIMIT_S, what=f"load {seed} is applied")


@pytest.mark.timeout(240)
@pytest.mark.fault("number_reused")
async def test_a_number_used_again_by_another_order_under_load_shows_each_customer_only_their_own(
    stage: Stage,
) -> None:
    await stage.start_all(status=2)
    pairs = [reused(n, days=31 + 2 * n) for n in range(12)]
    strict = [in_time(*pair) for pair in pairs[:6]]
    loose = [end for pair in pairs[6:] for end in in_any_order(*pair)]
    claims = [one for _, new in pairs[:6] for one in new.letters if one.sent.topic == ORDER_EVENTS]
    scans = [one for _, new in pairs[:6] for one in new.letters if one.sent.topic != ORDER_EVENTS]
    await tell(stage, 503, [one for old, _ in pairs[:6] for one in old.letters], [end for end, _ in strict])
    await tell(stage, 504, claims, [])
    await eventually(lambda: claimed_twice(stage, 6), LIMIT_S, what="the second claims are known")
    any_order = [one for pair in pairs[6:] for story in pair for one in story.letters]
    await tell(stage, 505, [*scans, *any_order], [*(end for _, end in strict), *loose])
    evidence = await stage.heal_and_judge()
    assert await claimed_twice(stage, len(pairs)), "a number was not used again"
    shown = {look.order for look in evidence.pages for pair in strict for end in pair if end.tokens[0] in look.text}
    assert shown & {end.order for pair in strict for end in pair}, "no page that says where a parcel was was looked at"
    for old, new in pairs:
        assert await streets(stage, old.order) == {old.number}
        assert await streets(stage, new.order) == {new.number}


async def claimed_twice(stage: Stage, count: int) -> bool:
    """Say whether so many numbers have more than one claim."""
    return int(await ask(stage, SHARED)) == count


async def streets(stage: Stage, order: str) -> set[str]:
    """Return whose streets an order's document names."""
    message = packed.unpack(order, await ask(stage, "select message from status.orders where order_key = $1", order))
    return set(re.findall(r"Street of (\w+)\.", message.decode()))


def with_poison(load: Load, seed: int) -> list[Letter]:
    """Put a bad record at a random place among each hundred of a load that has not begun."""
    dice, good = random.Random(seed), list(load.plan.letters)  # noqa: S311 - must be repeatable
    letters: list[Letter] = []
    bad: list[Letter] = []
    for n, start in enumerate(range(0, len(good), EACH - 1)):
        part = good[start : start + EACH - 1]
        bad.append(poison(dice, n, f"BAD{seed}", by_webhook=True))
        part.insert(dice.randint(0, len(part)), bad[-1])
        letters += part
    load.plan = replace(load.plan, letters=tuple(letters))
    return bad


def letters_of(evidence: Evidence) -> dict[tuple[str, int, int], list[dict[str, Any]]]:
    """Return the dead letters by the places that they name."""
    found: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for record in evidence.records(DEAD_LETTERS):
        letter = json.loads(record.value or b"{}")
        place = (letter["topic"], int(letter["partition"]), int(letter["offset"]))
        found.setdefault(place, []).append(letter)
    return found


def kept(letter: dict[str, Any], sent: Sent, value: bytes) -> bool:
    """Say whether a dead letter has the record's bytes, or of an order event their hash and no more."""
    if sent.topic == ORDER_EVENTS:
        return letter.get("value_base64") is None and letter["value_sha256"] == sent.sha256
    return base64.b64decode(letter["value_base64"]) == value


@pytest.mark.timeout(150)
@pytest.mark.fault("poison")
async def test_a_bad_record_at_a_random_place_in_each_hundred_is_set_aside_alone_with_what_it_was(
    stage: Stage,
) -> None:
    await stage.start_all()
    load = await stage.begin(seed=506, orders=90, per_second=100, poison_share=0)
    bad = with_poison(load, 506)
    places = [n for n, one in enumerate(load.plan.letters) if one.sent.poison]
    assert [place // EACH for place in places] == list(range(len(bad))), "one in each hundred"
    assert len(bad) >= 5
    evidence = await stage.heal_and_judge()
    values = {one.sent.id: one.value for one in bad}
    aside = letters_of(evidence)
    for sent in evidence.sent:
        if sent.poison and sent.acks:
            ((partition, offset),) = set(sent.acks)
            for letter in aside[sent.topic, partition, offset]:
                assert kept(letter, sent, values[sent.id]), f"{sent.id} is not kept as it was"
                assert letter["reason"]
    assert {one.id for one in evidence.sent if one.poison} == set(values)
