"""Access tokens by OAuth 2 client credentials, as UPS, FedEx and USPS give them.

`Client.token` keeps the token until a minute before it ends and lets one caller at a time fetch a new one.
"""

import math
from collections.abc import Mapping
from typing import Final

from services.ingest.apis.answers import OK
from services.ingest.apis.base import KEY_REFUSED_S, Client, Reply, Token, Trouble
from services.ingest.carriers.documents import text

_LONGEST_TOKEN: Final = 8192
_LIVES_S: Final = 300.0
"""Where the answer does not say how long a token lives: UPS's and FedEx's live for hours, USPS's for eight."""


async def bearer(
    client: Client,
    path: str,
    *,
    form: Mapping[str, str] | None = None,
    json: Mapping[str, str] | None = None,
    basic: tuple[str, str] | None = None,
) -> dict[str, str]:
    """Return the header that shows the access token, fetched from `path` where none is left."""

    async def fetch() -> Token:
        return _token(await client.call("POST", path, form=form, json=json, basic=basic))

    return {"authorization": f"Bearer {await client.token(fetch)}"}


def _token(reply: Reply) -> Token:
    if reply.status != OK:
        # Some say 400 for a wrong id or secret. Asking again changes nothing, and too much of it blocks the address.
        raise Trouble(f"token_{reply.status}", KEY_REFUSED_S)
    document = reply.json()
    value = document.get("access_token") if isinstance(document, dict) else None
    if not isinstance(value, str) or not _fits_a_header(value):
        raise Trouble("no_token")
    return Token(value, _seconds(text(document, "expires_in")))


def _fits_a_header(value: str) -> bool:
    return 0 < len(value) <= _LONGEST_TOKEN and value.isascii() and value.isprintable() and " " not in value


def _seconds(told: str | None) -> float:
    """Return for how long a token is good; UPS writes a text, the others a number."""
    try:
        seconds = float(told or _LIVES_S)
    except ValueError:
        return _LIVES_S
    return max(0.0, seconds) if math.isfinite(seconds) else _LIVES_S
