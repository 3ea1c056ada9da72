"""The one store of proofs: bytes under the hash of the bytes, in a directory or an S3-compatible bucket.

One implementation over `obstore` with what differs in `_Backend`; another kind of store is one function and one row of
`STORES`. Its synchronous calls are used in threads: its asynchronous ones abort the interpreter when it ends (decision
0017). Every call has a limit, and whatever fails is Transient.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from services.ingest.proofs.settings import ProofSection
from services.runtime import clock, metrics
from services.runtime.errors import Transient

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import BackoffConfig, S3Config

T = TypeVar("T")

SHARDS: Final = 256
"""Keys begin with two hexadecimal digits of the hash, so that a store can be looked through in parts."""
_KEY: Final = re.compile(r"[0-9a-f]{2}/([0-9a-f]{64})")
_FRESH: Final = timedelta(days=1)
_CALLS: Final = 8
_LISTED: Final = 500
_RETRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Kept:
    """One proof as the store lists it."""

    sha256: str
    told_at: datetime
    """When it was last told, to a day: see `ProofStore.put`."""


class ProofStore(Protocol):
    """Where proofs lie. Every method raises Transient when the store does not do it in time."""

    async def put(self, sha256: str, content: bytes, *, media_type: str) -> bool:
        """Keep the bytes for good before returning; True when they were not there yet.

        What is there for more than a day is written again: its age counts from when it was last told, and so nothing
        that is referred to now is deleted as too old a moment later.
        """

    async def get(self, sha256: str) -> bytes | None:
        """Return the bytes; None where there are none."""

    async def delete(self, sha256: str) -> None:
        """Delete the bytes, if there are any."""

    def kept(self, shard: int) -> AsyncIterator[Sequence[Kept]]:
        """Give what lies in one of the `SHARDS`, some at a time."""


def key(sha256: str) -> str:
    """Return where a proof lies in the store."""
    return f"{sha256[:2]}/{sha256}"


@dataclass(frozen=True, slots=True)
class _Backend:
    store: LocalStore | S3Store
    describes: bool
    """Whether it takes a content type."""
    settle: Callable[[str], None]
    """Makes what was put under a key survive a power cut, where the store does not do that by itself."""


def _directory(section: ProofSection) -> _Backend:
    folder = Path(unquote(urlsplit(section.url).path))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def settle(name: str) -> None:
        for path in (folder / name, (folder / name).parent, folder):
            opened = os.open(path, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)

    return _Backend(LocalStore(prefix=folder), describes=False, settle=settle)


def _bucket(section: ProofSection) -> _Backend:
    address = urlsplit(section.url)
    limit = timedelta(seconds=section.timeout_s)
    backoff: BackoffConfig = {
        "init_backoff": timedelta(milliseconds=50),
        "max_backoff": timedelta(milliseconds=500),
        "base": 2,
    }
    store = S3Store(
        address.netloc,
        prefix=address.path.strip("/") or None,
        config=_account(section),
        client_options={
            "allow_http": section.endpoint.startswith("http://"),
            "connect_timeout": limit / 2,
            "timeout": limit,
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": limit, "backoff": backoff},
    )
    return _Backend(store, describes=True, settle=lambda _: None)


def _account(section: ProofSection) -> "S3Config":
    # Not every S3-compatible store deletes in bulk, and proofs are deleted few at a time.
    config: S3Config = {"region": section.region, "disable_bulk_delete": True}
    if section.endpoint:
        config["endpoint"] = section.endpoint
    if access_key := section.access_key.get_secret_value():
        config["access_key_id"] = access_key
        config["secret_access_key"] = section.secret_key.get_secret_value()
    return config


STORES: Final[Mapping[str, Callable[[ProofSection], _Backend]]] = {"file": _directory, "s3": _bucket}
"""By the scheme of the URL."""


@asynccontextmanager
async def open_store(
    section: ProofSection, *, now: Callable[[], datetime] = clock.now
) -> AsyncIterator[ProofStore | None]:
    """Open the store that the settings name; None where they name none."""
    if not section.url:
        yield None
        return
    threads = ThreadPoolExecutor(_CALLS, thread_name_prefix="proof-store")
    try:
        make = STORES[urlsplit(section.url).scheme]
        backend = await asyncio.get_running_loop().run_in_executor(threads, make, section)
        yield _Proofs(backend, threads, timeout_s=section.timeout_s, now=now)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class _Proofs:
    """The store over one backend."""

    def __init__(
        self, backend: _Backend, threads: ThreadPoolExecutor, *, timeout_s: float, now: Callable[[], datetime]
    ) -> None:
        self._backend = backend
        self._store = backend.store
        self._threads = threads
        self._free = asyncio.Semaphore(_CALLS)
        self._timeout_s = timeout_s
        self._now = now

    async def put(self, sha256: str, content: bytes, *, media_type: str) -> bool:
        return await self._do("put", partial(self._put, key(sha256), content, media_type))

    async def get(self, sha256: str) -> bytes | None:
        return await self._do("get", partial(self._get, key(sha256)))

    async def delete(self, sha256: str) -> None:
        await self._do("delete", partial(self._delete, key(sha256)))

    async def kept(self, shard: int) -> AsyncIterator[Sequence[Kept]]:
        listed: Iterator[Sequence[ObjectMeta]] = iter(self._store.list(f"{shard:02x}", chunk_size=_LISTED))
        while (found := await self._do("list", partial(next, listed, None))) is not None:
            named = ((_KEY.fullmatch(one["path"]), one["last_modified"]) for one in found)
            yield [Kept(name[1], told_at) for name, told_at in named if name is not None]

    def _put(self, name: str, content: bytes, media_type: str) -> bool:
        there = self._head(name)
        if there is None or self._now() - there["last_modified"] > _FRESH or there["size"] != len(content):
            attributes = {"Content-Type": media_type} if self._backend.describes else None
            # Not "if it is absent": not every S3-compatible store has that, and the same bytes may be written twice.
            self._store.put(name, content, attributes=attributes, use_multipart=False)
        self._backend.settle(name)
        return there is None

    def _head(self, name: str) -> "ObjectMeta | None":
        with suppress(FileNotFoundError):
            return self._store.head(name)
        return None

    def _get(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return bytes(self._store.get(name).bytes())
        return None

    def _delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._store.delete(name)

    def _begun(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Begin in a thread, which is free again when it ends, whoever still waits for it."""
        job = self._threads.submit(call)
        loop = asyncio.get_running_loop()

        def over(_: object) -> None:
            with suppress(RuntimeError):  # the process has ended meanwhile
                loop.call_soon_threadsafe(self._free.release)

        job.add_done_callback(over)
        return asyncio.wrap_future(job)

    async def _do(self, operation: str, call: Callable[[], T]) -> T:
        start = clock.monotonic()
        outcome = "failed"
        try:
            async with asyncio.timeout(self._timeout_s):
                # Not in the pool's own queue, which has no end: a disk that hangs would fill it with pictures.
                await self._free.acquire()
                result = await self._begun(call)
            outcome = "done"
        except (BaseError, OSError, TimeoutError, ValueError, NotImplementedError) as error:
            raise Transient(
                "proof_store",
                f"the store of proofs did not {operation}: {type(error).__name__}",
                hint="look at TRACKFOLD_INGEST__PROOFS__*",
            ) from error
        finally:
            metrics.PROOF_STORE_SECONDS.labels(operation, outcome).observe(clock.monotonic() - start)
        return result
