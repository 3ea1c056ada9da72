"""A body before and after its proofs were taken out."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Proof
from services.ingest.carriers import documents
from services.ingest.carriers.base import Attachment, Carrier, Request
from services.ingest.carriers.registry import CARRIERS
from services.ingest.handler import Intake
from services.ingest.proofs import reference, taking
from services.ingest.proofs.images import Cleaned, RefusedError
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import Kept
from services.ingest.proofs.taking import Cutter, Taker, in_order, replaced
from services.runtime.errors import Transient
from services.runtime.settings import KafkaSettings
from tests.unit.ingest.pictures import body_with, jpeg, png, text_of
from tests.unit.ingest.samples import TOLD_AT
from tests.waiting import eventually


class InMemory:
    """A store that is a dictionary, or fails, or never answers."""

    def __init__(self, failure: Exception | None = None, *, hangs: bool = False) -> None:
        self.proofs = dict[str, bytes]()
        self.failure = failure
        self.hangs = hangs

    async def put(self, sha256: str, content: bytes, *, media_type: str) -> bool:
        assert media_type in reference.MEDIA_TYPES
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        new = sha256 not in self.proofs
        self.proofs[sha256] = content
        return new

    async def get(self, sha256: str) -> bytes | None:
        return self.proofs.get(sha256)

    async def delete(self, sha256: str) -> None:
        self.proofs.pop(sha256, None)

    async def kept(self, shard: int) -> AsyncIterator[Sequence[Kept]]:
        yield [Kept(sha256, TOLD_AT) for sha256 in self.proofs if sha256.startswith(f"{shard:02x}")]


async def take(
    store: InMemory,
    body: bytes,
    attachments: Sequence[Attachment],
    *,
    before_closing: Callable[[], None] = lambda: None,
    **section: Any,
) -> bytes:
    with ThreadPoolExecutor(2) as decoders:
        try:
            return await Taker(store, ProofSection(**section), decoders).take(body, attachments)
        finally:
            before_closing()


async def test_a_body_stays_json_with_a_reference_to_what_the_store_has() -> None:
    store = InMemory()
    body, attachments = body_with(text_of(jpeg()))
    taken = json.loads(await take(store, body, attachments))
    (sha256, content) = next(iter(store.proofs.items()))
    assert hashlib.sha256(content).hexdigest() == sha256
    assert taken == {"number": "1Z1", "photo0": f"proof:photo:{sha256}:image/jpeg:{len(content)}", "code": "KB"}
    assert documents.proof(taken, "photo0") == Proof(
        kind="photo", sha256=sha256, media_type="image/jpeg", bytes=len(content)
    )


async def test_two_photos_of_one_body_get_a_reference_each_and_the_same_one_twice_is_kept_once() -> None:
    store = InMemory()
    body, attachments = body_with(text_of(jpeg()), text_of(png()), text_of(jpeg()))
    taken = json.loads(await take(store, body, list(reversed(attachments))))
    found = [documents.proof(taken, f"photo{number}") for number in range(3)]
    assert [one.media_type for one in found if one] == ["image/jpeg", "image/png", "image/jpeg"]
    assert found[0] == found[2]
    assert len(store.proofs) == 2


async def test_a_repeated_body_is_the_same_body_again() -> None:
    store = InMemory()
    body, attachments = body_with(text_of(jpeg()))
    assert await take(store, body, attachments) == await take(store, body, attachments)


async def test_what_is_no_picture_is_dropped_and_the_rest_of_the_body_is_kept() -> None:
    store = InMemory()
    body, attachments = body_with(b"not base64", text_of(png()))
    taken = json.loads(await take(store, body, attachments))
    assert (taken["photo0"], taken["number"]) == ("proof:none", "1Z1")
    assert documents.proof(taken, "photo0") is None
    assert documents.proof(taken, "photo1") is not None


async def test_more_proofs_than_a_scan_can_name_are_dropped() -> None:
    store = InMemory()
    body, attachments = body_with(*[text_of(png())] * 12)
    taken = json.loads(await take(store, body, attachments))
    assert [taken[f"photo{number}"] == "proof:none" for number in range(12)] == [False] * 10 + [True] * 2


async def test_a_picture_that_takes_too_long_is_dropped_and_never_sent_back(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def slow(*_: object) -> Cleaned:
        go.wait(timeout=20)
        raise RefusedError("unreadable")

    monkeypatch.setattr(taking, "clean", slow)
    body, attachments = body_with(text_of(jpeg()), text_of(png()))
    try:
        taken = await take(InMemory(), body, attachments, timeout_s=1, before_closing=go.set)
    finally:
        go.set()
    assert json.loads(taken) == {"number": "1Z1", "photo0": "proof:none", "photo1": "proof:none", "code": "KB"}


async def test_a_decoder_that_is_busy_means_that_the_sender_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def slow(*_: object) -> Cleaned:
        go.wait(timeout=20)
        return Cleaned("image/png", b"x")

    monkeypatch.setattr(taking, "clean", slow)
    body, attachments = body_with(text_of(jpeg()))
    with ThreadPoolExecutor(taking.DECODERS) as decoders:
        taker = Taker(InMemory(), ProofSection(timeout_s=1), decoders)
        try:
            stuck = [await taker.take(body, attachments) for _ in range(taking.DECODERS)]
            assert all(b"proof:none" in one for one in stuck)
            with pytest.raises(Transient):
                await taker.take(body, attachments)
        finally:
            go.set()
        assert b"proof:photo" in await eventually(lambda: repeated(taker, body, attachments))


async def repeated(taker: Taker, body: bytes, attachments: Sequence[Attachment]) -> bytes:
    try:
        return await taker.take(body, attachments)
    except Transient:
        return b""


async def test_without_a_store_the_picture_is_cut_out_all_the_same() -> None:
    body, attachments = body_with(text_of(jpeg()))
    taken = await Cutter().take(body, attachments)
    assert json.loads(taken) == {"number": "1Z1", "photo0": "proof:none", "code": "KB"}


@pytest.mark.parametrize(
    ("store", "limit"), [(InMemory(Transient("proof_store")), 2.0), (InMemory(hangs=True), 0.05)], ids=["away", "slow"]
)
async def test_a_store_that_fails_or_hangs_means_that_the_sender_repeats(store: InMemory, limit: float) -> None:
    body, attachments = body_with(text_of(jpeg()))
    with pytest.raises(Transient) as caught:
        await take(store, body, attachments, timeout_s=limit)
    assert caught.value.reason == "proof_store"


class Sending(Intake):
    """An intake whose Kafka is a list."""

    def __init__(self, proofs: Any) -> None:
        super().__init__(None, KafkaSettings(), keys={}, timeout_s=1, proofs=proofs)


def with_photo(carrier: Carrier, places: Sequence[Attachment]) -> Carrier:
    class WithPhoto(type(carrier)):  # type: ignore[misc]
        def attachments(self, body: bytes) -> tuple[Attachment, ...]:  # noqa: ARG002
            return tuple(places)

    made: Carrier = WithPhoto()
    return made


async def test_kafka_gets_no_photo_and_gets_nothing_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = list[bytes]()

    async def send(_: object, __: str, *, value: bytes, **___: object) -> None:
        sent.append(value)

    monkeypatch.setattr("services.ingest.handler.kafka.send", send)
    body, attachments = body_with(text_of(jpeg()))
    carrier = with_photo(CARRIERS["standard"], attachments)
    request = Request(method="POST", path="/webhooks/standard", headers=(), body=body)
    with ThreadPoolExecutor(1) as decoders:
        away = Taker(InMemory(Transient("proof_store")), ProofSection(), decoders)
        with pytest.raises(Transient):
            await Sending(away).keep(carrier, request, told_at=TOLD_AT)
        assert sent == []
        await Sending(Taker(InMemory(), ProofSection(), decoders)).keep(carrier, request, told_at=TOLD_AT)
    await Sending(None).keep(carrier, request, told_at=TOLD_AT)
    assert [json.loads(value)["photo0"][:11] for value in sent] == ["proof:photo", "proof:none"]


def test_places_that_overlap_or_are_empty_still_leave_no_piece_of_a_picture() -> None:
    places = in_order([Attachment("photo", 5, 9), Attachment("letter", 2, 6), Attachment("photo", 12, 12)])
    assert places == [Attachment("letter", 2, 9)]
    assert replaced(b"01234567890123", places, ["x"]) == b"01x90123"


HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
PROOFS = st.builds(
    Proof,
    kind=st.sampled_from(["photo", "signature", "letter"]),
    sha256=HASHES,
    media_type=st.sampled_from(reference.MEDIA_TYPES),
    bytes=st.integers(1, 100_000_000),
)


@given(PROOFS)
def test_a_reference_says_the_proof_and_needs_no_escape(proof: Proof) -> None:
    written = reference.text(proof)
    assert reference.read(written) == proof
    assert json.dumps(written) == f'"{written}"'
    assert documents.proof({"photo": written}, "photo") == proof


@given(st.text(max_size=90) | st.from_regex(r"proof:[a-z]+:[0-9a-f]{60,64}:[a-z]+/[a-z]+:-?[0-9]+", fullmatch=True))
def test_any_other_text_is_no_reference(written: str) -> None:
    found = reference.read(written)
    assert found is None or reference.text(found) == written


@pytest.mark.parametrize(
    "written",
    [
        "proof:none",
        f"proof:photo:{'a' * 64}:image/svg+xml:10",
        f"proof:pin:{'a' * 64}:image/png:10",
        f"proof:photo:{'A' * 64}:image/png:10",
        f"proof:photo:{'a' * 64}:image/png:0",
        f"proof:photo:{'a' * 64}:image/png:10\n",
    ],
)
def test_what_looks_like_a_reference_and_is_none_reads_as_absent(written: str) -> None:
    assert reference.read(written) is None
    assert documents.proof({}, "photo") is None


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.binary(max_size=10))
def test_everything_outside_the_places_stays_byte_for_byte(pictures: list[bytes], between: bytes) -> None:
    body, places = between, list[Attachment]()
    for picture in pictures:
        places.append(Attachment("photo", len(body), len(body) + len(picture)))
        body += picture + between + b"|"
    kept = in_order(places)
    expected = between + b"".join((b"REF" if picture else b"") + between + b"|" for picture in pictures)
    assert replaced(body, kept, ["REF"] * len(kept)) == expected
