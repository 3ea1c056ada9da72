"""Forward-only migrations: numbered SQL files, each applied once, in order, under a lock, with a checksum.

A file that was applied must not change any more, and nothing is ever taken back: a mistake is mended by the next file.
The files keep dbmate's marker (`-- migrate:up`), so that an operator may look at them with dbmate.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import structlog

from services.runtime import clock, delivery
from services.runtime.errors import Misconfigured, Transient
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool

log = structlog.stdlib.get_logger("trackfold.migrate")

#: The services that have a schema of their own name.
SCHEMAS: Final = ("status", "notify", "ingest")

_LOCK_WAIT_S: Final = 120.0
_FILE: Final = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_UP: Final = re.compile(r"^--\s*migrate:up(?P<options>[^\n]*)\n", re.MULTILINE)
_DOWN: Final = re.compile(r"^--\s*migrate:down", re.MULTILINE)

# The schema is a word of our own, never input: names cannot be parameters.
_CREATE: Final = """
create schema if not exists {schema};
create table if not exists {schema}.schema_migrations (
  version text primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
)
"""
_EXISTS: Final = "select to_regclass($1) is not null"
_APPLIED: Final = "select version, checksum from {schema}.schema_migrations"
_RECORD: Final = "insert into {schema}.schema_migrations (version, name, checksum) values ($1, $2, $3)"
_TRY_LOCK: Final = "select pg_try_advisory_lock(hashtext('trackfold migrate'))"
_UNLOCK: Final = "select pg_advisory_unlock(hashtext('trackfold migrate'))"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: str
    name: str
    sql: str
    checksum: str
    in_transaction: bool


@dataclass(frozen=True, slots=True)
class State:
    """One migration of one schema and whether it was applied."""

    schema: str
    version: str
    name: str
    applied: bool


def read(schema: str) -> list[Migration]:
    """Return the migrations of a service, in order; raises Misconfigured when a file is not one."""
    folder = resources.files("services") / schema / "migrations"
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    found = [parse(name, (folder / name).read_text("utf-8")) for name in names]
    if len({one.version for one in found}) != len(found):
        raise Misconfigured("migration_number", f"two migrations of {schema} have one number")
    return found


def parse(file: str, text: str) -> Migration:
    """Read one file; raises Misconfigured when its name or marker is missing."""
    name = _FILE.match(file)
    up = _UP.search(text)
    if name is None or up is None:
        raise Misconfigured("migration_file", f"{file}: a migration is NNNN_name.sql with a line `-- migrate:up`")
    sql = _DOWN.split(text[up.end() :], maxsplit=1)[0].strip()
    checksum = hashlib.sha256(sql.encode()).hexdigest()
    return Migration(name[1], name[2], sql, checksum, "transaction:false" not in up["options"])


async def up(connection: Connection, schemas: Iterable[str] = SCHEMAS) -> list[State]:
    """Apply what is missing and return it; two runs at once wait for each other."""
    await _lock(connection)
    try:
        return [state for schema in schemas for state in await _up_one(connection, schema)]
    finally:
        await connection.execute(_UNLOCK)


async def status(connection: Connection, schemas: Iterable[str] = SCHEMAS) -> list[State]:
    """Return every migration and whether it was applied; changes nothing."""
    states = []
    for schema in schemas:
        migrations = read(schema)
        done = await _applied(connection, schema, migrations)
        states += [State(schema, one.version, one.name, one.version in done) for one in migrations]
    return states


async def wait(life: Life, pool: Pool, schema: str) -> None:
    """Return when the schema is as new as this process needs; until then readyz says what to run."""

    async def check() -> None:
        async with pool.acquire() as connection:
            pending = [state for state in await status(connection, (schema,)) if not state.applied]
        if pending:
            first = f"{pending[0].version}_{pending[0].name}"
            text = f"migrations pending in {schema}, first {first}: run `trackfold migrate up`"
            raise Transient("migrations_pending", text, hint="trackfold migrate up")

    await delivery.persist(check, life=life, what=f"{schema} migrations")


async def _lock(connection: Connection) -> None:
    # Asking again instead of waiting inside the server: a waiting statement would hit lock_timeout.
    end = clock.monotonic() + _LOCK_WAIT_S
    while not await connection.fetchval(_TRY_LOCK):
        if clock.monotonic() > end:
            raise Transient("migration_lock", "another migration run has been at work for two minutes")
        await asyncio.sleep(0.2)


async def _up_one(connection: Connection, schema: str) -> list[State]:
    migrations = read(schema)
    if not migrations:
        return []
    await connection.execute(_CREATE.format(schema=schema))
    done = await _applied(connection, schema, migrations)
    missing = [one for one in migrations if one.version not in done]
    for one in missing:
        await _apply(connection, schema, one)
        log.info("migrated", schema=schema, version=one.version, name=one.name)
    return [State(schema, one.version, one.name, applied=True) for one in missing]


async def _apply(connection: Connection, schema: str, migration: Migration) -> None:
    row = (migration.version, migration.name, migration.checksum)
    if not migration.in_transaction:
        # For `create index concurrently`: such a file must be one that can be run again after a crash.
        await connection.execute(migration.sql)
        await connection.execute(_RECORD.format(schema=schema), *row)
        return
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(_RECORD.format(schema=schema), *row)


async def _applied(connection: Connection, schema: str, migrations: Sequence[Migration]) -> set[str]:
    if not await connection.fetchval(_EXISTS, f"{schema}.schema_migrations"):
        return set()
    rows = await connection.fetch(_APPLIED.format(schema=schema))
    known = {one.version: one for one in migrations}
    for row in rows:
        one = known.get(row["version"])
        if one is not None and one.checksum != row["checksum"]:
            raise Misconfigured(
                "migration_changed",
                f"{schema}/{one.version}_{one.name}.sql was changed after it was applied",
                hint="put the file back and write the change as a new one",
            )
    return {row["version"] for row in rows}
