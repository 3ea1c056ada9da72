"""The bearer tokens of Track Alert v2: UPS fetches one from us, and shows it with every webhook.

A token is `EXPIRY.MAC`: nothing is stored, and whoever knows the configured secrets can check one. The key is derived
from the secret, which itself never travels but to the token endpoint. Pure. Called by `ups.py` and `tokens.py`.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from services.ingest.carriers import signatures

LIFETIME: Final = timedelta(hours=1)

_PURPOSE: Final = b"trackfold/ups/bearer-token"
_COMPARED: Final = b"trackfold/ups/comparison"
_TOKEN: Final = re.compile(rb"([0-9]{10})\.([A-Za-z0-9_-]{43})")


def client_of(key: bytes) -> bytes | None:
    """Return the client id of a secret `ID:SECRET`; None for a credential of v1, which has no colon."""
    name, colon, secret = key.partition(b":")
    return name if name and colon and secret else None


def issue(key: bytes, *, at: datetime) -> str:
    """Return a token for the client of `key`, good for an hour."""
    expiry = str(int((at + LIFETIME).timestamp())).encode()
    return f"{expiry.decode()}.{_mac(key, expiry).decode()}"


def fits(authorization: bytes | None, client: bytes | None, keys: Sequence[bytes], *, now: datetime) -> bool:
    """Tell whether any of the secrets issued this token to this client and it is good still.

    One MAC for each secret, whatever was sent; a secret without a client issues none.
    """
    found = _TOKEN.fullmatch(_bearer(authorization))
    expiry, sent = found.groups() if found is not None else (b"0000000000", b"")
    results = [
        equal(sent, _mac(key, expiry)) & equal(client or b"", client_of(key) or b"") & (client_of(key) is not None)
        for key in keys
    ]
    return any(results) and now < datetime.fromtimestamp(int(expiry), UTC)


def owner(client: bytes, secret: bytes, keys: Sequence[bytes]) -> bytes | None:
    """Return the configured secret of this client id and client secret, comparing all of them."""
    usable = signatures.keys_or_dummy(keys)
    results = [equal(client + b":" + secret, key) and client_of(key) == client for key in usable]
    return next((key for key, right in zip(usable, results, strict=True) if right and keys), None)


def equal(one: bytes, other: bytes) -> bool:
    """Tell whether two texts are equal, without telling how long or how similar they are."""
    return hmac.compare_digest(signatures.mac(_COMPARED, one), signatures.mac(_COMPARED, other))


def _bearer(authorization: bytes | None) -> bytes:
    scheme, _, token = (authorization or b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def _mac(key: bytes, expiry: bytes) -> bytes:
    derived = signatures.mac(key, _PURPOSE)
    signed = signatures.mac(derived, client_of(key) or b"", b"\0", expiry)
    return base64.urlsafe_b64encode(signed).rstrip(b"=")
