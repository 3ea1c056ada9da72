"""Deletes the proofs of one shipment, as when the data of its order are erased.

An object goes when no other shipment has it. Objects go first and rows with the commit, so that what was interrupted is
found and done again. A scan that refers to a deleted proof keeps its reference, which leads nowhere.
"""

from dataclasses import dataclass
from typing import Final

from services.ingest.proofs import index
from services.ingest.proofs.index import ProofIndex
from services.ingest.proofs.store import ProofStore
from services.runtime import metrics

_AT_ONCE: Final = 10
"""Deleted in one transaction: it must end well before the database cuts off an idle one."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it."""

    deleted: tuple[str, ...] = ()
    """Objects that are gone (or would be)."""
    shared: tuple[str, ...] = ()
    """Objects that stay, because another shipment has them too."""


async def erase(store: ProofStore, proofs: ProofIndex, shipment: str, *, dry_run: bool = False) -> Erased:
    """Delete the proofs of a shipment (its key, `carrier:number`); with `dry_run` only say which."""
    if dry_run:
        async with proofs.pool.transaction() as connection:
            found = await index.held(connection, shipment, limit=1000)
        return Erased(found.alone, found.shared)
    deleted, shared = list[str](), list[str]()
    while True:
        some = await _erase_some(store, proofs, shipment)
        deleted += some.deleted
        shared += some.shared
        if not (some.deleted or some.shared):
            return Erased(tuple(deleted), tuple(shared))


async def _erase_some(store: ProofStore, proofs: ProofIndex, shipment: str) -> Erased:
    async with proofs.pool.transaction() as connection:
        found = await index.held(connection, shipment, limit=_AT_ONCE)
        for sha256 in found.alone:
            await store.delete(sha256)
        await index.erase_rows(connection, shipment, (*found.alone, *found.shared))
    metrics.PROOFS_DELETED.labels("erased").inc(len(found.alone))
    return Erased(found.alone, found.shared)
