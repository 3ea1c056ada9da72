"""Who may ask the query API: a key from the settings, compared in constant time; without configured keys nobody.

People open the agents' pages in a browser, which asks for a name and a password: any name, and a key as the password.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final

from fastapi import HTTPException, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.requests import Request

_BEARER: Final = HTTPBearer(auto_error=False, description="One of the keys in `TRACKFOLD_STATUS__API_KEYS`.")
_HEADER: Final = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key in a header of its own.")

Guard = Callable[..., Awaitable[None]]


def make_guard(keys: Sequence[SecretStr]) -> Guard:
    """Return the dependency that lets a request in, or answers 401 without saying what was wrong with the key."""
    fits = key_check(keys)

    async def guard(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        header: Annotated[str | None, Security(_HEADER)],
    ) -> None:
        offered = bearer.credentials if bearer is not None else header or ""
        if not fits(offered):
            raise HTTPException(
                401, "give an API key: Authorization: Bearer ..., or X-API-Key", {"WWW-Authenticate": "Bearer"}
            )

    return guard


def key_check(keys: Sequence[SecretStr]) -> Callable[[str], bool]:
    """Return what tells whether a key is one of these."""
    digests = [_digest(key.get_secret_value().encode()) for key in keys]

    def fits(offered: str) -> bool:
        digest = _digest(offered.encode("latin-1", "replace"))
        # Every key is compared, so that the time tells nothing of which one was near.
        found = [hmac.compare_digest(digest, known) for known in digests]
        return any(found)

    return fits


def offered_key(request: Request) -> str:
    """Return the key that a browser or a tool offers for a page: the password, a bearer token or the header."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "basic":
            return _password(given.strip())
        case "bearer":
            return given.strip()
        case _:
            return request.headers.get("x-api-key", "")


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode("latin-1").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
