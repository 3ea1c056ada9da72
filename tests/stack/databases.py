"""Which PostgreSQL the run uses; one migrated template per run, copied for every test (30 ms instead of migrations)."""

import asyncio
import contextlib
import io
import os
import uuid
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from services.local.postgres import EmbeddedPostgres
from tests.stack import containers
from tests.stack.unavailable import UnavailableError

KINDS = ("docker", "url", "embedded")
VARIABLE = "TEST_DATABASE_URL"


class Server(Protocol):
    """A server that can be started and stopped; for `url` both do nothing."""

    def start(self) -> str:
        """Start it and give the URL of an account that may create databases."""

    def stop(self) -> None:
        """Stop it and remove what it wrote."""


@dataclass(frozen=True)
class PostgresServer:
    """The server of this run, as the tests see it."""

    url: str
    kind: str
    version: str

    def database_url(self, name: str) -> str:
        """Give the URL of one of its databases."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    async def execute(self, statement: str) -> None:
        """Run one statement outside a transaction (create and drop database)."""
        connection = await asyncpg.connect(self.url, timeout=10, command_timeout=60)
        try:
            await connection.execute(statement)
        finally:
            await connection.close(timeout=5)

    async def create(self, *, template: str = "template1") -> str:
        """Make a database with a name of its own and give the name."""
        name = f"trackfold_test_{uuid.uuid4().hex}"
        await self.execute(f'create database "{name}" template "{template}"')
        return name

    async def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        await self.execute(f'drop database if exists "{name}" with (force)')


def choose_kind(wanted: str | None) -> str:
    """Give the kind to use; without a wish: a named server, a container, the embedded one."""
    if wanted is not None:
        return wanted
    if os.environ.get(VARIABLE):
        return "url"
    return "docker" if containers.why_not() is None else "embedded"


def make_server(kind: str) -> Server:
    """Make the server of a kind; raises UnavailableError with the reason when it cannot be had."""
    if kind == "url":
        return _Named()
    if kind == "docker":
        reason = containers.why_not()
        if reason is not None:
            raise UnavailableError(f"no PostgreSQL in a container: {reason}")
        return containers.PostgresInContainer()
    return EmbeddedPostgres(fsync=False)


def describe(url: str, kind: str) -> PostgresServer:
    """Ask a server that has just started for its version."""

    async def ask() -> str:
        connection = await asyncpg.connect(url, timeout=10, command_timeout=10)
        try:
            return str(await connection.fetchval("show server_version"))
        finally:
            await connection.close(timeout=5)

    return PostgresServer(url, kind, asyncio.run(ask()))


async def make_template(server: PostgresServer) -> str:
    """Make the run's template: an empty database with every migration applied."""
    from services.runtime import migrate  # noqa: PLC0415 -- a broken runtime fails its own tests, not all of them

    name = await server.create()
    connection = await asyncpg.connect(server.database_url(name), timeout=10, command_timeout=60)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its log lines belong to no test
            await migrate.up(connection)
    finally:
        await connection.close(timeout=5)
    return name


async def note_compared(url: str) -> None:
    """Say of a fresh database what a service finds at its start: nothing was published that it does not know (E7)."""
    from services.runtime import incarnation  # noqa: PLC0415 -- as above

    connection = await asyncpg.connect(url, timeout=10, command_timeout=60)
    try:
        for schema in ("status", "notify"):
            await incarnation.note(connection, schema, await incarnation.read(connection))
    finally:
        await connection.close(timeout=5)


class _Named:
    def start(self) -> str:
        url = os.environ.get(VARIABLE)
        if not url:
            raise UnavailableError(f"--postgres url needs {VARIABLE}: the URL of an account that may create databases")
        return url

    def stop(self) -> None:
        """Somebody else's server goes on."""
