"""`trackfold rebuild` as an operator runs it, beside a running service."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.integration.test_restored import ROOT
from tests.pipeline import STATUS, Pipeline, judge, of_order
from tests.records import placed, scan, shipment
from tests.shown import say
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)

ORDERS = [f"10{number:02}" for number in range(30)]
#: Python runs it before anything else.
SMALL_PORTIONS = """
import services.status.rebuild as rebuild
rebuild.READ_AT_ONCE = 4
import services.status.rebuild_printing as printing
printing._TELL_EVERY_S = 0
"""


async def rebuild(pipeline: Pipeline, *words: str, code: int, **overrides: str) -> str:
    """Run the command; return what it printed."""
    done = await pipeline.processes.start(
        "rebuild", env=pipeline.environment(**overrides), arguments=("rebuild", *words), wait_ready=False
    )
    assert await done.wait(60) == code, done.log()
    return done.log()


async def damage(database: str) -> None:
    """Make every stored state wrong."""
    connection = await asyncpg.connect(database)
    try:
        await say(connection, "picking")
    finally:
        await connection.close()


async def test_a_dry_run_shows_and_apply_mends_beside_the_running_service(pipeline: Pipeline, database: str) -> None:
    await pipeline.start("status")
    for order in ORDERS:
        await pipeline.produce([placed(order=order), shipment(f"AB{order}", order=order)])
    await pipeline.produce([scan("in_transit", minutes=60, number=f"AB{order}") for order in ORDERS])
    for order in ORDERS:
        await pipeline.until_state(f"main:{order}", "in_transit")
    await damage(database)

    shown = await rebuild(pipeline, "--all", "--json", code=1)
    told: dict[str, Any] = json.loads(shown[shown.index("{") :])
    assert (told["read"], len(told["differing"])) == (len(ORDERS), len(ORDERS))
    assert re.search(r"main:1000.*picking > in_transit", await rebuild(pipeline, "1000", code=1))

    applied = pipeline.processes.start(
        "rebuild", env=pipeline.environment(), arguments=("rebuild", "--all", "--apply", "--yes"), wait_ready=False
    )
    process = await applied
    await pipeline.produce([scan("delivered", minutes=1700, number=f"AB{order}") for order in ORDERS])
    assert await process.wait(60) == 0, process.log()
    for order in ORDERS:
        await pipeline.until_state(f"main:{order}", "delivered")
    assert "0 differ" in await rebuild(pipeline, "--all", "--apply", "--yes", code=0)
    await rebuild(pipeline, "--all", code=0)

    records = await pipeline.messages(STATUS, lambda found: len(found) >= 3 * len(ORDERS))
    for order in ORDERS:
        told_of = judge(of_order(records, f"main:{order}"))
        assert told_of[-1].state == "delivered"
        assert {one.change.marked for one in told_of} <= {None, "reread"}
        assert sum(one.change.marked == "reread" for one in told_of) <= 1


async def test_broken_off_between_portions_it_tells_and_keeps_what_it_did_and_goes_on_from_there(
    pipeline: Pipeline, database: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SMALL_PORTIONS)
    small = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    orders = ORDERS[:10]
    service = await pipeline.start("status")
    for order in orders:
        await pipeline.produce([placed(order=order)])
    for order in orders:
        await pipeline.until_state(f"main:{order}", "processing")
    assert await service.terminate() == 0
    await damage(database)

    shown = await rebuild(pipeline, "--all", "--json", code=1, **small)
    assert "4 of 10 orders read" in shown
    assert "4 of 10 orders read, at most 50 a second" in shown
    document = json.loads("\n".join(line for line in shown.splitlines() if " orders read" not in line))
    assert [one["order"] for one in document["differing"]] == [f"main:{order}" for order in orders]
    assert (document["applied"], document["rate"], document["read"]) == (False, 50, 10)

    words = "rebuild", "--all", "--apply", "--yes", "--rate", "0.01"
    slow = await pipeline.processes.start(
        "rebuild", env=pipeline.environment(**small), arguments=words, wait_ready=False
    )
    await eventually(lambda: "1 of 10 orders read, at most 0.01 a second" in slow.log(), 40)
    slow.send(signal.SIGINT)
    assert await slow.wait(50) == 130, slow.log()  # it slept for 100 seconds
    assert "main:1000  picking > processing  (state)" in slow.log()
    assert "1 orders were published anew" in slow.log()
    assert "broken off after 1 orders" in slow.log()
    rest = "--all", "--apply", "--yes", "--rate", "0"
    assert "9 orders were published anew" in await rebuild(pipeline, *rest, code=0, **small)


async def test_it_says_which_words_are_missing(pipeline: Pipeline) -> None:
    assert "say which orders" in await rebuild(pipeline, code=2)
    assert "say which orders" in await rebuild(pipeline, "--all", "--shop", "main", code=2)
    assert "nobody is here to ask" in await rebuild(pipeline, "--all", "--apply", code=2)
    assert "0 orders folded anew" in await rebuild(pipeline, "--stale", code=0)
