"""Signed links: a token says what it is for, which order it opens and until when, and nobody else can make one.

`make_token` signs with the first key of the ring; `read_token` accepts any of them, so a key can be replaced while old
links live. Reading is total: whatever comes in, the answer is a Link or None, and None says nothing about why.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr

from services.runtime.errors import Misconfigured

_VERSION: Final = 1
_SIGNATURE_BYTES: Final = 18  # 144 bits: unguessable, and 24 characters without padding
_LONGEST: Final = 1024
_SHORTEST_SECRET: Final = 16
_HEAD: Final = struct.Struct(">BIBB")  # version, expiry in seconds, length of the key id, length of the shop
_NO_KEY: Final = b"no such key: the signature is still computed, so that the answer takes as long"


@dataclass(frozen=True, slots=True)
class Link:
    """What a token opens."""

    shop: str
    order: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """Signing keys by id; the first one signs. Never shown."""

    keys: tuple[tuple[str, bytes], ...]

    def secret(self, key_id: str) -> bytes | None:
        """Return the secret of that id."""
        return dict(self.keys).get(key_id)


def key_ring(entries: Sequence[SecretStr]) -> KeyRing:
    """Read `keyid:secret` entries (`settings.links.keys`).

    Raises Misconfigured when one is malformed, short or doubled, or none is given.
    """
    keys = tuple(_entry(entry.get_secret_value()) for entry in entries)
    if not keys or len({key_id for key_id, _ in keys}) != len(keys):
        raise Misconfigured("link_keys", "links need at least one key, each id once", hint="TRACKFOLD_LINKS__KEYS")
    return KeyRing(keys)


def make_token(keys: KeyRing, purpose: str, *, shop: str, order: str, expires_at: datetime) -> str:
    """Return a URL-safe token; the same arguments always give the same one."""
    key_id, secret = keys.keys[0]
    key_bytes, shop_bytes = key_id.encode(), shop.encode()
    head = _HEAD.pack(_VERSION, int(expires_at.timestamp()), len(key_bytes), len(shop_bytes))
    body = head + key_bytes + shop_bytes + order.encode()
    return f"{_to_text(body)}.{_to_text(_sign(secret, purpose, body))}"


def read_token(keys: KeyRing, purpose: str, token: str, *, now: datetime) -> Link | None:
    """Return what the token opens, or None: forged, of another purpose, too old, or no token at all."""
    body_text, _, signature_text = token.partition(".") if len(token) <= _LONGEST else ("", "", "")
    body, signature = _to_bytes(body_text), _to_bytes(signature_text)
    parts = _parts(body)
    secret = keys.secret(parts[0]) if parts else None
    expected = _sign(_NO_KEY if secret is None else secret, purpose, body)
    authentic = hmac.compare_digest(expected, signature)
    if not authentic or secret is None or parts is None:
        return None
    _, link = parts
    return link if now < link.expires_at else None


def _entry(text: str) -> tuple[str, bytes]:
    key_id, colon, secret = text.partition(":")
    if not colon or not 0 < len(key_id.encode()) <= 32 or len(secret.encode()) < _SHORTEST_SECRET:  # noqa: PLR2004
        raise Misconfigured(
            "link_keys", f"a link key is `keyid:secret`, the secret at least {_SHORTEST_SECRET} characters long"
        )
    return key_id, secret.encode()


def _sign(secret: bytes, purpose: str, body: bytes) -> bytes:
    message = b"trackfold link\0" + purpose.encode() + b"\0" + body
    return hmac.digest(secret, message, hashlib.sha256)[:_SIGNATURE_BYTES]


def _parts(body: bytes) -> tuple[str, Link] | None:
    if len(body) < _HEAD.size:
        return None
    version, expires, key_length, shop_length = _HEAD.unpack_from(body)
    key_end = _HEAD.size + key_length
    shop_end = key_end + shop_length
    if version != _VERSION or len(body) <= shop_end:
        return None
    try:
        key_id, shop, order = (
            part.decode() for part in (body[_HEAD.size : key_end], body[key_end:shop_end], body[shop_end:])
        )
    except UnicodeDecodeError:
        return None
    return key_id, Link(shop, order, datetime.fromtimestamp(expires, UTC))


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _to_bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    # One token has one spelling: stray bits and padding inside are refused.
    return data if _to_text(data) == text else b""
