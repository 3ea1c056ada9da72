"""Every channel against a real server: what it says of a message is never more than it knows."""

import uuid
from collections.abc import AsyncIterator
from email.utils import getaddresses
from typing import Any

import pytest

from services.notify.channels.base import GiveUp, Sent, TryLater, Unknown
from services.notify.channels.email import EmailChannel
from services.notify.channels.registry import CHANNELS
from services.notify.channels.sms import SmsChannel
from services.notify.settings import NotifySection
from services.runtime.errors import Misconfigured
from tests.contract import providers
from tests.contract.providers import Provider

ID = uuid.UUID("00000000-0000-5000-8000-000000000001")
LIMIT_S = 0.5


@pytest.fixture(params=sorted(CHANNELS))
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    """Each channel's other side."""
    async with providers.SERVERS[request.param](call_timeout_s=LIMIT_S) as one:
        yield one


async def test_a_message_is_sent_once(provider: Provider) -> None:
    result = await provider.channel.send(provider.message(id=ID))
    assert isinstance(result, Sent)
    assert result.reference
    assert len(provider.taken) == 1


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("refuses", GiveUp),
        ("busy", TryLater),
        ("drops_after_body", Unknown),
        ("silent_after_body", Unknown),
    ],
)
async def test_what_happens_decides_the_result(provider: Provider, mode: str, expected: type) -> None:
    provider.mode = mode
    assert isinstance(await provider.channel.send(provider.message(id=ID)), expected)
    assert len(provider.taken) == (1 if expected is Unknown else 0)


@pytest.mark.parametrize("name", sorted(CHANNELS))
async def test_a_provider_that_is_down_is_tried_later(name: str) -> None:
    async with providers.SERVERS[name](call_timeout_s=LIMIT_S) as one:
        pass
    result = await one.channel.send(one.message(id=ID)) if name == "email" else await _down_gateway(one)
    assert isinstance(result, TryLater)


async def _down_gateway(one: Any) -> Any:
    section = NotifySection(sms_base_url=f"http://127.0.0.1:{one.port}", sms_sid="AC1", sms_from="Shop")
    channel = SmsChannel(section)
    try:
        return await channel.send(one.message(id=ID))
    finally:
        await channel.close()


async def test_no_result_names_the_recipient(provider: Provider) -> None:
    for mode in (*providers.MODES, "data_451", "500", "400"):
        provider.mode = mode
        message = provider.message(id=ID)
        assert message.to not in repr(await provider.channel.send(message))
        assert message.to not in repr(message)


# --- e-mail ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("drops_before", TryLater),
        ("silent_before", TryLater),
        ("data_451", TryLater("smtp_data_451")),
        ("data_554", GiveUp("smtp_data_554")),
    ],
)
async def test_before_the_end_of_data_nothing_was_taken(mode: str, expected: Any) -> None:
    async with providers.smtp(call_timeout_s=LIMIT_S) as one:
        one.mode = mode
        result = await one.channel.send(one.message(id=ID))
        assert result == expected or result.__class__ is expected
        assert one.taken == []


@pytest.mark.parametrize("mode", ["data_garbage", "data_251"])
async def test_an_answer_to_the_body_that_is_no_refusal_is_never_taken_for_one(mode: str) -> None:
    async with providers.smtp(call_timeout_s=LIMIT_S) as one:
        one.mode = mode
        assert isinstance(await one.channel.send(one.message(id=ID)), Unknown)
        assert len(one.taken) == 1
        assert one.handler.recipients == [["ada@example.com"]]


@pytest.mark.parametrize(
    ("thanks", "reference"),
    [
        ("250 2.0.0 Ok: queued as 4Fx2-K.9", "4Fx2-K.9"),
        ("250 OK id=1rXa2b-0003Yz-1k", "1rXa2b-0003Yz-1k"),
        ("250 Message for ada1815@example.com accepted", None),
        ("250 accepted for ada1815", None),
        ("250 OK", None),
    ],
)
async def test_of_the_servers_words_only_a_queue_number_is_kept(thanks: str, reference: str | None) -> None:
    async with providers.smtp() as one:
        one.handler.thanks = thanks
        assert await one.channel.send(one.message(id=ID, to="ada1815@example.com")) == Sent(reference)


async def test_a_server_whose_words_are_no_text_has_taken_the_mail_all_the_same() -> None:
    async with providers.smtp(call_timeout_s=LIMIT_S) as one:
        one.mode = "thanks_in_no_encoding"
        assert await one.channel.send(one.message(id=ID)) == Sent("4F2A9C")


