"""Personal data and secrets stay where they belong, also where something breaks in the middle."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from schemas.webhooks import DELIVERY, PROVIDER, TOLD_AT
from services.local.catcher import Catcher
from tests.integration.bad_records import Wire, wire, write
from tests.integration.test_bad_records_status import good as status_message
from tests.integration.webhook_door import scan_body
from tests.pipeline import SNAPSHOTS, STATUS, Pipeline
from tests.records import event, placed, scan, shipment
from tests.stack.processes import Process, Processes, base_environment
from tests.waiting import eventually

LIMIT_S: Final = 60.0
CANARIES: Final = ("canary.person@example.com", "Canary Featherstone", "7700900199", "Canary Lane 7", "Canary Gift")
EMAIL, NAME, PHONE, STREET, GIFT = CANARIES
PEOPLE: Final = [{"role": "buyer", "name": NAME, "email": EMAIL, "phone": f"+44{PHONE}"}]
LOUD: Final = {"TRACKFOLD_LOG__LEVEL": "DEBUG", "TRACKFOLD_LOG__FORMAT": "json"}
#: Where a batch can break with records in hand and is tried again: twice, then left alone.
BREAKING: Final = {
    "ingest": "normalise.before_send:raise*2",
    "status": "consume.fenced:raise*1,consume.applied:raise*2,consume.before_commit:raise*1",
    "notify": "consume.applied:raise*2",
}


def story() -> list[dict[str, Any]]:
    """Return an order that names people wherever an order event can."""
    agent = {"kind": "customer", "name": NAME}
    return [
        placed(contacts=PEOPLE, lines=[{"line": "1", "name": "Lamp", "quantity": 1}], padding=STREET),
        event("contact_changed", minutes=1, contacts=PEOPLE, by=agent, reason=f"moved to {STREET}"),
        shipment(),
        event("note", minutes=12, text=f"{NAME} called: {GIFT}", by=agent),
        scan("in_transit", minutes=60, padding=STREET),
    ]


def webhook(**fields: Any) -> Wire:
    """Return a raw webhook that names people."""
    headers = {PROVIDER: "standard", TOLD_AT: "2026-11-19T10:00:00+00:00", DELIVERY: "d-1"}
    body = scan_body("QX123456789GB", signed_by=NAME, to={"street": STREET, "email": EMAIL}, **fields)
    return Wire(None, json.dumps(body).encode(), tuple((name, text.encode()) for name, text in headers.items()))


def broken() -> list[Wire]:
    """Return order events whose people stand where something is wrong."""
    whole = placed(order="2", contacts=PEOPLE)
    wrong = [
        whole | {"type": NAME},
        whole | {"contacts": [{"role": EMAIL, "email": EMAIL}]},
        whole | {"lines": [{"line": f"{NAME}\x00", "quantity": 1}]},
        whole | {"delivery_method": EMAIL},
        whole | {"occurred_at": NAME},
        whole | {"shop": EMAIL},
        whole | {"by": EMAIL},
        whole | {"references": {NAME: EMAIL}, "lines": EMAIL},
    ]
    good = wire(placed(order="2"))
    texts = [json.dumps(one).encode() for one in wrong] + [EMAIL.encode(), json.dumps(whole).encode()[:-40]]
    return [Wire(good.key, text, good.headers) for text in texts]


def found_in(text: str) -> list[str]:
    """Return which canaries stand in a text."""
    return [canary for canary in CANARIES if canary.lower() in text.lower()]


@pytest.fixture
async def mail() -> AsyncIterator[dict[str, str]]:
    """The settings of a mail server that takes everything."""
    async with Catcher() as catcher:
        yield {
            "TRACKFOLD_NOTIFY__SMTP_PORT": str(catcher.smtp_port),
            "TRACKFOLD_NOTIFY__SMTP_TLS": "none",
            "TRACKFOLD_NOTIFY__SETTLE_S": "0",
        }


async def test_nothing_that_breaks_in_the_middle_tells_whose_record_it_had_in_hand(
    pipeline: Pipeline, mail: dict[str, str]
) -> None:
    names = ("ingest", "status", "notify")
    running = {
        name: await pipeline.start(name, wait_ready=True, **LOUD, **mail, TRACKFOLD_FAILPOINTS=BREAKING[name])
        for name in names
    }
    await pipeline.produce(story())
    await write(pipeline.kafka, pipeline.prefix + "order.events.v1", broken())
    await write(pipeline.kafka, pipeline.prefix + "carrier.webhooks.v1", [webhook(), Wire(None, EMAIL.encode())])
    told = await pipeline.until_state("main:1001", "in_transit", timeout_s=LIMIT_S)
    bad = len(broken())
    letters = await pipeline.messages("dead-letters.v1", lambda found: len(found) >= 2 * bad + 1, LIMIT_S)
    scans = await pipeline.messages("carrier.scans.v1", lambda found: len(found) >= 2, LIMIT_S)
    outcomes = await pipeline.messages("notification.outcomes.v1", len, LIMIT_S)
    for name, process in running.items():
        assert "FailpointError" in process.log(), f"nothing broke in {name}"
        assert found_in(process.log()) == []
        assert "Traceback" not in process.log()
        assert found_in(await metrics(process)) == []
    snapshots = await pipeline.messages(SNAPSHOTS, len)
    of_orders = [one for one in letters if b"order.events.v1" in one.key]
    assert len(of_orders) == 2 * bad
    for records in (told, snapshots, outcomes, of_orders, scans):
        assert found_in(str([(one.key, one.value, one.headers) for one in records if told_by_us(one)])) == []
    assert found_in(str([(one.key, one.headers) for one in letters])) == []


def told_by_us(record: Any) -> bool:
    """Tell whether a service wrote it, and not this test."""
    return b"padding" not in record.value


async def metrics(process: Process) -> str:
    """Return the page of metrics of a process."""
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return (await client.get(f"{process.admin_url}/metrics")).text


@pytest.mark.parametrize(
    ("service", "point"),
    [
        ("ingest", "normalise.before_send"),
        ("ingest", "normalise.before_commit"),
        ("status", "consume.polled"),
        ("status", "consume.after_commit"),
        ("status", "relay.before_send"),
        ("notify", "consume.applied"),
        ("notify", "notify.before_claim"),
        ("notify", "notify.before_record"),
        ("notify", "outcomes.before_send"),
    ],
)
async def test_a_process_that_breaks_with_somebodys_record_in_hand_says_where_and_nothing_of_it(
    pipeline: Pipeline, mail: dict[str, str], service: str, point: str
) -> None:
    await pipeline.produce(story())
    await write(pipeline.kafka, pipeline.prefix + STATUS, [status_message("1001")])
    await write(pipeline.kafka, pipeline.prefix + "carrier.webhooks.v1", [webhook()])
    process = await pipeline.start(service, wait_ready=False, **LOUD, **mail, TRACKFOLD_FAILPOINTS=f"{point}:raise")
    await eventually(lambda: "FailpointError" in process.log(), LIMIT_S, what=f"a break at {point}")
    if process.running:
        await process.terminate()
    assert found_in(process.log()) == []
    assert "Traceback" not in process.log()


async def test_an_answer_of_the_public_ports_quotes_nothing_that_was_asked(pipeline: Pipeline) -> None:
    ports = [await pipeline.start(name, wait_ready=True, **LOUD) for name in ("ingest", "status")]
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        for process in ports:
            for path in (f"/{EMAIL}", f"/webhooks/{EMAIL}", f"/t/{EMAIL}", f"/v1/orders/{EMAIL}/{EMAIL}?limit={EMAIL}"):
                for method in ("GET", "POST"):
                    headers = {"X-Request-Id": EMAIL, "Authorization": f"Bearer {EMAIL}", "X-Email": EMAIL}
                    answer = await client.request(
                        method, process.http_url + path, content=EMAIL if method == "POST" else None, headers=headers
                    )
                    assert answer.status_code >= 400
                    assert found_in(answer.text + str(answer.headers)) == []
            assert found_in(process.log()) == []


#: Every secret that a process can be given, each recognisable.
SECRET: Final = "s3cret-canary"
SECRETS: Final = {
    "TRACKFOLD_INGEST__SECRETS__EASYPOST": f"{SECRET}-easypost",
    "TRACKFOLD_INGEST__OPERATOR_TOKENS": f"{SECRET}-operator-token",
    "TRACKFOLD_INGEST__POLLER__API_KEYS__EASYPOST": f"{SECRET}-api",
    "TRACKFOLD_INGEST__PROOFS__ACCESS_KEY": f"{SECRET}-access",
    "TRACKFOLD_INGEST__PROOFS__SECRET_KEY": f"{SECRET}-proofs",
    "TRACKFOLD_STATUS__API_KEYS": f"{SECRET}-api-key-of-the-desk",
    "TRACKFOLD_LINKS__KEYS": f"k1:{SECRET}-0123456789abcdef",
    "TRACKFOLD_NOTIFY__SMTP_PASSWORD": f"{SECRET}-smtp",
    "TRACKFOLD_NOTIFY__SMS_TOKEN": f"{SECRET}-sms",
    "TRACKFOLD_KAFKA__SSL_PASSWORD": f"{SECRET}-tls",
}


@pytest.fixture
async def started(pipeline: Pipeline) -> list[Process]:
    """All services with every secret that they can have."""
    own = {"TRACKFOLD_INGEST__POLLER__ENABLED": "off"}
    return [
        await pipeline.start(name, wait_ready=True, **LOUD, **SECRETS, **own) for name in ("ingest", "status", "notify")
    ]


def command_line(process: Process) -> str:
    """Return what everybody on the machine can see of a process."""
    return Path(f"/proc/{process.pid}/cmdline").read_text()


async def test_no_secret_is_in_a_command_line_a_log_or_a_metric(started: list[Process]) -> None:
    for process in started:
        assert process.running
        assert SECRET not in command_line(process)
        assert SECRET not in await metrics(process)
        assert await process.terminate() == 0
        assert SECRET not in process.log()


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ("status", {"TRACKFOLD_FAILPOINTS": "consume.polled:raise"}),
        ("status", {"DATABASE_URL": f"postgresql://trackfold:{SECRET}@127.0.0.1:1/none", "TRACKFOLD_HTTP__PORT": "1"}),
        ("status", {"TRACKFOLD_LINKS__KEYS": SECRET}),
        ("status", {"TRACKFOLD_STATUS__API_KEYS": f"{SECRET},short"}),
        ("notify", {"TRACKFOLD_NOTIFY__SMTP_PORT": SECRET}),
        ("ingest", {"TRACKFOLD_INGEST__SECRETS__STANDARD": f"whsec_{SECRET}!!"}),
        ("ingest", {"TRACKFOLD_INGEST__SECRETS": f'{{"easypost": {{"{SECRET}": 1}}}}'}),
    ],
)
async def test_a_process_that_ends_with_an_error_tells_no_secret(
    pipeline: Pipeline, service: str, more: dict[str, str]
) -> None:
    await pipeline.produce(story())
    process = await pipeline.start(service, wait_ready=False, **(LOUD | SECRETS | more))

    async def told() -> bool:
        return not process.running or "cannot" in process.log() or "waiting" in process.log()

    await eventually(told, LIMIT_S, what="an end or a word of what is waited for")
    if process.running:
        await process.terminate()
    assert process.log()
    assert SECRET not in process.log()


@pytest.mark.parametrize("arguments", [("config", "show"), ("config", "check"), ("--debug", "config", "check")])
@pytest.mark.parametrize("more", [{}, {"TRACKFOLD_STATUS__API_KEYS": f"{SECRET},short"}])
async def test_the_commands_about_settings_hide_what_is_secret(
    processes: Processes, arguments: tuple[str, ...], more: dict[str, str]
) -> None:
    url = {"DATABASE_URL": f"postgresql://trackfold:{SECRET}@127.0.0.1:5432/trackfold"}
    ran = await processes.start(
        "config", env=base_environment() | SECRETS | url | more, arguments=arguments, wait_ready=False
    )
    assert await ran.wait(LIMIT_S) in (0, 78), ran.log()
    assert ran.log()
    assert SECRET not in ran.log()
