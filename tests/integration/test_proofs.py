"""Index, retention and erasure of proofs: a directory and a real database."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.scans import Proof, Scan
from services.ingest.proofs import desk, erasure, retention
from services.ingest.proofs.index import ProofIndex
from services.ingest.proofs.retention import Retention
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import SHARDS, ProofStore, open_store
from services.runtime import clock, migrate, postgres
from services.runtime.errors import Misconfigured, Transient
from services.runtime.settings import PostgresSettings

NOW = clock.now()
ONE, TWO, THREE = b"one", b"two", b"three"


class Proofs:
    """A store and an index, and what is in them."""

    def __init__(self, store: ProofStore, index: ProofIndex, folder: Path) -> None:
        self.store, self.index, self.folder = store, index, folder

    async def told(self, content: bytes, number: str, *, days_ago: float = 0) -> None:
        """Keep a proof and note it for a parcel, as if so long ago."""
        await self.put(content)
        await self.index.note([scan(content, number, told_at=NOW - timedelta(days=days_ago))])
        await asyncio.to_thread(self.age, content, days_ago)

    async def put(self, content: bytes) -> None:
        await self.store.put(name(content), content, media_type="image/png")

    def age(self, content: bytes, days: float) -> None:
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(self.folder / name(content)[:2] / name(content), (at, at))

    async def has(self, content: bytes) -> bool:
        return await self.store.get(name(content)) is not None

    async def rows(self) -> set[tuple[str, str]]:
        async with self.index.pool.acquire() as connection:
            found = await connection.fetch("select sha256, shipment from ingest.proof")
        contents = {name(one): one.decode() for one in (ONE, TWO, THREE)}
        return {(contents[row["sha256"]], row["shipment"]) for row in found}


def name(content: bytes) -> str:
    return sha256(content).hexdigest()


def scan(content: bytes, number: str, *, told_at: datetime = NOW) -> Scan:
    proof = Proof(kind="photo", sha256=name(content), media_type="image/png", bytes=len(content))
    return Scan(
        kind="scan", event_key="e1", provider="ups", carrier="ups", number=number, occurred_at=NOW, told_at=told_at,
        proofs=(proof,),
    )  # fmt: skip


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Proofs]:
    settings = PostgresSettings(url=SecretStr(url), pool_size=4)
    async with (
        open_store(ProofSection(url=f"file://{folder}")) as store,
        postgres.open_pool(settings, "tests") as pool,
    ):
        assert store is not None
        yield Proofs(store, ProofIndex(pool), folder)


@pytest.fixture
async def url(empty_database: str) -> str:
    """A database with the schema of ingest."""
    async with postgres.connect(PostgresSettings(url=SecretStr(empty_database)), "tests") as connection:
        await migrate.up(connection, ("ingest",))
    return empty_database


@pytest.fixture
async def proofs(url: str, tmp_path: Path) -> AsyncIterator[Proofs]:
    """An empty store and an empty index."""
    async with opened(url, tmp_path / "proofs") as made:
        yield made


async def test_a_scan_that_is_told_again_is_noted_once_with_its_newest_time(proofs: Proofs) -> None:
    older, newer = (scan(ONE, "1Z1", told_at=NOW - timedelta(days=days)) for days in (9, 1))
    for told in ([older], [newer, older, newer], [older], []):
        await proofs.index.note(told)
    assert await proofs.rows() == {("one", "ups:1Z1")}
    assert await proofs.index.younger([name(ONE)], NOW - timedelta(days=2)) == {name(ONE)}
    assert await proofs.index.younger([name(ONE)], NOW) == frozenset()
    assert await proofs.index.younger([], NOW) == frozenset()


async def test_many_processes_may_note_the_same_scans_at_once(proofs: Proofs) -> None:
    scans = [scan(content, number) for content in (ONE, TWO, THREE) for number in ("1Z1", "1Z2")]
    await asyncio.gather(*(proofs.index.note(scans[turn:] + scans[:turn]) for turn in range(6)))
    assert len(await proofs.rows()) == 6


async def test_what_is_older_than_the_retention_is_deleted_and_the_rest_stays(proofs: Proofs) -> None:
    await proofs.told(ONE, "1Z1", days_ago=31)
    await proofs.told(TWO, "1Z2", days_ago=29)
    keeper = Retention(proofs.store, proofs.index, 30)
    assert await keeper.expire(now=NOW, dry_run=True) == [name(ONE)]
    assert await proofs.has(ONE)
    assert await keeper.expire(now=NOW) == [name(ONE)]
    assert (await proofs.has(ONE), await proofs.has(TWO)) == (False, True)
    assert await proofs.rows() == {("two", "ups:1Z2")}
    assert await keeper.expire(now=NOW) == []


async def test_an_old_object_stays_while_another_parcel_was_told_of_it_since(proofs: Proofs) -> None:
    await proofs.told(ONE, "1Z1", days_ago=40)
    await proofs.index.note([scan(ONE, "1Z2", told_at=NOW - timedelta(days=3))])
    assert await Retention(proofs.store, proofs.index, 30).expire(now=NOW) == []
    assert await proofs.has(ONE)
    assert await proofs.rows() == {("one", "ups:1Z2")}


async def test_an_object_that_no_scan_came_of_goes_by_its_own_age(proofs: Proofs) -> None:
    await proofs.put(ONE)
    await asyncio.to_thread(proofs.age, ONE, 31)
    assert await Retention(proofs.store, proofs.index, 30).expire(now=NOW) == [name(ONE)]


async def test_without_an_index_the_age_of_the_object_counts(proofs: Proofs) -> None:
    await proofs.told(ONE, "1Z1", days_ago=31)
    await proofs.put(TWO)
    assert await Retention(proofs.store, None, 30).expire(now=NOW) == [name(ONE)]
    assert await proofs.has(TWO)
    assert not await proofs.has(ONE)


async def test_a_replay_of_old_webhooks_brings_no_old_row_back_for_good(proofs: Proofs) -> None:
    await proofs.index.note([scan(ONE, "1Z1", told_at=NOW - timedelta(days=90))])
    await Retention(proofs.store, proofs.index, 30).expire(now=NOW)
    assert await proofs.rows() == set()


async def test_a_day_of_rounds_looks_through_every_part_of_the_store_once() -> None:
    rounds = [retention.hourly(NOW.replace(hour=hour)) for hour in range(24)]
    assert sorted(shard for one in rounds for shard in one) == list(range(SHARDS))
    assert max(map(len, rounds)) <= 11


async def test_deleting_stops_when_the_process_stops(proofs: Proofs) -> None:
    await proofs.told(ONE, "1Z1", days_ago=31)
    keeper = replace(Retention(proofs.store, proofs.index, 30), stopping=lambda: True)
    assert await keeper.expire(now=NOW) == []
    assert await proofs.has(ONE)


async def test_an_erased_shipment_loses_its_proofs_and_no_other_does(proofs: Proofs) -> None:
    await proofs.told(ONE, "1Z1")
    await proofs.told(TWO, "1Z1")
    await proofs.told(TWO, "1Z2")
    await proofs.told(THREE, "1Z2")
    planned = await erasure.erase(proofs.store, proofs.index, "ups:1Z1", dry_run=True)
    assert (await proofs.has(ONE), len(await proofs.rows())) == (True, 4)
    assert await erasure.erase(proofs.store, proofs.index, "ups:1Z1") == planned
    assert planned == erasure.Erased((name(ONE),), (name(TWO),))
    assert [await proofs.has(content) for content in (ONE, TWO, THREE)] == [False, True, True]
    assert await proofs.rows() == {("two", "ups:1Z2"), ("three", "ups:1Z2")}
    assert await erasure.erase(proofs.store, proofs.index, "ups:1Z1") == erasure.Erased()


async def test_the_last_of_two_shipments_takes_the_shared_proof_with_it_even_at_once(proofs: Proofs) -> None:
    for _ in range(5):
        await proofs.told(ONE, "1Z1")
        await proofs.told(ONE, "1Z2")
        await asyncio.gather(*(erasure.erase(proofs.store, proofs.index, f"ups:{number}") for number in ("1Z1", "1Z2")))
        assert (await proofs.has(ONE), await proofs.rows()) == (False, set())


async def test_a_shipment_of_many_proofs_is_erased_whole(proofs: Proofs) -> None:
    contents = [f"photo {number}".encode() for number in range(25)]
    for content in contents:
        await proofs.told(content, "1Z1")
    erased = await erasure.erase(proofs.store, proofs.index, "ups:1Z1")
    assert sorted(erased.deleted) == sorted(map(name, contents))
    assert not any([await proofs.has(content) for content in contents])


async def test_an_erasure_that_the_store_did_not_do_is_found_and_done_again(proofs: Proofs) -> None:
    await proofs.told(ONE, "1Z1")

    class Away:
        async def delete(self, _: str) -> None:
            raise Transient("proof_store")

    with pytest.raises(Transient):
        await erasure.erase(Away(), proofs.index, "ups:1Z1")  # type: ignore[arg-type]
    assert await proofs.rows() == {("one", "ups:1Z1")}
    await erasure.erase(proofs.store, proofs.index, "ups:1Z1")
    assert not await proofs.has(ONE)


async def test_the_commands_show_expire_and_erase(
    url: str, proofs: Proofs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section = ProofSection(url=f"file://{proofs.folder}", index=True)
    at = desk.Desk(section, PostgresSettings(url=SecretStr(url)))
    await proofs.told(ONE, "1Z1")
    await proofs.told(TWO, "1Z1", days_ago=400)
    assert await desk.show(at, name(ONE), tmp_path / "one.png") == 0
    assert (tmp_path / "one.png").read_bytes() == ONE
    assert (tmp_path / "one.png").stat().st_mode & 0o077 == 0
    assert await desk.show(at, name(THREE), tmp_path / "none.png") == 1
    await desk.expire(at, days=None, dry_run=False, as_json=False)
    assert capsys.readouterr().out == f"expired\t{name(TWO)}\n"
    await desk.erase(at, " UPS:1z1", dry_run=True, as_json=True)
    assert await proofs.has(ONE)
    assert capsys.readouterr().out == f'{{"dry_run": true, "erased": ["{name(ONE)}"], "shared": []}}\n'
    await desk.erase(at, "ups:1Z1", dry_run=False, as_json=False)
    assert not await proofs.has(ONE)


async def test_without_an_index_nothing_is_erased_and_the_command_says_why(tmp_path: Path) -> None:
    at = desk.Desk(ProofSection(url=f"file://{tmp_path}/proofs"), PostgresSettings())
    with pytest.raises(Misconfigured) as caught:
        await desk.erase(at, "ups:1Z1", dry_run=True, as_json=False)
    assert caught.value.reason == "no_proof_index"
