"""What a provider's file gives the rest of ingest, and the values that pass between them.

Pure: no I/O, no clock (the time is an argument), no randomness. Called by `handler.py` (verify, mask, number),
`normalise.py` (parse) and the commands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from schemas.scans import Scan
from services.runtime.errors import Poison

DEFAULT_MAX_BODY_BYTES: Final = 256 * 1024
MAX_SCANS: Final = 2000
"""Scans read from one body. More than this is no parcel's history."""

RawHeaders = Sequence[tuple[bytes, bytes]]
"""HTTP headers as ASGI gives them: lower-case names, repeated ones kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, as far as signatures cover it."""

    method: str
    path: str
    """The path as it was received, percent signs and all."""
    headers: RawHeaders
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One verified body and what is needed to read it again, as it stands on `carrier.webhooks.v1`."""

    body: bytes
    told_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """The provider's own headers that its file asked to keep."""
    allow_test: bool = False
    """Read what the provider marks as a test; otherwise it is ignored, so that tests never touch real parcels."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a body that could not be read: a short reason (metric label) and a detail without the input."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body says. Scans and problems may stand side by side: one bad scan never hides its neighbours."""

    scans: tuple[Scan, ...] = ()
    """Oldest first; then what the provider says of the parcel as a whole."""
    problems: tuple[Problem, ...] = ()
    ignored: str | None = None
    """Why an authentic body concerns no parcel of ours: acknowledged, counted, no dead letter."""


class Carrier(Protocol):
    """One provider. Nothing in it may block; only `secret_key` and `parse` raise, and only what they say."""

    provider: str
    map_version: int
    """Raised by one with every change of what a body is read as."""
    max_body_bytes: int
    kept_headers: tuple[str, ...]

    def secret_key(self, secret: str) -> bytes:
        """Return the signing key of a configured secret; ValueError when it cannot be one."""
        ...

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether any key signed these very bytes; never raises, does the same work for each failure."""
        ...

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:
        """Return the headers the provider would send with `body`: for tests, the simulator and `webhooks sign`."""
        ...

    def delivery(self, request: Request) -> str | None:
        """Return the provider's id of this delivery, where it gives one."""
        ...

    def number(self, body: bytes) -> str | None:
        """Return the tracking number where a look at the bytes finds it; only spreads the load, never identifies."""
        ...

    def mask(self, body: bytes) -> bytes:
        """Return the body without secrets that the provider put into it."""
        ...

    def parse(self, webhook: Webhook) -> Reading:
        """Return what a verified body says. Raises Poison when it cannot be read at all."""
        ...


def read(carrier: Carrier, webhook: Webhook) -> Reading:
    """Return what a body says, whatever it holds: THE place where an unreadable body becomes a problem.

    A mistake in one provider's file must not stop the parcels of the others, so whatever it raises sets this body
    aside, with its bytes, for a replay with a mended file.
    """
    try:
        return carrier.parse(webhook)
    except Poison as poison:
        return Reading(problems=(Problem(poison.reason, poison.message),))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - it decides: see above
        return Reading(problems=(Problem("parser_failed", type(error).__name__),))
