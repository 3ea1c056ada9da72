"""What a provider's API client gives the poller, and the values that pass between them.

A client knows one provider's requests and answers and nothing else: when it is called, how often, what happens after a
failure, and where answers go is the poller's business. It reads no clock, keeps no state (`Client.token` keeps the only
one there is), and never reads what an answer says of a parcel: that is the provider's file in `carriers/`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, Protocol

MAX_ANSWER_BYTES: Final = 2 * 1024 * 1024
"""Fits in a record of carrier.webhooks.v1, as a webhook's body must."""
KEY_REFUSED_S: Final = 900.0
"""After a key was refused (401, 402, 403): asking again at once changes nothing, and gets keys blocked."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One parcel to register, to ask for or to end."""

    key: str
    """Its shipment key: what results name it by."""
    carrier: str
    """Canonical slug; a client that needs the provider's own code for it has a table."""
    number: str
    """The cleaned number."""
    reference: str | None = None
    """What `Registered.reference` said, where the provider gives an id of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said of some subjects, byte for byte: it goes through the same door as a webhook."""

    keys: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Registered:
    """The provider will tell us of this one. A number it has already is registered too, never refused."""

    key: str
    reference: str | None = None
    """The provider's own id of the registration, where ending or renewing needs it; at most 200 characters."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider took the request and does not take this number: asking again at once would change nothing."""

    key: str
    why: str
    """For people (`trackfold carriers registrations`): the provider's code, or a few words; at most 200 characters,
    and never anything about a person."""


@dataclass(frozen=True, slots=True)
class Later:
    """This one was not done and may be later: over the quota, or the provider's own trouble with this number."""

    key: str
    why: str
    after_s: float | None = None
    """The provider's own wish."""


ReadResult = Answer | Refused | Later
RegisterResult = Registered | Refused | Later


class Trouble(Exception):  # noqa: N818 - a kind of outcome, not a mistake
    """The request as a whole failed: no answer, 401, 403, 429, 5xx. Raised by `Client.call`.

    The provider is left alone for a while, and all subjects stay due.
    """

    def __init__(self, why: str, after_s: float | None = None, *, of_the_batch: bool = False) -> None:
        """Take a short slug (a metric's label: `http_429`, `timeout`) and the provider's own wish.

        `of_the_batch`: too much was asked for at once. The provider is not left alone; each parcel is asked for alone.
        """
        super().__init__(why)
        self.why = why
        self.after_s = after_s
        self.of_the_batch = of_the_batch

    @property
    def blames_no_parcel(self) -> bool:
        """Whether the provider asks to be left alone: a limit, a key it refuses. No other parcel would fare better."""
        return self.after_s is not None


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, its headers (lower-case names) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; Trouble when it is none: a proxy's page says nothing about our numbers."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Trouble("not_json") from None


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and for how long it is good."""

    value: str
    lives_s: float


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What the operator configured for one provider. Never shown."""

    key: str
    """The API key, the user name or the client id: what stands before the first colon."""
    secret: str = ""
    """The password or the client secret: what stands behind it."""
    account: str = ""
    """The account number, where requests must name it."""


@dataclass(frozen=True, slots=True, repr=False)
class Callback:
    """Where the provider shall send webhooks, for those that want to be told with each registration."""

    url: str
    secret: str = ""
    """The first signing secret of this provider; empty where none is configured."""


class Client(Protocol):
    """HTTP to one provider, with its limits: `client.py`, or a test's own."""

    @property
    def credentials(self) -> Credentials:
        """What the operator configured."""
        ...

    @property
    def callback(self) -> Callback:
        """Where webhooks shall go."""
        ...

    async def call(  # noqa: PLR0913 - a request, by name
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        basic: tuple[str, str] | None = None,
        allow: Sequence[int] = (),
    ) -> Reply:
        """Send one request to `base_url` + `path` and return the reply, whatever 2xx or 4xx it is.

        Raises Trouble where the request as a whole failed: not connected, too slow, too large an answer, 3xx, 401, 403,
        408, 425, 429, 5xx; a status in `allow` is returned all the same. The poller has reserved one request for each
        call of an `Api`'s method: send one, and beside it only what `token` needs.
        """
        ...

    async def token(self, fetch: Callable[[], Awaitable[Token]]) -> str:
        """Return the access token, fetched (by `fetch`) where there is none that lives another minute.

        A 401 makes the next call fetch a new one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds; the poller spaces them evenly, over all processes together."""

    requests: int
    per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What the poller must know of an API before it calls it."""

    provider: str
    base_url: str
    rate: Rate
    reads: int = 0
    """Numbers in one read; 0: it cannot be asked."""
    registers: int = 0
    """Numbers in one registration; 0: it needs none."""
    ends: int = 0
    """Numbers in one end; 0: nothing is to be ended."""
    pushes: bool = True
    """Whether it sends webhooks; one that does not is polled."""
    carriers: frozenset[str] | None = None
    """The carriers it serves, where it is a carrier's own API; None: an aggregator, which serves any."""
    renew_after: timedelta | None = None
    """A registration is renewed when it is so old: well before it expires."""
    needs: tuple[str, ...] = field(default=("key",))
    """Which parts of `Credentials` it cannot do without: `key`, `secret`, `account`."""

    @property
    def unheard(self) -> "Traits":
        """What it is where nobody gave us the secret of its webhooks: a carrier's own API is polled then.

        An aggregator has to know a number before it can be asked, so for one nothing changes.
        """
        if self.carriers is None or not self.reads:
            return self
        return replace(self, pushes=False, registers=0, ends=0, renew_after=None)


class Api(Protocol):
    """One provider's API: one request for each call of a method.

    The methods raise Trouble and nothing else, and name every subject in at most one result; one that no result names
    was not done and is tried again later.
    """

    traits: Traits

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for at most `traits.reads` parcels, with one request."""
        ...

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Register at most `traits.registers` parcels, or renew them, with one request. Twice is harmless.

        Nothing, where `traits.registers` is 0.
        """
        del client, subjects
        return ()

    async def end(self, client: Client, subjects: Sequence[Subject]) -> None:
        """End the registration of at most `traits.ends` parcels; one that is not there any more is ended.

        Nothing, where `traits.ends` is 0.
        """
        del client, subjects
