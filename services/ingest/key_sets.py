"""The keys that providers publish (a JWKS document): fetched in the background, and once for a key nobody has seen.

A provider that signs with a private key changes it when it likes and names the one it used. So a set is fetched when
the process starts and about once a day, and again, at most once a minute, when a request names a key that is not in it;
a key that is not there then is refused. Old keys stay while a fetch fails. Wired by `app.py`, asked by `handler.py`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Final, Protocol

import httpx2
import structlog

from services.ingest.carriers.base import Carrier, Request
from services.ingest.carriers.documents import read_json, rows, text
from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.runtime import clock, metrics
from services.runtime.backoff import full_jitter
from services.runtime.errors import Poison, Transient

MAX_BYTES: Final = 64 * 1024
MAX_KEYS: Final = 16
"""Read from one set: each of them is tried for every request."""
LIMIT_S: Final = 3.0
DAY_S: Final = 24 * 3600.0
NOT_AGAIN_S: Final = 60.0
"""After a fetch, for so long no request causes another: anybody can name keys that do not exist."""
MAX_WAITING: Final = 16
FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 600.0

_RANDOM: Final = SystemRandom()

log = structlog.stdlib.get_logger("trackfold.ingest")


class Pausing(Protocol):
    """The part of a process's life that a loop needs."""

    async def pause(self, seconds: float) -> bool:
        """Sleep; True when the loop shall end."""


class _UnusableError(Exception):
    """What was fetched is no key set."""


@dataclass(slots=True)
class _Held:
    """What is known of one provider's keys."""

    url: str
    keys: Mapping[str, bytes] = field(default_factory=dict)
    """By the name that requests use."""
    not_before: float = 0.0
    waiting: int = 0
    """Requests that wait for a fetch."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """The published keys of every provider that has an address of them."""

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        carriers: Mapping[str, Carrier] = WEBHOOK_CARRIERS,
        transport: httpx2.AsyncBaseTransport | None = None,
        random: Callable[[], float] = _RANDOM.random,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Take the addresses by provider; nothing is fetched yet."""
        self._held = {provider: _Held(url) for provider, url in urls.items()}
        self._carriers = carriers
        self._transport = transport
        self._random = random
        self._monotonic = monotonic

    @property
    def providers(self) -> tuple[str, ...]:
        """Whose keys are fetched."""
        return tuple(self._held)

    def keys(self, provider: str) -> tuple[bytes, ...]:
        """Return the keys as `Carrier.verify` takes them; none before the first fetch has worked."""
        held = self._held.get(provider)
        return () if held is None else tuple(held.keys.values())

    async def learn(self, carrier: Carrier, request: Request) -> bool:
        """Fetch the provider's keys where the request names one that is not known, and none were fetched just now.

        Returns whether it is known now and was not before. Requests that come meanwhile wait for the same fetch, but
        only so many: anybody can name a key, and each that waits holds a place. Raises Transient beyond that.
        """
        held = self._held.get(carrier.provider)
        named = carrier.key_id(request)
        if held is None or named is None or named in held.keys:
            return False
        if held.waiting >= MAX_WAITING:
            raise Transient("keys_busy", "too many requests wait for published keys")
        held.waiting += 1
        try:
            async with held.lock:
                if named not in held.keys and self._monotonic() >= held.not_before:
                    await self._fetch(carrier.provider, held)
        finally:
            held.waiting -= 1
        return named in held.keys

    async def follow(self, provider: str, life: Pausing) -> None:
        """Fetch the provider's keys now and about once a day, until the process ends."""
        held, failures = self._held[provider], 0
        while True:
            async with held.lock:
                failures = 0 if await self._fetch(provider, held) else failures + 1
            if await life.pause(self._until_next(failures)):
                return

    def _until_next(self, failures: int) -> float:
        if failures == 0:
            return DAY_S * (0.9 + 0.2 * self._random())
        wait = full_jitter(failures, self._random, first_s=FIRST_RETRY_S, longest_s=LONGEST_RETRY_S)
        return max(1.0, wait)

    async def _fetch(self, provider: str, held: _Held) -> bool:
        """Replace the provider's keys; False, and the old ones stay, when there are no new ones."""
        held.not_before = self._monotonic() + NOT_AGAIN_S
        try:
            # The client limits each step only; a server that drips would hold the request for ever.
            async with asyncio.timeout(LIMIT_S):
                body = await self._get(held.url)
            held.keys = _keys_of(self._carriers[provider], body)
        except (TimeoutError, OSError, httpx2.HTTPError, httpx2.InvalidURL, Poison, _UnusableError) as error:
            log.warning("the published keys were not fetched", provider=provider, why=type(error).__name__)
            metrics.API_REQUESTS.labels(provider, "keys", "failed").inc()
            return False
        metrics.API_REQUESTS.labels(provider, "keys", "ok").inc()
        return True

    async def _get(self, url: str) -> bytes:
        client = httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=LIMIT_S, transport=self._transport)
        async with client, client.stream("GET", url, headers={"accept": "application/json"}) as response:
            if response.status_code != httpx2.codes.OK:
                raise _UnusableError
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _UnusableError
            return bytes(body)


def _keys_of(carrier: Carrier, body: bytes) -> dict[str, bytes]:
    """Return the usable keys of a set by name; those for other purposes are passed over."""
    keys: dict[str, bytes] = {}
    for entry in rows(read_json(body), "keys")[:MAX_KEYS]:
        named = text(entry, "kid")
        if named is None:
            continue
        try:
            keys[named] = carrier.secret_key(json.dumps(entry))
        except ValueError:
            continue
    if not keys:
        raise _UnusableError
    return keys
