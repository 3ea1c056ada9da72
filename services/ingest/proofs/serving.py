"""What `ingest run` starts for proofs. The door needs only the store; the database is waited for behind it."""

from services.ingest.proofs import retention
from services.ingest.proofs.index import ProofIndex
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import ProofStore
from services.ingest.proofs.taking import Takes, open_proofs
from services.runtime import migrate, postgres
from services.runtime.life import Life
from services.runtime.settings import PostgresSettings

SCHEMA = "ingest"


async def open_door(life: Life, section: ProofSection) -> tuple[ProofStore | None, Takes]:
    """Open the store, and give what takes proofs out of webhooks; before the door opens."""
    return await life.enter("proofs", lambda: open_proofs(section))


async def open_index(
    life: Life, section: ProofSection, store: ProofStore | None, database: PostgresSettings
) -> ProofIndex | None:
    """Open the index where it is asked for, and begin to delete what is too old; after the door is open.

    What it gives belongs to the normaliser: `note` comes before the scans are sent.
    """
    if store is None:
        return None
    index = None
    if section.index:
        pool = await life.enter("postgres", lambda: postgres.open_pool(database, "trackfold-ingest-proofs"))
        await migrate.wait(life, pool, SCHEMA)
        index = ProofIndex(pool)
    life.spawn("proof retention", lambda: retention.run(life, store, index, days=section.retention_days))
    return index
