"""The notifier as a real process on real Kafka and Postgres, with a real SMTP server at the other end."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from schemas.dead_letters import DEAD_LETTER
from schemas.notification_outcomes import NOTIFICATION_OUTCOME
from services.runtime import clock
from tests.contract import providers
from tests.contract.providers import SmtpSetup
from tests.pipeline import Pipeline
from tests.stack import topics
from tests.stack.processes import Process
from tests.unit.notify.making import EVENTS, contact, milestone, parcel, placed_body, record, status_body
from tests.waiting import eventually

OUTCOMES = "notification.outcomes.v1"
DEAD_LETTERS = "dead-letters.v1"
STORY = ("shipped", "out_for_delivery", "delivered")
#: Nobody may meet these words but the mail itself.
CANARY_NAME, CANARY_BOX, CANARY_PHONE = "Canary Featherstone", "canary.box", "7700900199"
SIGKILLED = -9


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpSetup]:
    """The customers' mail server."""
    async with providers.smtp() as setup:
        yield setup


async def start(pipeline: Pipeline, smtp: SmtpSetup, **overrides: str) -> Process:
    """Start the notifier on this mail server."""
    wait_ready = not overrides
    own = {
        "TRACKFOLD_NOTIFY__SMTP_HOST": providers.HOST,
        "TRACKFOLD_NOTIFY__SMTP_PORT": str(smtp.port),
        "TRACKFOLD_NOTIFY__SMTP_TLS": "none",
        "TRACKFOLD_NOTIFY__SETTLE_S": "0",
        "TRACKFOLD_NOTIFY__POLL_S": "0.05",
        "TRACKFOLD_NOTIFY__CALL_TIMEOUT_S": "1",
        "TRACKFOLD_NOTIFY__LEASE_S": "2",
        "TRACKFOLD_LOG__LEVEL": "DEBUG",
    }
    return await pipeline.start("notify", wait_ready=wait_ready, **(own | overrides))


async def produce(pipeline: Pipeline, *bodies: dict[str, Any], **changed: Any) -> None:
    """Write order events and status messages, each acknowledged before the next."""
    async with topics.producer(pipeline.kafka) as producer:
        for body in bodies:
            one = record(body, **changed)
            topic = pipeline.prefix + one.topic
            await producer.send_and_wait(topic, one.value, key=one.key, headers=list(one.headers))


def story(reached: int, *, order: str = "1001") -> dict[str, Any]:
    """Return the status message of an order that has come so far, with times of just now."""
    now = clock.now()
    shown = (milestone(name, minutes=n - 30, now=now) for n, name in enumerate(STORY[:reached]))
    return status_body(parcel(*shown), version=reached + 1, order=order)


def placed() -> dict[str, Any]:
    """Return an order of a customer who may not be met anywhere else."""
    canary = contact(name=CANARY_NAME, email=f"{CANARY_BOX}@example.com", phone=f"+44{CANARY_PHONE}")
    return placed_body(canary, locale="en-GB")


async def until_taken(smtp: SmtpSetup, count: int) -> None:
    """Wait until the server has taken so many mails, and not more."""
    await eventually(lambda: len(smtp.taken) >= count)
    assert len(smtp.taken) == count


async def outcomes(pipeline: Pipeline, count: int) -> list[Any]:
    """Return the outcomes on the topic once there are so many."""
    found = await pipeline.messages(OUTCOMES, lambda records: len(records) >= count)
    return [NOTIFICATION_OUTCOME.validate_json(one.value) for one in found]


async def test_a_mail_names_the_number_that_its_customer_knows(pipeline: Pipeline, smtp: SmtpSetup) -> None:
    await start(pipeline, smtp)
    await produce(pipeline, placed(), {**story(1), "printed": "#2042"})
    await until_taken(smtp, 1)
    assert smtp.taken[0]["Subject"] == "Your order #2042 has been shipped"


async def test_each_milestone_is_one_mail_and_repeats_change_nothing(pipeline: Pipeline, smtp: SmtpSetup) -> None:
    process = await start(pipeline, smtp)
    messages = [story(reached) for reached in range(4)]
    await produce(pipeline, placed(), messages[0])
    for reached in (1, 2, 3):
        await produce(pipeline, messages[reached])
        await until_taken(smtp, reached)
    await produce(pipeline, placed(), *messages, *messages)
    await produce(pipeline, placed_body(order="1002"), story(3, order="1002"))
    await eventually(lambda: "1002" in smtp.taken[-1]["Subject"])
    assert [mail["Subject"] for mail in smtp.taken] == [
        "Your order 1001 has been shipped",
        "Your order 1001 is out for delivery",
        "Your order 1001 has been delivered",
        "Your order 1002 has been delivered",
    ]
    assert all("/t/" in mail.get_body(("plain",)).get_content() for mail in smtp.taken)
    told = await outcomes(pipeline, 6)
    assert Counter((one.order, one.milestone, one.outcome, one.reason) for one in told) == Counter(
        [
            *(("1001", name, "accepted", None) for name in STORY),
            ("1002", "shipped", "suppressed", "overtaken"),
            ("1002", "out_for_delivery", "suppressed", "overtaken"),
            ("1002", "delivered", "accepted", None),
        ]
    )
    await nobody_met_the_canary(pipeline, process)
    assert await process.terminate() == 0


