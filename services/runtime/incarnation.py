"""Which database this is: a restart, a copy or a failover makes another one of it, which may have lost commits (E7).

The database keeps the name under which it was last compared with what its service has published. While its own name is
another one, nothing is done that could have been done before. Each service has such a table and its way to compare.
"""

from typing import Final

from services.runtime.errors import Transient
from services.runtime.postgres import Connection

# Another cluster, another timeline (a promotion, a recovery to an earlier time), another database under the same name;
# another start of the server: its files may have been exchanged for older ones while it was down, as by a snapshot.
# Empty while it is recovering: then nobody can write, and its name is not known yet.
_NAME: Final = """
case when pg_is_in_recovery() then '' else format('%s/%s/%s/%s',
    (select system_identifier from pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8),
    (select oid from pg_database where datname = current_database()),
    extract(epoch from pg_postmaster_start_time()))
end
"""
_READ: Final = f"select {_NAME}"
# Without a name it was never compared: a new one, or one that was restored from before names were kept.
_COMPARED: Final = f"select name from {{schema}}.incarnation where name = {_NAME}"  # noqa: S608
_NOTE: Final = """
insert into {schema}.incarnation (name) values ($1) on conflict (only_row) do update set name = excluded.name
"""


async def read(connection: Connection) -> str:
    """Return the database's own name."""
    name: str = await connection.fetchval(_READ)
    return name


async def is_compared(connection: Connection, schema: str) -> bool:
    """Tell whether this very database was compared with what the service has published."""
    return await connection.fetchval(_COMPARED.format(schema=schema)) is not None


async def hold(connection: Connection, schema: str) -> str:
    """Return the name under which a transaction may go on; raises Transient while the database is not compared."""
    name: str | None = await connection.fetchval(_COMPARED.format(schema=schema))
    if name is None:
        message = f"the database is another one than was last compared with the log: a process of {schema} compares it"
        raise Transient("database_changed", message)
    return name


async def note(connection: Connection, schema: str, name: str) -> None:
    """Note under which name it was compared."""
    await connection.execute(_NOTE.format(schema=schema), name)
