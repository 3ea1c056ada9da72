"""All three services at work, as an operator starts them: from a webhook to the message that a customer gets.

The settings are those that are delivered, but for the time that a message waits in case newer news overtake it: 0. When
a message was claimed a trigger notes, by the database's clock, just before the claim is committed.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from benchmarks.engine.stack import Stack
from benchmarks.webhook_servers import SECRET
from services.local.child import Child, ChildFailedError, listens
from services.local.ports import free_port
from tests.stack.processes import Process, Processes, service_environment

SERVICES: Final = ("ingest", "status", "notify")
_COMMAND_LIMIT_S: Final = 60.0
_STOP_LIMIT_S: Final = 40.0
_CATCHER_LIMIT_S: Final = 20.0
_PARTITIONS: Final = "8"
#: One message is claimed once, as a rule; the first time counts.
_NOTE_CLAIMS: Final = """
create schema benchmark;
create table benchmark.claim (
    id bigint generated always as identity primary key,
    order_key text not null, milestone text not null, at double precision not null
);
create function benchmark.note_claim() returns trigger language plpgsql as $$
begin
    insert into benchmark.claim (order_key, milestone, at)
    values (new.order_key, new.milestone, extract(epoch from clock_timestamp()));
    return null;
end $$;
create trigger note_claim after update on notify.notification
for each row when (new.state = 'attempting' and old.state <> 'attempting') execute function benchmark.note_claim();
"""
_CLAIMED: Final = "select coalesce(max(id), 0) from benchmark.claim"
_CLAIMS: Final = "select order_key, milestone, min(at) as at from benchmark.claim group by 1, 2"


@dataclass(frozen=True, slots=True)
class Chain:
    """The services, and what they have told so far."""

    stack: Stack
    prefix: str
    services: dict[str, Process]
    connection: Any

    @property
    def port(self) -> int:
        """Of the door."""
        return int(self.services["ingest"].http_url.rpartition(":")[2])

    def check(self) -> None:
        """Raise ChildFailedError where a service has ended."""
        for name, process in self.services.items():
            if not process.running:
                raise ChildFailedError(f"{name} ended\n{process.child.tail()}")

    async def claimed(self) -> int:
        """Return how many messages were claimed."""
        return int(await self.connection.fetchval(_CLAIMED))

    async def claims(self) -> dict[tuple[str, str], float]:
        """Return when each message was claimed first, by order and milestone."""
        rows = await self.connection.fetch(_CLAIMS)
        return {(row["order_key"], row["milestone"]): row["at"] for row in rows}


@asynccontextmanager
async def chain(stack: Stack, prefix: str, **overrides: str) -> AsyncIterator[Chain]:
    """Start everything on a database and topics of its own, which end with the run; settings may be overridden."""
    name = prefix.rstrip(".").replace(".", "_")
    processes, dsn = Processes(stack.folder), await stack.create_database(name)
    ports = {"smtp": free_port(), "http": free_port()}
    env = environment(stack.bootstrap, dsn, prefix, smtp_port=ports["smtp"]) | overrides
    catcher = _catcher(stack, prefix, ports)
    try:
        for arguments in (("topics", "apply"), ("migrate", "up")):
            done = await processes.start(arguments[0], env=env, arguments=arguments, wait_ready=False)
            if code := await done.wait(_COMMAND_LIMIT_S):
                raise ChildFailedError(f"`trackfold {' '.join(arguments)}` ended with {code}\n{done.child.tail()}")
        catcher.wait_ready(lambda: listens(ports["smtp"]), limit_s=_CATCHER_LIMIT_S)
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
        try:
            await connection.execute(_NOTE_CLAIMS)
            started = await asyncio.gather(*(processes.start(service, env=env) for service in SERVICES))
            yield Chain(stack, prefix, dict(zip(SERVICES, started, strict=True)), connection)
            for process in started:
                if code := await process.terminate(_STOP_LIMIT_S):
                    raise ChildFailedError(f"{process.name} ended with {code}\n{process.child.tail()}")
        finally:
            await connection.close(timeout=5)
    finally:
        processes.stop()
        catcher.stop()
        await stack.drop_database(name)


def environment(bootstrap: str, dsn: str, prefix: str, *, smtp_port: int) -> dict[str, str]:
    """Return the environment of all services and commands."""
    return service_environment(kafka=bootstrap, database=dsn, prefix=prefix) | {
        "TRACKFOLD_KAFKA__PARTITIONS": _PARTITIONS,
        "TRACKFOLD_LOG__LEVEL": "WARNING",
        "TRACKFOLD_INGEST__SECRETS__EASYPOST": SECRET,
        "TRACKFOLD_NOTIFY__SMTP_HOST": "127.0.0.1",
        "TRACKFOLD_NOTIFY__SMTP_PORT": str(smtp_port),
        "TRACKFOLD_NOTIFY__SMTP_TLS": "none",
        "TRACKFOLD_NOTIFY__SETTLE_S": "0",
    }


def _catcher(stack: Stack, prefix: str, ports: dict[str, int]) -> Child:
    argv = [sys.executable, "-m", "services.local.catcher"]
    argv += [f"--smtp-port={ports['smtp']}", f"--http-port={ports['http']}"]
    return Child.start("the catcher of mails", argv, log=stack.folder / f"{prefix}catcher.log")
