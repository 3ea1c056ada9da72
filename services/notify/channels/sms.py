"""SMS by a Twilio-compatible HTTP gateway: one POST per message.

No redirects, no proxies from the environment, certificates checked. The gateway has no idempotency key, so everything
between "the request went out" and "an answer came" is Unknown, and so is a 5xx.
"""

import asyncio
import json
import re
from typing import Final

import httpx2

from schemas.order_events import Contact
from services.notify.addresses import Refused, phone_number
from services.notify.channels.base import GiveUp, Message, Result, Sent, TryLater, Unknown
from services.notify.settings import NotifySection
from services.runtime.errors import Misconfigured

_OK: Final = range(200, 300)
_CLIENT: Final = range(400, 500)
_REDIRECT: Final = range(300, 400)
_TOO_MANY: Final = 429
#: Wrong credentials, an empty account or a wrong path: a person must mend it, the message is fine.
_SETTINGS: Final = frozenset({401, 402, 403, 404, 405, 407})
#: The gateway did not get the whole request, or did not look at it.
_NOT_NOW: Final = frozenset({408, 425})
_CODE: Final = re.compile(r"[0-9]{1,6}")
_MOST_BYTES: Final = 64 * 1024
_LONGEST_WAIT_S: Final = 3600.0

#: Nothing was sent yet when one of these is raised.
_BEFORE: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)

_GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE: Final = frozenset("^{}\\[~]|€")


def address(contact: Contact, country: str | None) -> str | Refused | None:
    """Return where a contact gets its SMS."""
    return None if contact.phone is None or not contact.phone.strip() else phone_number(contact.phone, country=country)


def segments(text: str) -> int:
    """Return how many SMS a text is charged as: 160 or 153 GSM characters each, 70 or 67 where one is not GSM."""
    if all(char in _GSM_BASIC or char in _GSM_DOUBLE for char in text):
        length = len(text) + sum(char in _GSM_DOUBLE for char in text)
        single, part = 160, 153
    else:
        length = len(text.encode("utf-16-be")) // 2
        single, part = 70, 67
    return 1 if length <= single else -(-length // part)


class SmsChannel:
    """Sends through one gateway account."""

    provider = "sms_gateway"

    def __init__(self, settings: NotifySection) -> None:
        """Check what can be checked without a connection; raises Misconfigured."""
        if not (settings.sms_sid and settings.sms_from):
            raise Misconfigured(
                "sms_account", "SMS needs notify.sms_sid and notify.sms_from", hint="TRACKFOLD_NOTIFY__SMS_SID"
            )
        self._settings = settings
        self._url = _url(f"{settings.sms_base_url.rstrip('/')}/2010-04-01/Accounts/{settings.sms_sid}/Messages.json")
        self._client = httpx2.AsyncClient(
            auth=httpx2.BasicAuth(settings.sms_sid, settings.sms_token.get_secret_value()),
            follow_redirects=False,
            trust_env=False,
            # As many as the sender has messages on their way: waiting for one here would end as Unknown.
            limits=httpx2.Limits(max_connections=settings.concurrency),
            timeout=httpx2.Timeout(settings.call_timeout_s, connect=min(5.0, settings.call_timeout_s)),
        )

    async def send(self, message: Message) -> Result:
        """Hand over one SMS."""
        form = {"To": message.to, "From": self._settings.sms_from, "Body": message.text.strip()}
        try:
            # httpx limits each step only; a server that drips would hold the message for ever.
            async with asyncio.timeout(self._settings.call_timeout_s):
                response, body = await self._post(form)
        except _BEFORE:
            return TryLater("sms_not_connected")
        except (httpx2.TimeoutException, TimeoutError):
            return Unknown("sms_timeout")
        except httpx2.HTTPError:
            return Unknown("sms_connection_lost")
        return _result(response, body)

    async def _post(self, form: dict[str, str]) -> tuple[httpx2.Response, bytes]:
        async with self._client.stream("POST", self._url, data=form) as response:
            return response, await _bounded(response)

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._client.aclose()


def _url(text: str) -> httpx2.URL:
    try:
        return httpx2.URL(text)
    except httpx2.InvalidURL as exc:
        raise Misconfigured(
            "sms_base_url", "notify.sms_base_url is not a URL", hint="TRACKFOLD_NOTIFY__SMS_BASE_URL"
        ) from exc


async def _bounded(response: httpx2.Response) -> bytes:
    """Return the beginning of the body: a status code is an answer even when the body never ends."""
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= _MOST_BYTES:
            break
    return body[:_MOST_BYTES]


def _result(response: httpx2.Response, body: bytes) -> Result:
    status = response.status_code
    if status in _OK:
        return Sent(_field(body, "sid"))
    if status == _TOO_MANY:
        return TryLater("sms_429", _retry_after(response))
    if status in _SETTINGS | _NOT_NOW:
        return TryLater(f"sms_{status}")
    if status in _CLIENT:
        code = _field(body, "code") or ""
        # A reason is a metric's label: bounded, and too short to be anybody's number.
        return GiveUp(f"sms_{status}_{code}" if _CODE.fullmatch(code) else f"sms_{status}")
    if status in _REDIRECT:
        return TryLater(f"sms_redirect_{status}")
    return Unknown(f"sms_{status}")


def _field(body: bytes, name: str) -> str | None:
    try:
        value = json.loads(body).get(name)
    except (ValueError, AttributeError, RecursionError):
        return None
    text = str(value) if isinstance(value, str | int) else ""
    return text[:64] if text.isalnum() and text.isascii() else None


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT_S) if text.isascii() and text.isdigit() else None
