"""The catcher: takes mails and texts as the real servers do, shows them harmlessly, and forgets the oldest."""

from datetime import UTC, datetime
from email.message import EmailMessage

import aiosmtplib
import httpx2

from services.local.catcher import Catcher
from services.local.outbox import Outbox

SMS = {"To": "+447700900123", "From": "+447700900999", "Body": "Your parcel is out for delivery."}
ACCOUNT = "/2010-04-01/Accounts/AC1"


def make_mail(subject: str, *, html: str | None = None) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", "ada@example.com", subject
    mail["Message-ID"] = "<one@example.com>"
    mail.set_content("Your parcel is on its way.")
    if html is not None:
        mail.add_alternative(html, subtype="html")
    return mail


async def test_a_mail_sent_by_smtp_stands_in_the_outbox() -> None:
    async with Catcher() as catcher:
        await aiosmtplib.send(make_mail("Grüße"), hostname="127.0.0.1", port=catcher.smtp_port)
        (mail,) = catcher.outbox.mails

    assert mail.subject == "Grüße"
    assert mail.recipients == ("ada@example.com",)
    assert mail.text is not None
    assert "on its way" in mail.text
    assert mail.message_id == "<one@example.com>"


async def test_a_text_message_is_answered_as_twilio_does() -> None:
    async with Catcher() as catcher, httpx2.AsyncClient(base_url=catcher.url, auth=("AC1", "token")) as client:
        answer = await client.post(f"{ACCOUNT}/Messages.json", data=SMS)
        (sms,) = catcher.outbox.sms

    assert answer.status_code == 201
    assert answer.json()["sid"] == sms.id
    assert (sms.recipient, sms.text) == (SMS["To"], SMS["Body"])


async def test_a_bad_text_message_is_refused_with_twilios_code() -> None:
    async with Catcher() as catcher, httpx2.AsyncClient(base_url=catcher.url) as client:
        anonymous = await client.post(f"{ACCOUNT}/Messages.json", data=SMS)
        auth = ("AC1", "token")
        codes = [
            (await client.post(f"{ACCOUNT}/Messages.json", data=SMS | change, auth=auth)).json()["code"]
            for change in ({"To": "nobody"}, {"From": ""}, {"Body": ""}, {"Body": "x" * 1601})
        ]

    assert anonymous.status_code == 401
    assert codes == [21211, 21603, 21602, 21617]
    assert catcher.outbox.messages == []


async def test_the_page_shows_the_newest_first_and_a_mails_html_only_in_a_sandbox() -> None:
    async with Catcher() as catcher, httpx2.AsyncClient(base_url=catcher.url, auth=("AC1", "token")) as client:
        mail = make_mail("Shipped", html="<p>Hello</p><script>alert(1)</script>")
        await aiosmtplib.send(mail, hostname="127.0.0.1", port=catcher.smtp_port)
        await client.post(f"{ACCOUNT}/Messages.json", data=SMS)
        page = await client.get("/outbox")

    assert page.status_code == 200
    assert "<script>" not in page.text
    assert 'sandbox title="Mail: Shipped" srcdoc="&lt;p&gt;Hello' in page.text
    assert page.text.index("text message</small>") < page.text.index("mail</small>")
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_the_outbox_can_be_read_as_json() -> None:
    async with Catcher() as catcher, httpx2.AsyncClient(base_url=catcher.url, auth=("AC1", "token")) as client:
        await aiosmtplib.send(make_mail("Shipped"), hostname="127.0.0.1", port=catcher.smtp_port)
        await client.post(f"{ACCOUNT}/Messages.json", data=SMS)
        data = (await client.get("/outbox.json")).json()

    assert (data["mails_taken"], data["sms_taken"]) == (1, 1)
    assert [message["kind"] for message in data["messages"]] == ["sms", "mail"]
    assert data["messages"][1]["to"] == ["ada@example.com"]


async def test_the_page_answers_only_under_the_machines_own_names() -> None:
    async with Catcher() as catcher, httpx2.AsyncClient(base_url=catcher.url) as client:
        answer = await client.get("/outbox", headers={"host": "evil.example"})

    assert answer.status_code == 400


def test_the_outbox_forgets_the_oldest() -> None:
    outbox = Outbox(keep=3)
    for n in range(5):
        outbox.take_sms(str(n), sender="a", recipient="b", at=datetime(2026, 1, 1, tzinfo=UTC))

    assert [sms.text for sms in outbox.sms] == ["2", "3", "4"]
    assert outbox.sms_taken == 5


def test_a_mail_in_an_unknown_charset_is_still_shown() -> None:
    raw = b"Subject: x\r\nContent-Type: text/plain; charset=klingon\r\n\r\nqapla\r\n"

    mail = Outbox().take_mail(raw, sender="a", recipients=("b",), at=datetime(2026, 1, 1, tzinfo=UTC))

    assert mail.text is not None
    assert "qapla" in mail.text
