"""Takes proofs out of a body: into the store first, then a reference where the base64 stood. Called by `handler.py`.

A proof that is no picture is dropped and its event kept; a store that does not answer is Transient, so that the sender
repeats and nothing is lost. Whatever happens, no picture goes on to Kafka.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, Protocol

import structlog

from schemas.scans import MAX_PROOFS, Proof
from services.ingest.carriers.base import Attachment
from services.ingest.proofs import reference
from services.ingest.proofs.images import Cleaned, Limits, RefusedError, clean
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import ProofStore, open_store
from services.runtime import clock, metrics
from services.runtime.errors import Transient

DECODERS: Final = 2
"""Pictures decoded at once: each takes a core, and its pixels in memory."""
_DECODING: Final = 0.75
"""Share of the time limit that the pictures of one body may take together; the rest is the store's."""

log = structlog.stdlib.get_logger("trackfold.ingest.proofs")


class Takes(Protocol):
    """What the intake asks for."""

    async def take(self, body: bytes, attachments: Sequence[Attachment]) -> bytes:
        """Return the body without proofs; Transient when they could not be kept."""


class Cutter:
    """Takes proofs out and keeps none: where no store is set."""

    async def take(self, body: bytes, attachments: Sequence[Attachment]) -> bytes:
        """Return the body with `proof:none` in the place of each proof."""
        places = in_order(attachments)
        for place in places:
            metrics.PROOFS.labels(place.kind, "no_store").inc()
        return replaced(body, places, [reference.NONE] * len(places))


class Taker:
    """Takes proofs out and keeps them."""

    def __init__(self, store: ProofStore, section: ProofSection, decoders: ThreadPoolExecutor) -> None:
        self._store = store
        self._limits = Limits(section.max_bytes, section.max_pixels)
        self._timeout_s = section.timeout_s
        self._decoders = decoders
        self._free = asyncio.Semaphore(DECODERS)

    async def take(self, body: bytes, attachments: Sequence[Attachment]) -> bytes:
        """Return the body with a reference in the place of each proof, when the store has them all."""
        places = in_order(attachments)
        try:
            async with asyncio.timeout(self._timeout_s):
                cleaned = await self._clean(body, places)
                texts = [await self._keep(place, one) for place, one in zip(places, cleaned, strict=True)]
        except (TimeoutError, Transient) as error:
            metrics.PROOFS.labels(places[0].kind, "failed").inc()
            raise Transient("proof_store", "the store of proofs did not keep them in time") from error
        return replaced(body, places, texts)

    async def _clean(self, body: bytes, places: Sequence[Attachment]) -> list[Cleaned | None]:
        """Return what is kept of each; None for what is dropped."""
        cleaned = list[Cleaned | None]()
        left = self._timeout_s * _DECODING
        for number, place in enumerate(places):
            if number >= MAX_PROOFS:
                _dropped(place, "too_many")
                cleaned.append(None)
                continue
            # Waiting for a decoder is no fault of the picture: only its own time is counted.
            await self._free.acquire()
            start = clock.monotonic()
            job = self._decode(body[place.start : place.end], place.kind)
            try:
                cleaned.append(await _within(job, left))
            except RefusedError as refused:
                _dropped(place, refused.reason)
                cleaned.append(None)
            left -= clock.monotonic() - start
        return cleaned

    def _decode(self, raw: bytes, kind: str) -> "asyncio.Future[Cleaned]":
        """Begin in a thread, which is free again when it ends, whoever still waits for it."""
        job = asyncio.get_running_loop().run_in_executor(self._decoders, clean, raw, kind, self._limits)

        def over(ended: "asyncio.Future[Cleaned]") -> None:
            self._free.release()
            _ = ended.cancelled() or ended.exception()  # or asyncio would tell of it, with the picture

        job.add_done_callback(over)
        return job

    async def _keep(self, place: Attachment, cleaned: Cleaned | None) -> str:
        """Return the text that takes a proof's place, once the store has it."""
        if cleaned is None:
            return reference.NONE
        sha256, size = hashlib.sha256(cleaned.content).hexdigest(), len(cleaned.content)
        new = await self._store.put(sha256, cleaned.content, media_type=cleaned.media_type)
        metrics.PROOFS.labels(place.kind, "kept" if new else "known").inc()
        return reference.text(Proof(kind=place.kind, sha256=sha256, media_type=cleaned.media_type, bytes=size))


@asynccontextmanager
async def open_taker(section: ProofSection, store: ProofStore | None) -> AsyncIterator[Takes]:
    """Give what takes proofs out of bodies, into the store where there is one."""
    if store is None:
        yield Cutter()
        return
    decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="proof-decoder")
    try:
        yield Taker(store, section, decoders)
    finally:
        decoders.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def open_proofs(section: ProofSection) -> AsyncIterator[tuple[ProofStore | None, Takes]]:
    """Open the store and what fills it, for `life.enter`."""
    async with open_store(section) as store, open_taker(section, store) as taker:
        yield store, taker


def _dropped(place: Attachment, reason: str) -> None:
    log.warning("a proof was dropped", kind=place.kind, reason=reason)
    metrics.PROOFS.labels(place.kind, reason).inc()


async def _within(job: "asyncio.Future[Cleaned]", limit_s: float) -> Cleaned:
    # A picture that takes too long today takes too long tomorrow: a repeat would not help, so it is dropped.
    done, _ = await asyncio.wait({job}, timeout=max(0.0, limit_s))
    if not done:
        raise RefusedError("too_slow")
    return job.result()


def in_order(attachments: Sequence[Attachment]) -> list[Attachment]:
    """Return the places first to last; of two that overlap, one place that spans both."""
    places: list[Attachment] = []
    for one in sorted(attachments, key=lambda place: (place.start, place.end)):
        if places and one.start < places[-1].end:
            spanned = max(places[-1].end, one.end)
            places[-1] = Attachment(places[-1].kind, places[-1].start, spanned)
        elif one.start < one.end:
            places.append(one)
    return places


def replaced(body: bytes, places: Sequence[Attachment], texts: Sequence[str]) -> bytes:
    """Return the body with a text in each place."""
    parts, at = list[bytes](), 0
    for place, text in zip(places, texts, strict=True):
        parts += [body[at : place.start], text.encode("ascii")]
        at = place.end
    return b"".join([*parts, body[at:]])
