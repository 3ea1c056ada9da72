"""Each rule that keeps sessions apart is taken out once: then some order of steps must end wrong."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import pytest

from services.runtime import fence
from services.status import ahead, expiry_rows, handler, loading, outbox, purge_rows, relay_rows, repository, timer_rows
from services.status.consumer import SCHEMA
from tests.interleaving import cases
from tests.interleaving.schedules import EveryOrder, Random, Schedule
from tests.interleaving.sessions import BATCH, READING
from tests.interleaving.stage import Case, Search, Stage

pytestmark = pytest.mark.timeout(300)

#: How many random orders of three sessions are tried.
TRIES: Final = 500
LEDGER_TAKEN: Final = "23505"
FENCE_LOCK: Final = fence._LOCK.format(schema=SCHEMA)  # noqa: SLF001 - the statement as it is run
LAST: Final = "(select max(id) from unnest($1::bigint[]) as id)"
HIGH_WATER: Final = relay_rows.SENT.replace("= any($1::bigint[])", f"<= {LAST}")
#: A number drawn where the handler asks for the time, which is before its locks, and used for the outbox.
DRAW: Final = "set_config('early.id', nextval(pg_get_serial_sequence('status.outbox', 'id'))::text, true) is not null"
DRAWN: Final = "overriding system value\nselect current_setting('early.id')::bigint * 1000 + place, topic"


def unlocked(*statements: str) -> dict[str, str]:
    """Return statements and what they are without their locks."""
    return {one: re.sub(r"for update( of \w+)?( skip locked)?", "", one) for one in statements}


ONE_RELAY: Final = {relay_rows.TRY_LOCK: "select topic, part from unnest($1::text[], $2::int[]) as t (topic, part)"}

#: The rule: the case it keeps right, what its statements become, and what goes wrong then.
RULES: Final[dict[str, tuple[Case, Mapping[str, str], str]]] = {
    "orders are locked": (cases.TWO_PARCELS, unlocked(repository.LOCK_ORDERS), "tells [1, 2, 3, 4, 4]"),
    "orders are locked against erasure": (
        cases.ERASURE_AND_EVENT,
        unlocked(repository.LOCK_ORDERS),
        "it shows",
    ),
    "shipments and orders are locked against erasure": (
        cases.ERASURE,
        unlocked(repository.LOCK_SHIPMENTS, repository.LOCK_ORDERS),
        "after it was erased",
    ),
    "ids of the outbox are drawn under the locks": (
        cases.TWO_PARCELS,
        {
            handler.NOW: f"{handler.NOW} where {DRAW}",
            outbox.APPEND: outbox.APPEND.replace("(topic", "(id, topic", 1).replace("select topic", DRAWN, 1),
        },
        "tells [1, 2, 3, 5, 4]",
    ),
    "the fence locks": (cases.ZOMBIE, unlocked(FENCE_LOCK), "letters is {'"),
    "the fence drops what was applied": (
        cases.ZOMBIE,
        {FENCE_LOCK: FENCE_LOCK.replace("next_offset", "0::bigint as next_offset", 1)},
        "letters is {'",
    ),
    "one relay a queue": (cases.RELAYS, ONE_RELAY, "tells [1, 2, 3, 1, 2, 3]"),
    "one relay a queue, for the snapshot": (cases.RELAYS_AND_BATCH, ONE_RELAY, "its snapshot is 2"),
    "the relay deletes what it sent": (cases.RELAY_AND_BATCHES, {relay_rows.SENT: HIGH_WATER}, "tells [1, 2]"),
    "timers look under their locks": (cases.TIMER, unlocked(timer_rows.LOCK), "has no timer"),
    "purge locks": (cases.PURGE, unlocked(purge_rows.LOCK_SHIPMENTS, purge_rows.LOCK_ORDERS), "main:1001"),
    "expiry locks": (cases.EXPIRY, unlocked(expiry_rows.TAKE_UNCLAIMED), "no row that could be locked"),
}


async def search(stage: Stage, intact: Case, case: Case, *, wanted: str = "") -> Search:
    """Look for an order that ends wrong in the wanted way, where the intact case has none."""
    ends = await stage.prepare(intact)
    found = await stage.search(case, orders(case), ends, wanted=wanted)
    taken_out = {statement for script in case.scripts for statement in script.rewritten}
    assert found.used == taken_out, "a statement that should have been replaced was never run"
    return found


def orders(case: Case) -> Iterable[Schedule]:
    """Return all orders of two sessions, some of three."""
    return EveryOrder() if len(case.scripts) == 2 else (Random(str(number)) for number in range(TRIES))


@pytest.mark.parametrize("rule", RULES)
async def test_without_the_rule_some_order_ends_wrong(stage: Stage, rule: str) -> None:
    case, instead, wanted = RULES[rule]
    found = await search(stage, case, case.without(instead), wanted=wanted)
    assert found.wrong is not None, f"{found.runs} orders of {case.name} end right without it"


async def test_without_the_lock_on_shipments_the_key_of_the_ledger_still_keeps_them_apart(stage: Stage) -> None:
    case = cases.GROWN.without(unlocked(repository.LOCK_SHIPMENTS))
    found = await search(stage, cases.GROWN, case)
    assert found.wrong is None
    assert found.refused[LEDGER_TAKEN]


async def test_with_the_lock_on_shipments_nobody_meets_at_the_key_of_the_ledger(stage: Stage) -> None:
    found = await search(stage, cases.GROWN, cases.GROWN)
    assert found.wrong is None
    assert not found.refused


@pytest.mark.parametrize(("case", "wanted"), [(cases.GROWN, "has rows [1, 2, 2]"), (cases.CLAIM, "it shows")])
async def test_without_the_lock_and_the_key_of_the_ledger_its_order_is_lost(
    stage: Stage, case: Case, wanted: str
) -> None:
    await stage.observer.execute("alter table status.ledger drop constraint ledger_pkey")
    found = await search(stage, case, case.without(unlocked(repository.LOCK_SHIPMENTS)), wanted=wanted)
    assert found.wrong is not None


async def test_locks_that_are_not_sorted_end_in_deadlocks(stage: Stage) -> None:
    backwards = repository.LOCK_SHIPMENTS.replace("order by shipment", "order by shipment desc")
    case = cases.CROSSED.without({repository.LOCK_SHIPMENTS: backwards}, of="two")
    found = await search(stage, cases.CROSSED, case, wanted="ended in a deadlock")
    assert found.wrong is not None


@pytest.mark.parametrize("points", [BATCH, READING], ids=["after all reads", "between them"])
async def test_what_was_read_before_the_lock_and_is_not_judged_under_it_loses_a_parcel(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, points: Sequence[str]
) -> None:
    case = replace(cases.TWO_PARCELS, scripts=[replace(one, points=points) for one in cases.TWO_PARCELS.scripts])
    ends = await stage.prepare(case)
    monkeypatch.setattr(ahead.Moved, "touches", lambda *_: False)
    found = await stage.search(case, EveryOrder(), ends, wanted="it shows")
    assert found.wrong is not None


async def test_an_owner_that_trusts_its_guess_of_the_shipments_fails(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = await stage.prepare(cases.CORRECTED)
    monkeypatch.setattr(loading.Loading, "check_all_locked", lambda *_, **__: None)
    found = await stage.search(cases.CORRECTED, EveryOrder(), ends, wanted="KeyError")
    assert found.wrong is not None
