"""Which shipment has which proof: the table `ingest.proof`, written by the normaliser from the scans it sends.

Without a database there is no index: then a proof's age is that of its object, and nothing can be erased by shipment.
All SQL of proofs stands here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.scans import Scan
from services.runtime.postgres import Connection, Pool

_NOTE: Final = """
insert into ingest.proof (sha256, shipment, kind, media_type, bytes, kept_at) values ($1, $2, $3, $4, $5, $6)
on conflict (sha256, shipment) do update set kept_at = excluded.kept_at where ingest.proof.kept_at < excluded.kept_at
"""
_YOUNGER: Final = "select distinct sha256 from ingest.proof where sha256 = any($1::text[]) and kept_at >= $2"
_FORGET: Final = """
delete from ingest.proof where (sha256, shipment) in (
  select sha256, shipment from ingest.proof where kept_at < $1 order by kept_at limit $2
)
"""
# The rows of other shipments are locked too: of two erasures at once the later one must see what the first deleted.
_LOCK: Final = """
select sha256, shipment from ingest.proof
where sha256 in (select sha256 from ingest.proof where shipment = $1 order by sha256 limit $2)
order by sha256, shipment for update
"""
_ERASE: Final = "delete from ingest.proof where shipment = $1 and sha256 = any($2::text[])"
_FORGOTTEN_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """The proofs of one shipment: those of it alone, and those that another shipment has too."""

    alone: tuple[str, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProofIndex:
    """The table, over ingest's pool."""

    pool: Pool

    async def note(self, scans: Iterable[Scan]) -> None:
        """Remember what the scans refer to; before they are sent, so that nothing is referred to unnoted."""
        rows = sorted(
            {
                (proof.sha256, scan.key): (proof.kind, proof.media_type, proof.bytes, scan.told_at)
                for scan in sorted(scans, key=lambda scan: scan.told_at)
                for proof in scan.proofs
            }.items()
        )
        if not rows:
            return
        async with self.pool.transaction() as connection:
            await connection.executemany(_NOTE, [(*names, *facts) for names, facts in rows])

    async def younger(self, hashes: Collection[str], than: datetime) -> frozenset[str]:
        """Return those that a shipment was told of since."""
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(_YOUNGER, list(hashes), than)
        return frozenset(row["sha256"] for row in rows)

    async def forget(self, before: datetime) -> int:
        """Delete some rows of longer ago; return how many."""
        async with self.pool.transaction() as connection:
            done = await connection.execute(_FORGET, before, _FORGOTTEN_AT_ONCE)
        return int(done.rpartition(" ")[2])


async def held(connection: Connection, shipment: str, *, limit: int) -> Held:
    """Return proofs of a shipment, at most so many, and lock every row that names them until the transaction ends."""
    rows = await connection.fetch(_LOCK, shipment, limit)
    elsewhere = {row["sha256"] for row in rows if row["shipment"] != shipment}
    mine = sorted({row["sha256"] for row in rows if row["shipment"] == shipment})
    return Held(
        alone=tuple(one for one in mine if one not in elsewhere),
        shared=tuple(one for one in mine if one in elsewhere),
    )


async def erase_rows(connection: Connection, shipment: str, hashes: Collection[str]) -> None:
    """Delete the rows of a shipment."""
    await connection.execute(_ERASE, shipment, list(hashes))
