"""What every store of proofs keeps to: the same tests for a directory and for an S3-compatible server."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import SHARDS, STORES, ProofStore, open_store
from services.runtime import clock
from services.runtime.errors import Transient
from tests.stack import s3

CONTENTS: Final = tuple(f"proof {number}".encode() for number in range(40))


class Place:
    """One kind of store, and what a test may see of it from outside."""

    def __init__(self, section: ProofSection, *, folder: Path | None = None, bucket: s3.Bucket | None = None) -> None:
        self.section = section
        self.folder = folder
        self.bucket = bucket

    def put_beside(self, name: str) -> None:
        """Put something there that is not ours."""
        if self.folder is not None:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(b"x")
        if self.bucket is not None:
            self.bucket.objects[f"proofs/{name}"] = s3.Stored(b"x", None, clock.now())

    def age(self, days: float) -> None:
        """Make everything so much older."""
        if self.folder is not None:
            for path in self.folder.rglob("*/*"):
                at = path.stat().st_mtime - days * 86_400
                os.utime(path, (at, at))
        if self.bucket is not None:
            self.bucket.age(days)


def bucket_section(bucket: s3.Bucket, **changes: object) -> ProofSection:
    values: dict[str, object] = {
        "url": "s3://parcels/proofs",
        "endpoint": bucket.endpoint,
        "region": s3.REGION,
        "access_key": s3.ACCESS_KEY,
        "secret_key": s3.SECRET_KEY,
    }
    return ProofSection.model_validate(values | changes)


@pytest.fixture
def bucket() -> Iterator[s3.Bucket]:
    """A bucket of this test's own."""
    with s3.serve() as served:
        yield served


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each kind of store in turn."""
    if request.param == "directory":
        folder = tmp_path / "a b" / "proofs"
        yield Place(ProofSection(url=f"file://{tmp_path}/a%20b/proofs"), folder=folder)
        return
    with s3.serve() as served:
        yield Place(bucket_section(served), bucket=served)


def name_of(content: bytes) -> str:
    return sha256(content).hexdigest()


async def put(store: ProofStore, content: bytes) -> bool:
    return await store.put(name_of(content), content, media_type="image/png")


async def listed(store: ProofStore) -> dict[str, datetime]:
    found = [one for shard in range(SHARDS) async for some in store.kept(shard) for one in some]
    assert len(found) == len({one.sha256 for one in found})
    return {one.sha256: one.told_at for one in found}


def test_every_kind_of_store_is_tested_here() -> None:
    assert set(STORES) == {"file", "s3"}


async def test_what_was_put_is_there_and_what_was_not_is_not(place: Place) -> None:
    async with open_store(place.section) as store:
        assert store is not None
        assert await put(store, CONTENTS[0]) is True
        assert await store.get(name_of(CONTENTS[0])) == CONTENTS[0]
        assert await store.get(name_of(CONTENTS[1])) is None


async def test_what_was_put_is_there_for_whoever_opens_the_store_next(place: Place) -> None:
    async with open_store(place.section) as store:
        assert store is not None
        await put(store, CONTENTS[0])
    async with open_store(place.section) as again:
        assert again is not None
        assert await again.get(name_of(CONTENTS[0])) == CONTENTS[0]


async def test_the_same_proof_twice_is_kept_once(place: Place) -> None:
    async with open_store(place.section) as store:
        assert store is not None
        assert [await put(store, CONTENTS[0]) for _ in range(3)] == [True, False, False]
        assert list(await listed(store)) == [name_of(CONTENTS[0])]


async def test_a_proof_that_is_told_again_days_later_is_as_young_as_a_new_one(place: Place) -> None:
    async with open_store(place.section) as store:
        assert store is not None
        await put(store, CONTENTS[0])
        place.age(days=170)
        (old,) = (await listed(store)).values()
        assert clock.now() - old > timedelta(days=169)
        assert await put(store, CONTENTS[0]) is False
        (young,) = (await listed(store)).values()
        assert clock.now() - young < timedelta(minutes=5)


async def test_a_proof_that_is_not_whole_is_written_again(place: Place) -> None:
    async with open_store(place.section) as store:
        assert store is not None
        await store.put(name_of(CONTENTS[0]), b"half", media_type="image/png")
        assert await put(store, CONTENTS[0]) is False
        assert await store.get(name_of(CONTENTS[0])) == CONTENTS[0]


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(place: Place) -> None:
    async with open_store(place.section) as store:
        assert store is not None
        await put(store, CONTENTS[0])
        for _ in range(2):
            await store.delete(name_of(CONTENTS[0]))
        assert await store.get(name_of(CONTENTS[0])) is None
        assert await listed(store) == {}


async def test_the_parts_of_a_store_are_all_of_it_and_nothing_of_others(place: Place) -> None:
    async with open_store(place.section) as store:
        assert store is not None
        assert await listed(store) == {}
        for content in CONTENTS:
            await put(store, content)
        for name in ("readme.txt", "00/notes", f"0/{'a' * 64}", f"00/{'A' * 64}"):
            place.put_beside(name)
        found = await listed(store)
        assert set(found) == {name_of(content) for content in CONTENTS}
        assert all(timedelta(minutes=-5) < clock.now() - at < timedelta(minutes=5) for at in found.values())


async def test_a_process_that_used_the_store_ends_in_good_order(place: Place) -> None:
    """Obstore's asynchronous calls abort the interpreter at its end more often than not: they are not used."""
    program = """
import asyncio, sys
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import open_store

async def main():
    async with open_store(ProofSection.model_validate_json(sys.stdin.read())) as store:
        await store.put("ab" * 32, b"x", media_type="image/png")
        for shard in (0xab, 0):
            async for _ in store.kept(shard):
                pass

asyncio.run(main())
"""
    values = place.section.model_dump(mode="json", exclude={"access_key", "secret_key"})
    if place.bucket is not None:
        values |= {"access_key": s3.ACCESS_KEY, "secret_key": s3.SECRET_KEY}
    for _ in range(3):
        done = subprocess.run(  # noqa: ASYNC221 - nothing else runs here
            [sys.executable, "-c", program],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


async def test_no_url_is_no_store() -> None:
    async with open_store(ProofSection()) as store:
        assert store is None


async def test_a_directory_has_the_proof_on_disk_before_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = list[int]()
    fsync = os.fsync

    def noted(opened: int) -> None:
        synced.append(os.fstat(opened).st_ino)
        fsync(opened)

    monkeypatch.setattr("services.ingest.proofs.store.os.fsync", noted)
    async with open_store(ProofSection(url=f"file://{tmp_path}/proofs")) as store:
        assert store is not None
        await put(store, CONTENTS[0])
    (kept,) = (tmp_path / "proofs").glob("*/*")
    assert synced == [path.stat().st_ino for path in (kept, kept.parent, kept.parent.parent)]
    assert (tmp_path / "proofs").stat().st_mode & 0o077 == 0


async def test_a_directory_that_cannot_be_written_is_transient(tmp_path: Path) -> None:
    (tmp_path / "proofs").mkdir()
    (tmp_path / "proofs" / name_of(CONTENTS[0])[:2]).write_bytes(b"in the way")
    async with open_store(ProofSection(url=f"file://{tmp_path}/proofs")) as store:
        assert store is not None
        with pytest.raises(Transient):
            await put(store, CONTENTS[0])


async def test_a_bucket_is_told_the_type_and_the_prefix_is_kept_to(bucket: s3.Bucket) -> None:
    async with open_store(bucket_section(bucket)) as store:
        assert store is not None
        await put(store, CONTENTS[0])
    ((name, stored),) = bucket.objects.items()
    sha = name_of(CONTENTS[0])
    assert (name, stored.media_type) == (f"proofs/{sha[:2]}/{sha}", "image/png")
    assert {path.split("?")[0].split("/")[1] for _, path in bucket.requests} == {"parcels"}


@pytest.mark.parametrize("status", [500, 503, 403, 400])
async def test_a_bucket_that_refuses_is_transient_within_the_limit(bucket: s3.Bucket, status: int) -> None:
    bucket.fail_with = status
    async with open_store(bucket_section(bucket, timeout_s=1)) as store:
        assert store is not None
        await check_transient_soon(store)


async def test_a_bucket_that_does_not_answer_is_transient_within_the_limit(bucket: s3.Bucket) -> None:
    bucket.hold = threading.Event()
    async with open_store(bucket_section(bucket, timeout_s=0.3)) as store:
        assert store is not None
        await check_transient_soon(store)


async def test_a_bucket_that_nobody_serves_is_transient_within_the_limit() -> None:
    with s3.serve() as gone:
        section = bucket_section(gone, timeout_s=1)
    async with open_store(section) as store:
        assert store is not None
        await check_transient_soon(store)


async def test_a_wrong_secret_is_transient_and_stands_in_no_error(bucket: s3.Bucket) -> None:
    async with open_store(bucket_section(bucket, secret_key="not the secret")) as store:
        assert store is not None
        with pytest.raises(Transient) as caught:
            await put(store, CONTENTS[0])
    assert caught.value.message == "the store of proofs did not put: PermissionDeniedError"


async def check_transient_soon(store: ProofStore) -> None:
    """Every call ends with Transient, and soon."""
    for call in (put(store, CONTENTS[0]), store.get("ab" * 32), store.delete("ab" * 32), anext(aiter(store.kept(0)))):
        start = clock.monotonic()
        with pytest.raises(Transient) as caught:
            await call
        assert caught.value.reason == "proof_store"
        assert clock.monotonic() - start < 3
