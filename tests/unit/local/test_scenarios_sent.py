"""Scenarios onto Kafka: record by record and at a pace, until Ctrl-C, with what became of it; and the list of them."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from services import cli
from services.local import performing
from services.local.messages import KafkaMessage
from services.local.performing import Pace
from services.local.scenario_files import chosen, records
from services.local.sending import Publish, Publisher, Tally
from services.local.settings import LocalSettings
from tests.unit.local.comparing import SCENARIOS, reported

NAMES = sorted(path.stem for path in SCENARIOS.glob("*.jsonl"))


async def test_a_performance_sends_every_record_in_the_order_of_the_story() -> None:
    sent: list[KafkaMessage] = []

    async def publish(message: KafkaMessage) -> None:
        sent.append(message)

    performances = performing.prepare(chosen(["second_attempt", "handover"]), prefix="PX", as_written=False)
    await performing.send_all(performances, sender := Publisher(publish=publish, tally=Tally()), pace=Pace(0))

    assert sent == [message for one in performances for message in one.messages]
    assert sender.tally.events == len(sent)
    assert [one.scenario.name for one in performances] == ["second_attempt", "handover"]
    orders = [key for one in performances for key in one.orders]
    assert all(key.split(":")[1].startswith(("PX01-", "PX02-")) for key in orders)
    assert len(set(orders)) == len(orders)
    for message in sent:
        headers = dict(message.headers)
        assert headers["ce_subject"] == message.key
        assert headers["ce_type"].decode().startswith(f"trackfold.{message.topic.removesuffix('.v1')}.")


async def test_a_record_of_another_key_waits_and_one_of_the_same_key_does_not() -> None:
    happened: list[str] = []

    async def publish(message: KafkaMessage) -> None:
        happened.append(message.key.decode())

    async def pause(seconds: float) -> None:
        happened.append(f"{seconds} s")

    performances = performing.prepare(chosen(["handover"]), prefix="PX", as_written=False)
    told: list[str] = []
    sender = Publisher(publish=publish, tally=Tally())
    await performing.send_all(performances, sender, pace=Pace(0.5, pause), tell=told.append)
    order, ups, usps = "main:PX-1018", "ups:PX1Z999AA10123456793", "usps:PX9400111899223197428513"
    waits = "0.5 s"
    assert happened == [order, order, waits, ups, waits, usps, waits, ups, ups, waits, usps, usps]
    assert told[-1] == "8 of 8 records sent, last one of handover"
    assert len(told) == 8


async def test_several_scenarios_are_played_side_by_side() -> None:
    sent: list[str] = []

    async def publish(message: KafkaMessage) -> None:
        sent.append(message.key.decode())

    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    performances = performing.prepare(chosen(["handover", "second_attempt"]), prefix="PX", as_written=False)
    await performing.send_all(performances, Publisher(publish=publish, tally=Tally()), pace=Pace(9, pause))
    assert sent.index("main:PX02-1011") < sent.index("ups:PX011Z999AA10123456793")


async def test_nothing_is_sent_after_a_stop_during_a_pause() -> None:
    sent: list[str] = []
    stopping = asyncio.Event()

    async def publish(message: KafkaMessage) -> None:
        sent.append(message.key.decode())

    async def pause(_: float) -> None:
        stopping.set()

    performances = performing.prepare(chosen(["handover"]), prefix="PX", as_written=False)
    await performing.send_all(
        performances, Publisher(publish=publish, tally=Tally()), pace=Pace(9, pause, stopping.is_set)
    )
    assert sent == ["main:PX-1018"] * 2


async def test_ctrl_c_ends_a_long_pause(play: Callable[..., Awaitable[performing.Outcome]]) -> None:
    async def publish(_: KafkaMessage) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    outcome = await asyncio.wait_for(play(publish, pace_s=60), 5)
    assert outcome.code == 130
    assert 0 < outcome.sent < 3


def test_a_scenario_as_written_keeps_its_days() -> None:
    (performance,) = performing.prepare(chosen(["second_attempt"]), prefix="PX", as_written=True)
    first = json.loads(performance.messages[0].value)
    assert first["occurred_at"] == json.loads(records(performance.scenario)[0].value or b"{}")["occurred_at"]
    assert performance.orders == [f"main:PX-{order.split(':')[1]}" for order in _orders("second_attempt")]


def _orders(name: str) -> list[str]:
    return [order["order"] for order in reported(name)["orders"]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[performing.Outcome]]:
    """Play one scenario to whatever takes its records."""

    async def to(publish: Publish, *, pace_s: float = 0) -> performing.Outcome:
        async def no_pause(_: float) -> None: ...

        @asynccontextmanager
        async def open_sender(_: LocalSettings) -> AsyncIterator[Publisher]:
            yield Publisher(publish=publish, tally=Tally(), pause=no_pause)

        monkeypatch.setattr(performing, "open_sender", open_sender)
        monkeypatch.setattr(performing, "GRACE_S", 0.01)
        performances = performing.prepare(chosen(["second_attempt"]), prefix="PX", as_written=False)
        return await performing.perform(performances, LocalSettings(), pace_s=pace_s)

    return to


async def test_a_run_says_which_orders_it_played_and_how_to_look_at_them(
    play: Callable[[Publish], Awaitable[performing.Outcome]],
) -> None:
    async def publish(_: KafkaMessage) -> None: ...

    outcome = await play(publish)
    assert (outcome.code, outcome.failed) == (0, 0)
    assert "  order main:PX-1011\n" in outcome.summary
    assert "trackfold explain main:PX-1011, or GET /v1/orders/main/PX-1011" in outcome.summary
    assert outcome.as_json() == {
        "scenarios": [{"name": "second_attempt", "orders": ["main:PX-1011"], "records": outcome.sent}],
        "sent": outcome.sent,
        "failed": 0,
    }


async def test_a_record_that_kafka_never_takes_is_given_up_and_fails_the_run(
    play: Callable[[Publish], Awaitable[performing.Outcome]],
) -> None:
    async def publish(message: KafkaMessage) -> None:
        if message.topic == "order.events.v1":
            raise TimeoutError

    outcome = await play(publish)
    assert (outcome.code, outcome.failed) == (1, 2)
    assert "2 given up" in outcome.summary


async def test_ctrl_c_ends_a_run_in_the_middle_of_a_record(
    play: Callable[[Publish], Awaitable[performing.Outcome]],
) -> None:
    async def publish(_: KafkaMessage) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    outcome = await asyncio.wait_for(play(publish), 5)
    assert (outcome.code, outcome.sent) == (130, 0)


def test_the_scenarios_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--list-scenarios"], ["--scenario", "list"]):
        assert cli.main(["simulate", *words]) == 0
        assert "second_attempt" in capsys.readouterr().out
    assert cli.main(["simulate", "--list-scenarios", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == NAMES
    assert all(set(one) == {"name", "title", "rules", "story"} for one in listed)


def test_an_unknown_scenario_ends_with_2_and_a_broker_that_is_not_there_with_69(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["simulate", "--scenario", "second_atempt"]) == 2
    assert "did you mean second_attempt?" in capsys.readouterr().err
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert cli.main(["simulate", "--scenario", "second_attempt"]) == 69
    assert "no broker answers at 127.0.0.1:1" in capsys.readouterr().err
