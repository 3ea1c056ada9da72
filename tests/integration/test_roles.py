"""`deploy/postgres/roles.sql`: each service does its whole work with its own role, and nothing beside it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from services.local.catcher import Catcher
from services.runtime import migrate
from tests.pipeline import Pipeline, status_of
from tests.records import event, placed, scan, shipment
from tests.stack.databases import PostgresServer
from tests.waiting import eventually

ROLES_SQL: Final = Path(__file__).parents[2] / "deploy/postgres/roles.sql"
SERVICES: Final = ("ingest", "status", "notify")
ROLES: Final = ("migrator", *SERVICES, "reader")
PASSWORD: Final = "the-password-of-a-test"
LIMIT_S: Final = 60.0
CONTACTS: Final = [{"role": "buyer", "email": "somebody@example.com"}]


@dataclass(frozen=True)
class Rights:
    """A database with the roles of the file, under names of this run's own: roles are the whole server's."""

    server: PostgresServer
    name: str
    prefix: str

    def role(self, name: str) -> str:
        """Return the name of a role in this run."""
        return f"{self.prefix}{name}"

    def url(self, role: str) -> str:
        """Return the URL with which a role logs in."""
        parts = urlsplit(self.server.database_url(self.name))
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{self.role(role)}:{PASSWORD}@{place}"))

    @asynccontextmanager
    async def login(self, role: str | None) -> AsyncIterator[Any]:
        """Log in as a role, or as the superuser."""
        url = self.server.database_url(self.name) if role is None else self.url(role)
        connection = await asyncpg.connect(url, timeout=10, command_timeout=60)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def ask(self, query: str, *values: object, role: str | None = None) -> Any:
        """Return the first value of a query."""
        async with self.login(role) as connection:
            return await connection.fetchval(query, *values)

    async def run(self, statements: str, *, role: str | None = None) -> None:
        """Run statements."""
        async with self.login(role) as connection:
            await connection.execute(statements)

    async def apply(self) -> None:
        """Run the file as an operator does."""
        await self.run(ROLES_SQL.read_text().replace("trackfold_", self.prefix))

    async def migrate(self) -> None:
        """Apply every migration with the role that is there for it."""
        async with self.login("migrator") as connection:
            await migrate.up(connection)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rights(postgres_server: PostgresServer) -> AsyncIterator[Rights]:
    """Roles, migrations, and the roles once more, as the file says."""
    made = Rights(postgres_server, await postgres_server.create(), f"t{uuid.uuid4().hex[:10]}_")
    try:
        await made.apply()
        for role in ROLES:
            await made.run(f"alter role {made.role(role)} password '{PASSWORD}'")
        await made.migrate()
        await made.apply()
        yield made
    finally:
        await postgres_server.drop(made.name)
        for role in ROLES:
            await postgres_server.execute(f"drop role if exists {made.role(role)}")


@pytest.fixture
async def catcher() -> AsyncIterator[Catcher]:
    """A mail server that takes everything."""
    async with Catcher() as made:
        yield made


async def test_the_services_do_their_work_each_with_its_own_role(
    pipeline: Pipeline, rights: Rights, catcher: Catcher
) -> None:
    env = {name: {"DATABASE_URL": rights.url(name)} for name in SERVICES}
    own = {"TRACKFOLD_INGEST__POLLER__ENABLED": "on", "TRACKFOLD_NOTIFY__SETTLE_S": "0"}
    own |= {"TRACKFOLD_NOTIFY__SMTP_PORT": str(catcher.smtp_port), "TRACKFOLD_NOTIFY__SMTP_TLS": "none"}
    running = [await pipeline.start(name, wait_ready=True, **env[name], **own) for name in SERVICES]
    await pipeline.produce([placed(contacts=CONTACTS), shipment(), scan("in_transit", minutes=60)])
    await pipeline.until_state("main:1001", "in_transit")
    await pipeline.messages("notification.outcomes.v1", len)

    async def watched() -> bool:
        return bool(await rights.ask("select count(*) from ingest.watch", role="ingest"))

    await eventually(watched, LIMIT_S, what="a parcel that the poller watches")
    await pipeline.produce([scan("delivered", minutes=90), event("erased", minutes=500)])
    told = await pipeline.until_state("main:1001", "erased")
    assert [status_of(one).state for one in told][-2:] == ["delivered", "erased"]

    async def forgotten() -> bool:
        book = await rights.ask("select book from notify.customer_order", role="notify")
        return "somebody" not in book and not await rights.ask("select count(*) from status.outbox", role="status")

    await eventually(forgotten, LIMIT_S, what="an erased order")
    for process in running:
        assert await process.terminate() == 0, process.log()
        assert "42501" not in process.log()


#: What nobody but its owner may do. `{other}` is a schema of another service, `{own}` the role's own.
FORBIDDEN: Final = {
    "make a table": "create table {own}.mine (n int)",
    "make a table anywhere": "create table public.mine (n int)",
    "make a temporary table": "create temporary table mine (n int)",
    "make a schema": "create schema mine",
    "change a table": "alter table {own}.consumer_offset add column mine int",
    "drop a table": "drop table {own}.consumer_offset",
    "empty a table at once": "truncate {own}.consumer_offset",
    "make a function": "create function {own}.mine() returns int language sql as 'select 1'",
    "make an extension": "create extension hstore",
    "make a role": "create role mine",
    "make a database": "create database mine",
    "read files of the server": "select pg_read_file('/etc/passwd')",
    "run programs on the server": "copy (select 1) to program 'true'",
    "write files of the server": "copy (select 1) to '/tmp/mine'",
    "change the server's settings": "alter system set work_mem = '1MB'",
    "read passwords": "select * from pg_authid",
    "become the superuser": "set role postgres",
    "become the migrator": "set role {prefix}migrator",
    "look into another service": "select * from {other}.consumer_offset",
    "write into another service": "update {other}.consumer_offset set next_offset = 0",
    "delete from another service": "delete from {other}.consumer_offset",
    "say that a migration ran": "insert into {own}.schema_migrations values ('9999', 'mine', 'x')",
    "rewrite who accepted a log": "update {own}.offset_adopted set author = 'nobody'",
    "forget who accepted a log": "delete from {own}.offset_adopted",
    "forget that records were lost": "delete from {own}.offset_gap",
}  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("what", FORBIDDEN)
async def test_a_service_may_not(rights: Rights, service: str, what: str) -> None:
    for other in SERVICES:
        if other == service:
            continue
        statement = FORBIDDEN[what].format(own=service, other=other, prefix=rights.prefix)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rights.run(statement, role=service)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from notify.customer_order",
        "select * from ingest.watch",
        "update status.orders set version = 1",
        "insert into status.snapshot_repeat values ('x', now())",
        "delete from status.ledger",
        "create temporary table mine (n int)",
    ],
)
async def test_people_may_read_status_and_nothing_else(rights: Rights, statement: str) -> None:
    assert await rights.ask("select count(*) from status.orders", role="reader") is not None
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
        await rights.run(statement, role="reader")
    # Nor when they take back what only keeps them from accidents.
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await rights.run(f"begin read write; {statement}", role="reader")


async def test_no_role_has_rights_over_the_server_or_is_in_another(rights: Rights) -> None:
    ours = [rights.role(role) for role in ROLES]
    strong = "rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
    assert await rights.ask("select count(*) from pg_roles where rolname = any($1)", ours) == len(ROLES)
    assert await rights.ask(f"select count(*) from pg_roles where rolname = any($1) and ({strong})", ours) == 0  # noqa: S608
    assert await rights.ask("select count(*) from pg_auth_members where member::regrole::text = any($1)", ours) == 0


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_cannot_let_others_in(rights: Rights, service: str) -> None:
    table = f"{service}.consumer_offset"
    await rights.run(f"grant select on {table} to public", role=service)  # Postgres only warns that it gave nothing
    for other in {*SERVICES, "reader"} - {service, "reader" if service == "status" else ""}:
        assert not await rights.ask("select has_table_privilege($1, $2, 'select')", rights.role(other), table)


@pytest.mark.parametrize("role", ["ingest", "status", "notify"])
async def test_names_without_a_schema_are_the_roles_own(rights: Rights, role: str) -> None:
    assert await rights.ask("show search_path", role=role) == role
    assert await rights.ask("select count(*) from consumer_offset", role=role) is not None


async def test_a_role_may_end_the_backends_of_its_own_and_no_others(rights: Rights) -> None:
    """E11: a batch ends a frozen process of the same service."""
    frozen = {role: await asyncpg.connect(rights.url(role), timeout=10) for role in ("status", "notify")}
    try:
        pids = {role: connection.get_server_pid() for role, connection in frozen.items()}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rights.ask("select pg_terminate_backend($1)", pids["notify"], role="status")
        assert await rights.ask("select pg_terminate_backend($1)", pids["status"], role="status")
        assert await frozen["notify"].fetchval("select 1") == 1
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await frozen["status"].fetchval("select 1")
    finally:
        for connection in frozen.values():
            connection.terminate()


async def test_what_a_later_migration_makes_is_the_services_at_once(rights: Rights) -> None:
    await rights.run("create table status.later (n bigint generated always as identity)", role="migrator")
    try:
        assert await rights.ask("insert into status.later default values returning n", role="status") == 1
        assert await rights.ask("select count(*) from status.later", role="reader") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rights.run("select * from status.later", role="notify")
    finally:
        await rights.run("drop table status.later", role="migrator")


@pytest.mark.parametrize(
    ("give", "take"),
    [
        ("alter role {} superuser", "alter role {} nosuperuser"),
        ("grant pg_monitor to {}", "revoke pg_monitor from {}"),
    ],
)
async def test_a_role_that_was_given_more_is_refused_by_the_file(rights: Rights, give: str, take: str) -> None:
    await rights.run(give.format(rights.role("status")))
    try:
        with pytest.raises(asyncpg.RaiseError, match="first"):
            await rights.apply()
    finally:
        await rights.run(take.format(rights.role("status")))
