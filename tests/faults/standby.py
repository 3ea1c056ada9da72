"""A streaming standby of `own_postgres`: it follows by way of a proxy, and is promoted with what it has by then.

async with standby(own_postgres) as second:
    second.wire.refuse(); second.wire.cut()      # what is committed from now on it never hears of
    await second.promote()
    second.database_url                          # the same database, at another address
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from services.local.ports import free_port
from services.local.postgres import _home
from tests.faults.own_postgres import OwnPostgres, _copy
from tests.faults.proxy import Proxy, address_of, proxy

#: What the eighth line of its pid file says: it serves readers, or it was promoted.
_UP: Final = frozenset({"standby", "ready"})


class Standby(OwnPostgres):
    """Started from a backup of its primary; read-only until it is promoted."""

    def __init__(self, backup: Path, primary_url: str, wire: Proxy) -> None:
        super().__init__()
        self._backup, self._primary, self.wire = backup, urlsplit(primary_url), wire

    def start(self) -> str:
        """Begin to follow the primary."""
        self._scratch, self._programs, self._account = _home()
        self._data, self._port = self._scratch.path / "data", free_port()
        _copy(self._backup, self._data)
        follow = self._data / "standby.signal"
        follow.touch(mode=0o600)
        if self._account is not None:
            os.chown(follow, self._account.uid, self._account.gid)
        with (self._data / "postgresql.auto.conf").open("a") as settings:
            account = f"user={self._primary.username} password={self._primary.password}"
            settings.write(f"primary_conninfo = 'host={self.wire.host} port={self.wire.port} {account}'\n")
        self.go_on()
        account = f"{self._primary.username}:{self._primary.password}"
        self.url = urlunsplit(self._primary._replace(netloc=f"{account}@127.0.0.1:{self._port}"))
        return self.url

    async def promote(self) -> None:
        """Make it the primary: whatever it did not hear of is lost."""
        connection = await asyncpg.connect(self.url, timeout=10, command_timeout=70)
        try:
            assert await connection.fetchval("select pg_promote()"), "it was not promoted"
        finally:
            await connection.close(timeout=5)

    def _is_up(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() in _UP


@asynccontextmanager
async def standby(primary: OwnPostgres) -> AsyncIterator[Standby]:
    """Run a standby of a server within the block; the server is stopped for a moment to be copied."""
    async with proxy(address_of(primary.url)) as wire:
        made = Standby(primary.backup(), primary.url, wire)
        try:
            made.start()
            yield made
        finally:
            made.stop()
