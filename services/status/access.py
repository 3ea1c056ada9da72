"""Who may ask the query API: a key from the settings, compared in constant time; without configured keys nobody."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final

from fastapi import HTTPException, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

_BEARER: Final = HTTPBearer(auto_error=False, description="One of the keys in `TRACKFOLD_STATUS__API_KEYS`.")
_HEADER: Final = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key in a header of its own.")

Guard = Callable[..., Awaitable[None]]


def make_guard(keys: Sequence[SecretStr]) -> Guard:
    """Return the dependency that lets a request in, or answers 401 without saying what was wrong with the key."""
    digests = [_digest(key.get_secret_value().encode()) for key in keys]

    async def guard(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        header: Annotated[str | None, Security(_HEADER)],
    ) -> None:
        offered = bearer.credentials if bearer is not None else header or ""
        # Every key is compared, so that the time tells nothing of which one was near.
        fits = [hmac.compare_digest(_digest(offered.encode("latin-1", "replace")), digest) for digest in digests]
        if not any(fits):
            raise HTTPException(
                401, "give an API key: Authorization: Bearer ..., or X-API-Key", {"WWW-Authenticate": "Bearer"}
            )

    return guard


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