async def test_providers_that_quote_the_recipient_are_not_quoted(pipeline: Pipeline, smtp: SmtpSetup) -> None:
    async with providers.sms() as gateway:
        smtp.mode = gateway.mode = "refuses"
        gateway.code = int(f"44{CANARY_PHONE}")
        process = await start(
            pipeline,
            smtp,
            TRACKFOLD_NOTIFY__CHANNELS="email,sms",
            TRACKFOLD_NOTIFY__SMS_BESIDE_EMAIL="true",
            TRACKFOLD_NOTIFY__SMS_BASE_URL=f"http://{providers.HOST}:{gateway.port}",
            TRACKFOLD_NOTIFY__SMS_SID="AC1",
            TRACKFOLD_NOTIFY__SMS_FROM="Shop",
        )
        await produce(pipeline, placed(), story(1))
        told = await outcomes(pipeline, 2)
        assert sorted((one.channel, one.reason) for one in told) == [("email", "smtp_rcpt_550"), ("sms", "sms_400")]
        await nothing_quotes_the_canary(pipeline, process, why="")


async def nobody_met_the_canary(pipeline: Pipeline, process: Process) -> None:
    why = [await explained(pipeline, *form) for form in (("--json",), ())]
    assert json.loads(why[0])["people"] == {"buyer": ["c…@e…", "+44…99"]}
    await nothing_quotes_the_canary(pipeline, process, why=" ".join(why))


async def nothing_quotes_the_canary(pipeline: Pipeline, process: Process, *, why: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        metrics = (await client.get(f"{process.admin_url}/metrics")).text
    assert "trackfold_notifications_total" in metrics
    found = await pipeline.messages(OUTCOMES, lambda records: len(records) >= 2)
    for place, text in {"log": process.log(), "metrics": metrics, "outcomes": repr(found), "why": why}.items():
        assert text or place == "why"
        for word in (*CANARY_NAME.split(), CANARY_BOX, CANARY_PHONE):
            assert word.lower() not in text.lower(), (place, word)


async def explained(pipeline: Pipeline, *form: str) -> str:
    """Return what `trackfold notify why` says of the order."""
    command = ("notify", "why", "1001", *form)
    why = await pipeline.processes.start("why", env=pipeline.environment(), arguments=command, wait_ready=False)
    assert await why.wait() == 0, why.log()
    assert "delivered" in why.log()
    return why.log()


async def test_a_notifier_killed_after_the_server_took_the_mail_never_sends_it_again(
    pipeline: Pipeline, smtp: SmtpSetup
) -> None:
    await produce(pipeline, placed(), story(1))
    doomed = await start(pipeline, smtp, TRACKFOLD_FAILPOINTS="notify.after_call:kill")
    assert await doomed.wait() == SIGKILLED
    assert len(smtp.taken) == 1
    await start(pipeline, smtp)
    (lost,) = await outcomes(pipeline, 1)
    assert (lost.outcome, lost.reason) == ("unknown", "lease_ended")
    await produce(pipeline, story(1), story(2))
    await until_taken(smtp, 2)
    assert [mail["Subject"] for mail in smtp.taken] == [
        "Your order 1001 has been shipped",
        "Your order 1001 is out for delivery",
    ]


@pytest.mark.parametrize("point", ["consume.before_commit", "consume.after_commit", "notify.before_claim"])
async def test_a_notifier_killed_before_the_call_still_tells_once(
    pipeline: Pipeline, smtp: SmtpSetup, point: str
) -> None:
    await produce(pipeline, placed(), story(1))
    doomed = await start(pipeline, smtp, TRACKFOLD_FAILPOINTS=f"{point}:kill")
    assert await doomed.wait() == SIGKILLED
    await start(pipeline, smtp)
    (told,) = await outcomes(pipeline, 1)
    assert told.outcome == "accepted"
    assert len(smtp.taken) == 1


async def test_an_unreadable_order_event_is_a_dead_letter_without_its_bytes(
    pipeline: Pipeline, smtp: SmtpSetup
) -> None:
    process = await start(pipeline, smtp)
    await produce(pipeline, placed(), value=json.dumps({**placed(), "lines": CANARY_BOX}).encode())
    await produce(pipeline, placed(), story(1))
    await until_taken(smtp, 1)
    (found,) = await pipeline.messages(DEAD_LETTERS, lambda records: len(records) == 1)
    letter = DEAD_LETTER.validate_json(found.value)
    assert (letter.service, letter.topic, letter.reason) == ("notify", EVENTS, "unreadable")
    assert letter.value_base64 is None
    assert dict(found.headers)["ce_source"] == b"trackfold/notify"
    assert found.timestamp == int(letter.at.timestamp() * 1000)
    assert CANARY_BOX not in process.log()
