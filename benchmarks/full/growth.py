"""Part `growth`: what an event costs with 0, 1 M and 5 M rows of history behind it.

Three databases stand beside each other for the whole part, and each round goes through all of them: what the machine
does meanwhile concerns all alike. `new`: scans of new orders, which the process knows, as in `make bench`. `old`: the
last scan of old parcels chosen at random, which no process has seen: all of their orders' histories are loaded. Cost is
CPU an event of service, Postgres and broker; the rates stand beside it.
"""

import random
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Final

from benchmarks.engine.load import ORDER_EVENTS, SCANS, Profile, Sent, records
from benchmarks.engine.measuring import MEASURED_FROM, Measured
from benchmarks.full import seeding
from benchmarks.full.bench import Bench, Figures
from benchmarks.full.engine import Engine, database, messages, serving
from benchmarks.full.failures import NotToldError
from benchmarks.full.seeding import Pattern

ROWS: Final = (0, 1_000_000, 5_000_000)
_ROUNDS: Final = 3
_PATTERN: Final = 200
_NEW_ORDERS: Final = 1_200
_OLD_SCANS: Final = 12_000
_FIRST_NEW: Final = seeding.LAST + 1
#: Of scans that are not told again; the others are late, and show nothing.
_TOLD_AT_LEAST: Final = 0.7


async def measure(bench: Bench) -> Figures:
    """Return the costs at each number of rows, and the ratios."""
    made = await seeding.pattern(bench.stack, bench.prefix("pattern"), bench.sized(_PATTERN, least=20))
    async with AsyncExitStack() as databases:
        sizes: list[tuple[int, str]] = []
        for rows in ROWS:
            dsn = await databases.enter_async_context(database(bench.stack, bench.prefix(f"growth{rows}")))
            orders = made.orders_for(bench.sized(rows, least=0))
            found = await seeding.seed(dsn, made, orders)
            bench.say(f"  {found:,} rows of history")
            sizes.append((orders, dsn))
        rounds = [await _round(bench, made, sizes, number) for number in range(_ROUNDS)]
    return figures([round(bench.sized(rows, least=0)) for rows in ROWS], rounds)


#: What was measured in one round, by size: new, and old where there is something old.
Round = list[tuple[Measured, Measured | None]]


async def _round(bench: Bench, made: Pattern, sizes: Sequence[tuple[int, str]], number: int) -> Round:
    count = bench.sized(_NEW_ORDERS, least=600)
    load = records(count, Profile(first_order=_FIRST_NEW + number * count))
    found: Round = []
    for orders, dsn in sizes:
        new = await _new(bench, dsn, load)
        old = await _old(bench, dsn, last_scans(made, orders, bench.sized(_OLD_SCANS, least=1_500), number))
        bench.say(f"  round {number + 1}, {orders:,} orders: new {_said(new)}; old {_said(old)}")
        found.append((new, old))
    return found


def last_scans(made: Pattern, orders: int, count: int, number: int) -> list[Sent]:
    """Return one scan each of old orders chosen at random, in each round of others."""
    chance = random.Random(orders)  # noqa: S311 - a load, no secret
    count = min(count, orders // _ROUNDS)
    chosen = chance.sample(range(seeding.FIRST, seeding.FIRST + orders), count * _ROUNDS)
    return [made.last_scan(one, chance.randrange(3)) for one in chosen[number * count : (number + 1) * count]]


async def _new(bench: Bench, dsn: str, load: Sequence[Sent]) -> Measured:
    orders = [one for one in load if one.topic == ORDER_EVENTS]
    async with serving(bench.stack, bench.prefix("new"), dsn) as one:
        await one.filler.send(one.filler.build(orders))
        await one.watch.until_done(len(orders))
        return await _backlog(one, [each for each in load if each.topic == SCANS], before=len(orders))


async def _old(bench: Bench, dsn: str, scans: Sequence[Sent]) -> Measured | None:
    if not scans:
        return None
    async with serving(bench.stack, bench.prefix("old"), dsn) as one:
        # A few first: a process that starts prepares its statements. Of the rest each is as cold as the other.
        few = len(scans) // 10
        await one.filler.send(one.filler.build(scans[:few]))
        await one.watch.until_done(few)
        return await _backlog(one, scans[few:], before=few, measured_from=0)


async def _backlog(
    one: Engine, scans: Sequence[Sent], *, before: int, measured_from: float = MEASURED_FROM
) -> Measured:
    """Measure scans that all lie there when the processes go on."""
    told = await messages(one)
    batches = one.filler.build(scans)
    with one.workers.held():
        await one.filler.send(batches)
    found = await one.watch.measure(before, before + len(scans), measured_from=measured_from)
    if await messages(one) - told < _TOLD_AT_LEAST * len(scans):
        raise NotToldError(f"{len(scans)} scans led to {await messages(one) - told} messages")
    return found


def figures(rows: Sequence[int], rounds: Sequence[Round]) -> Figures:
    """Return the medians of the rounds, and the ratios of medians."""
    new = [_median([one[place][0] for one in rounds]) for place in range(len(rows))]
    old = [_median([each for one in rounds if (each := one[place][1]) is not None]) for place in range(len(rows))]
    told = [{"rows": count, "new": new[place], "old": old[place]} for place, count in enumerate(rows)]
    return {"rounds": len(rounds), "sizes": told, "ratios": _ratios(rows, new, old)}


def _ratios(rows: Sequence[int], new: Sequence[Figures | None], old: Sequence[Figures | None]) -> Figures:
    """Return new at each size beside new at none, and old beside new at the same size, in CPU and in time."""
    found: Figures = {}
    first = new[0]
    for count, one, other in list(zip(rows, new, old, strict=True))[1:]:
        for what in ("cpu_us", "us"):
            if first and one:
                found[f"new at {count:,} / at 0, {what}"] = round(one[what] / first[what], 2)
            if one and other:
                found[f"old / new at {count:,}, {what}"] = round(other[what] / one[what], 2)
    return found


def _median(found: Sequence[Measured]) -> Figures | None:
    if not found:
        return None
    parts = [asdict(one.cpu_us) for one in found]
    return {
        "us": round(statistics.median(1e6 / one.events_per_second for one in found), 1),
        "cpu_us": round(statistics.median(one.cpu_us.total for one in found), 1),
        "cpu_us_per_event": {name: round(statistics.median(one[name] for one in parts), 1) for name in parts[0]},
        "wal_bytes": round(statistics.median(one.wal_bytes for one in found)),
        "events": found[0].events,
    }


def _said(found: Measured | None) -> str:
    return "-" if found is None else f"{found.cpu_us.total:,.0f} us of CPU, {found.events_per_second:,.0f}/s"