async def test_a_mail_has_one_recipient_a_fixed_sender_and_the_same_id_every_time() -> None:
    async with providers.smtp(from_address="Northwind Home <shop@example.com>") as one:
        for _ in range(2):
            assert isinstance(await one.channel.send(one.message(id=ID)), Sent)
        first, second = one.taken
        assert one.handler.recipients == [["ada@example.com"]] * 2
        assert one.handler.senders == ["shop@example.com"] * 2
        assert first["Message-ID"] == f"<{ID}@example.com>"
        assert first["Auto-Submitted"] == "auto-generated"
        assert first["Date"] == "Sat, 21 Nov 2026 16:00:00 +0000"
        assert first.as_bytes() == second.as_bytes()
        assert [part.get_content_type() for part in first.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?x=0D=0ABcc=3A_eve=40example.com?=",
        "Zoë 🦄" * 20,
        "{{ 7*7 }} ${x}",
        "a, b <eve@example.com>",
        "x" * 900,
    ],
)
async def test_data_in_a_subject_stays_in_the_subject(text: str) -> None:
    async with providers.smtp() as one:
        assert isinstance(await one.channel.send(one.message(id=ID, subject=text)), Sent)
        (mail,) = one.taken
        assert getaddresses(mail.get_all("To")) == [("", "ada@example.com")]
        assert mail.get_all("Bcc") is None
        assert mail.get_all("Cc") is None
        assert one.handler.recipients == [["ada@example.com"]]


async def test_a_line_break_in_a_header_is_never_sent() -> None:
    async with providers.smtp() as one:
        result = await one.channel.send(one.message(id=ID, subject="Hi\r\nBcc: eve@example.com"))
        assert result == GiveUp("smtp_bad_header")
        assert one.taken == []


@pytest.mark.parametrize("sender", ["nobody", "a@b@c", "Shop <>", ""])
def test_a_sender_that_is_no_address_is_a_wrong_setting(sender: str) -> None:
    with pytest.raises(Misconfigured):
        EmailChannel(NotifySection(from_address=sender))


async def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for() -> None:
    async with providers.smtp() as one:
        channel = EmailChannel(NotifySection(smtp_host=providers.HOST, smtp_port=one.port, call_timeout_s=LIMIT_S))
        assert isinstance(await channel.send(one.message(id=ID)), TryLater)
        assert one.taken == []


# --- sms -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("400", GiveUp("sms_400_21211")),
        ("401", TryLater("sms_401")),
        ("404", TryLater("sms_404")),
        ("500", Unknown("sms_500")),
        ("503", Unknown("sms_503")),
    ],
)
async def test_a_gateways_answer_decides(mode: str, expected: Any) -> None:
    async with providers.sms() as one:
        one.mode = mode
        assert await one.channel.send(one.message(id=ID)) == expected


async def test_a_code_that_could_be_a_number_of_somebody_is_not_kept() -> None:
    async with providers.sms() as one:
        one.mode, one.code = "400", 447700900123
        assert await one.channel.send(one.message(id=ID)) == GiveUp("sms_400")


async def test_a_gateway_may_say_when_to_come_back() -> None:
    async with providers.sms() as one:
        one.mode, one.answer_headers = "busy", "Retry-After: 7\r\n"
        assert await one.channel.send(one.message(id=ID)) == TryLater("sms_429", 7.0)


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://127.0.0.1:1/"])
async def test_a_redirect_is_not_followed(target: str) -> None:
    async with providers.sms() as one:
        one.mode, one.answer_headers = "302", f"Location: {target}\r\n"
        assert await one.channel.send(one.message(id=ID)) == TryLater("sms_redirect_302")
        assert len(one.requests) == 1


async def test_an_sms_is_one_post_as_twilio_documents_it() -> None:
    async with providers.sms() as one:
        assert await one.channel.send(one.message(id=ID)) == Sent("SM42")
        assert one.taken == [{"To": "+447700900123", "From": "+447700900000", "Body": "Hello"}]
        (head,) = one.requests
        assert head.startswith("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n")
        assert "\r\nAuthorization: Basic " in head


@pytest.mark.parametrize("wrong", [{"sms_sid": ""}, {"sms_from": ""}, {"sms_base_url": "http://a:b:c"}])
def test_sms_without_an_account_or_a_gateway_is_a_wrong_setting(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        SmsChannel(NotifySection(**({"sms_sid": "AC1", "sms_from": "Shop"} | wrong)))
