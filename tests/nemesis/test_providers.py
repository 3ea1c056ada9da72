"""Mail server and SMS gateway in trouble: busy, silent, hanging up, talking rubbish, or dead after the final dot.

Whatever they do, nobody is told twice, what was certainly not taken is tried again, and the rest is called unknown.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs

import pytest
from aiosmtpd.smtp import SMTP

from tests import oracle
from tests.contract.providers import HOST, SmsProvider, SmtpProvider, SmtpSetup
from tests.nemesis.striking import ask, metric
from tests.oracle_evidence import ORDER_EVENTS, Evidence, Mail
from tests.oracle_telling import SUBJECTS
from tests.under_fire.load import Plan
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 90.0
#: One message after the other, so that a mood is one message's.
ONE_BY_ONE: Final[dict[str, Any]] = {"TRACKFOLD_NOTIFY__CONCURRENCY": "1", "TRACKFOLD_NOTIFY__CALL_TIMEOUT_S": "1"}
#: Mode of the fake server, and what notify must make of it. What is tried later was certainly not taken.
OF_THE_SERVER: Final = {
    "busy": ("try_later", "smtp_rcpt_451"),
    "data_451": ("try_later", "smtp_data_451"),
    "drops_before": ("try_later", "smtp_rcpt_failed"),
    "silent_before": ("try_later", "smtp_timeout"),
    "drops_after_body": ("unknown", "smtp_connection_lost"),
    "silent_after_body": ("unknown", "smtp_timeout"),
    "thanks_in_no_encoding": ("accepted", ""),
}
OF_THE_GATEWAY: Final = {
    "busy": ("try_later", "sms_429"),
    "500": ("unknown", "sms_500"),
    "silent_after_body": ("unknown", "sms_timeout"),
    "drops_after_body": ("unknown", "sms_connection_lost"),
    "garbage": ("accepted", ""),
}
TIMES: Final = 3
#: The gateway's own wish in its 429.
RETRY_AFTER_S: Final = 3
AGAIN_IN_S: Final = """
select min(extract(epoch from next_at - changed_at))::float8 from notify.notification where reason = 'sms_429'
"""
TRIES: Final = "select max(attempt) from notify.notification"
#: Scenarios whose customers can be told of each milestone once at most.
ONCE_EACH: Final = ("plain_delivery", "told_again", "scans_before_their_order", "returned", "still_moving")


class Moods:
    """The moods of a provider, one for each message that it is offered; then it is in a good one for ever."""

    def __init__(self, modes: Iterable[str], *, times: int = TIMES) -> None:
        """Have each mode so many times, by turns."""
        self._left = [mode for _ in range(times) for mode in modes]

    def next(self) -> str:
        """Return the mood in which the next message is met."""
        return self._left.pop(0) if self._left else "takes"

    async def over(self) -> None:
        """Wait until all of them were met."""
        await eventually(lambda: not self._left, LIMIT_S, what="the provider had all its moods")


async def met(notify: Member, moods: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    """Return how many messages ended as they must in each mood."""
    return {
        mode: await metric(notify, "trackfold_notifications_total", outcome=outcome, reason=reason)
        for mode, (outcome, reason) in moods.items()
    }


class MoodyServer(SmtpProvider):
    """The fake mail server with moods."""

    def __init__(self, moods: Moods) -> None:
        """Take its moods."""
        super().__init__()
        self._moods = moods

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.mode = self._moods.next()
        return await super().handle_RCPT(server, session, envelope, address, options)


@asynccontextmanager
async def open_server(moods: Moods) -> AsyncIterator[SmtpSetup]:
    handler, loop = MoodyServer(moods), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="localhost", loop=loop), HOST, 0)
    try:
        yield SmtpSetup(handler, server.sockets[0].getsockname()[1])
    finally:
        server.close()


def ends(evidence: Evidence, state: str) -> set[str | None]:
    """Return the reasons of all messages that ended so."""
    return {row.reason for row in evidence.notifications if row.state == state}


@pytest.mark.timeout(200)
@pytest.mark.fault("provider_trouble")
async def test_whatever_a_mail_server_does_nobody_is_told_twice_and_what_it_did_not_take_is_sent_later(
    stage: Stage,
) -> None:
    moods = Moods(OF_THE_SERVER)
    async with open_server(moods) as stage.smtp:
        await stage.start("status")
        notify = await stage.start("notify", **ONE_BY_ONE)
        await stage.begin(seed=501, orders=22)
        await moods.over()
        evidence = await stage.heal_and_judge()
    assert min((await met(notify, OF_THE_SERVER)).values()) >= TIMES
    assert ends(evidence, "unknown") == {"smtp_connection_lost", "smtp_timeout"}
    assert ends(evidence, "failed") == set(), "nothing of this is for good"
    assert await ask(stage, TRIES) > 1


@pytest.mark.timeout(150)
@pytest.mark.fault("smtp_dies_after_dot")
async def test_a_mail_whose_server_died_after_the_final_dot_is_unknown_and_never_sent_again(stage: Stage) -> None:
    moods = Moods(["drops_after_body"], times=6)
    async with open_server(moods) as stage.smtp:
        await stage.start("status")
        notify = await stage.start("notify", **ONE_BY_ONE)
        await stage.begin(seed=502, orders=22)
        await moods.over()
        notify.kill()  # who comes after it knows only what is written down
        await eventually(lambda: notify.lives > 1, LIMIT_S, what="it was started again")
        evidence = await stage.heal_and_judge()
    dead = [row for row in evidence.notifications if row.reason == "smtp_connection_lost"]
    assert len(dead) >= 5, "of the last one, the killed process may not have written down that much"
    assert {row.state for row in dead} == {"unknown"}
    taken = [sum(row.id in mail.message_id for mail in evidence.mails) for row in dead]
    assert taken == [1] * len(dead), "the server took each of them once before it died"
    assert any(row.state == "accepted" for row in evidence.notifications)


class Gateway(SmsProvider):
    """The fake gateway with moods, one of which is a broken proxy before it: 200, and rubbish."""

    def __init__(self, moods: Moods) -> None:
        """Take its moods."""
        super().__init__()
        self._moods = moods

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request as the mood is."""
        self.mode = self._moods.next()
        await super().serve(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode != "garbage":
            await super()._answer(reader, writer)
            return
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        form = parse_qs((await reader.readexactly(length)).decode())
        self.taken.append({name: values[0] for name, values in form.items()})
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<html>\xff\x00\xfe[{")
        await writer.drain()


@asynccontextmanager
async def open_gateway(moods: Moods) -> AsyncIterator[Gateway]:
    gateway = Gateway(moods)
    gateway.answer_headers = f"Retry-After: {RETRY_AFTER_S}\r\n"
    async with await asyncio.start_server(gateway.serve, HOST, 0) as server:
        gateway.port = server.sockets[0].getsockname()[1]
        yield gateway


def with_phones(plan: Plan) -> tuple[Plan, Mapping[str, str]]:
    """Give every customer a phone instead of a mailbox; returns the orders by phone as well."""
    phones = {one.recipient: f"+447700900{n:03}" for n, one in enumerate(plan.expected)}
    words = {f'"email": "{recipient}"'.encode(): f'"phone": "{phone}"'.encode() for recipient, phone in phones.items()}
    letters = list(plan.letters)
    for n, one in enumerate(letters):
        word = next((word for word in words if word in one.value), None)
        if one.sent.topic == ORDER_EVENTS and word is not None:
            value = one.value.replace(word, words[word])
            sent = replace(one.sent, sha256=hashlib.sha256(value).hexdigest())
            letters[n] = replace(one, value=value, sent=sent)
    expected = tuple(replace(one, recipient=phones[one.recipient]) for one in plan.expected)
    return replace(plan, letters=tuple(letters), expected=expected), {one.recipient: one.order for one in expected}


def as_mails(texts: Iterable[Mapping[str, str]], evidence: Evidence, orders: Mapping[str, str]) -> tuple[Mail, ...]:
    """Return the texts as the mails that the oracle judges; who sent one is told by its customer and its news."""
    rows = {(row.order, row.milestone): row.id for row in evidence.notifications}
    milestones = [next(name for words, name in SUBJECTS.items() if words in text["Body"]) for text in texts]
    return tuple(
        Mail(rows[orders[text["To"]], milestone], text["To"], text["Body"])
        for text, milestone in zip(texts, milestones, strict=True)
    )


@pytest.mark.timeout(200)
@pytest.mark.fault("provider_trouble")
async def test_whatever_an_sms_gateway_does_nobody_is_told_twice_and_its_retry_after_is_kept(stage: Stage) -> None:
    moods = Moods(OF_THE_GATEWAY)
    async with open_gateway(moods) as gateway:
        await stage.start("status")
        account = {"BASE_URL": f"http://{HOST}:{gateway.port}", "SID": "AC1", "TOKEN": "t", "FROM": "+447700900999"}
        settings: dict[str, Any] = {f"TRACKFOLD_NOTIFY__SMS_{name}": value for name, value in account.items()}
        notify = await stage.start("notify", TRACKFOLD_NOTIFY__CHANNELS="sms", **ONE_BY_ONE, **settings)
        load = await stage.begin(seed=503, orders=25, scenarios=ONCE_EACH)
        load.plan, orders = with_phones(load.plan)
        assert await eventually(lambda: ask(stage, AGAIN_IN_S), LIMIT_S) >= RETRY_AFTER_S
        await moods.over()
        evidence = await stage.heal()
    mails = as_mails(gateway.taken, evidence, orders)
    findings = oracle.judge(replace(evidence, mails=mails, canaries=(*evidence.canaries, *orders)))
    assert not findings, oracle.report(findings)
    assert min((await met(notify, OF_THE_GATEWAY)).values()) >= TIMES
    assert ends(evidence, "unknown") == {"sms_500", "sms_timeout", "sms_connection_lost"}
