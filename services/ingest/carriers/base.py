"""What a provider's file gives the rest of ingest, and the values that pass between them.

Pure: no I/O, no clock (the time is an argument), no randomness. Called by `handler.py` (verify, mask, number),
`normalise.py` (parse) and the commands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

from schemas.order_events import OrderEvent
from schemas.scans import Scan
from services.runtime.errors import Poison

ASKED_CARRIER: Final = "trackfold-carrier"
ASKED_NUMBER: Final = "trackfold-number"
OUR_HEADERS: Final = frozenset({ASKED_CARRIER, ASKED_NUMBER})
"""Headers of our own on answers to the poller's questions: carrier (slug) and number that it asked about. Some APIs'
answers do not name them. Never taken from a sender."""
DEFAULT_MAX_BODY_BYTES: Final = 256 * 1024
LARGEST_BODY_BYTES: Final = 2 * 1024 * 1024
"""For bodies with pictures in them. Fits in a record of carrier.webhooks.v1 and, as base64, in a dead letter, also
where nothing can be taken out; Kafka would refuse a larger one for ever."""
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
    query: bytes = field(default=b"", repr=False)
    """What stands behind the question mark: never shown, because a provider's token may stand there."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTold:
    """One order event that a shop's webhook says, with the identity its repeats share."""

    id: str
    """`ce_id`: from the fact itself, so that a repeated webhook says the same event again. The first field, because two
    are compared by it first: a body may hold a thousand."""
    source: str
    """`ce_source`: who says it, as in `trackfold/ingest/shopify/SHOP`."""
    event: OrderEvent


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body says. Scans and problems may stand side by side: one bad scan never hides its neighbours."""

    scans: tuple[Scan, ...] = ()
    """Oldest first; then what the provider says of the parcel as a whole."""
    problems: tuple[Problem, ...] = ()
    ignored: str | None = None
    """Why an authentic body concerns no parcel of ours: acknowledged, counted, no dead letter."""
    orders: tuple[OrderTold, ...] = ()
    """What a shop says of its orders."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where the base64 text of a proof stands in a body, without its quotes: it is taken out before Kafka."""

    kind: Literal["photo", "signature", "letter"]
    start: int
    end: int


class Carrier(Protocol):
    """One provider. Nothing in it may block; only `secret_key` and `parse` raise, and only what they say.

    A provider's class derives from this one; what most of them have in common stands here.
    """

    provider: str
    map_version: int
    """Raised by one with every change of what a body is read as."""
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    kept_headers: tuple[str, ...] = ()
    """Lower-case names of the provider's own HTTP headers that `parse` needs."""
    signs_the_body: bool = True
    """False: a secret that travels along is all there is, so what is told is a hint that is checked by its API."""

    def secret_key(self, secret: str) -> bytes:
        """Return the signing key of a configured secret; ValueError when it cannot be one."""
        ...

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether any key signed these very bytes; never raises, does the same work for each failure."""
        ...

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:
        """Return the headers the provider would send with `body`: for tests, the simulator and `webhooks sign`."""
        ...

    def delivery(self, request: Request) -> str | None:  # noqa: ARG002 - most give none
        """Return the provider's id of this delivery, where it gives one."""
        return None

    def key_id(self, request: Request) -> str | None:  # noqa: ARG002 - most have secrets, not published keys
        """Return which of the provider's published keys signed, as the request claims, where it publishes them."""
        return None

    def number(self, body: bytes) -> str | None:
        """Return the tracking number where a look at the bytes finds it; only spreads the load, never identifies."""
        ...

    def mask(self, body: bytes) -> bytes:
        """Return the body without secrets that the provider put into it."""
        return body

    def attachments(self, body: bytes) -> tuple[Attachment, ...]:  # noqa: ARG002 - most have none
        """Return where photos, signatures and letters stand in the body, first to last."""
        return ()

    def parse(self, webhook: Webhook) -> Reading:
        """Return what a verified body says. Raises Poison when it cannot be read at all."""
        ...


class Pulled(Carrier):
    """A carrier that sends no webhooks: its answers come from the poller, and whoever claims to be it is refused."""

    def secret_key(self, secret: str) -> bytes:  # noqa: ARG002 - there is none
        """Refuse every secret: ValueError."""
        message = "this carrier sends no webhooks, so it has no secret"
        raise ValueError(message)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:  # noqa: ARG002 - nobody can be it
        """Refuse every request."""
        return False

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - as above
        """Return no headers."""
        return {}

    def number(self, body: bytes) -> str | None:  # noqa: ARG002 - the poller knows what it asked for
        """Return nothing: the poller says which number its answer is of."""
        return None


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
