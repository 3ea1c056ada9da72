"""Trackfold: the status service itself, one or two processes of it, with its own migrations and all its promises.

What could disturb a measurement is kept from happening: no timer fires within the run, nothing is purged.
"""

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg
from pydantic import SecretStr

from benchmarks.engine.designs.design import Config, Design, arguments
from services.runtime import incarnation, migrate
from services.runtime.settings import (
    AdminSettings,
    HttpSettings,
    KafkaSettings,
    LinkSettings,
    LogSettings,
    PostgresSettings,
)
from services.status import packed
from services.status.app import main
from services.status.settings import StatusSection, StatusSettings

_DAY_S: Final = 86_400
_CACHE_BYTES: Final = 2 * 1024**3
_LINK_KEY: Final = SecretStr("benchmark:0123456789abcdef0123456789abcdef")


def order_of(row: Sequence[Any]) -> tuple[str, int, str]:
    """Return (key, version, document as JSON text) of a row, which has the document in its packed message."""
    key, version, doc, message = row
    return key, version, json.dumps(packed.document(key, doc, message))


DESIGN: Final = Design(
    name="trackfold",
    processes=1,
    pending_sql="select count(*) from status.outbox",
    orders_sql="select order_key, version, doc, message from status.orders where version > 0",
    order_of=order_of,
    history_sql="select count(*) from status.ledger where claimed_by is null",
    snapshots=True,
    progress_sql="select coalesce(sum(next_offset), 0)::bigint from status.consumer_offset",
    settings=("a cache of 2 GiB a process, in which all open orders fit", "all else as delivered"),
)
ONE: Final = replace(DESIGN, name="trackfold_1")
TWO: Final = replace(DESIGN, name="trackfold_2", processes=2)


def settings(config: Config) -> StatusSettings:
    """Return the service's settings."""
    return StatusSettings(
        kafka=KafkaSettings(
            bootstrap_servers=(config.bootstrap,),
            topic_prefix=config.prefix,
            replication_factor=1,
            min_insync_replicas=1,
        ),
        postgres=PostgresSettings(url=SecretStr(config.dsn)),
        http=HttpSettings(port=0),
        admin=AdminSettings(port=0),
        log=LogSettings(level="WARNING"),
        links=LinkSettings(keys=(_LINK_KEY,)),
        status=StatusSection(timer_grace_s=_DAY_S, purge_after_days=0, cache_bytes=_CACHE_BYTES),
    )


async def prepare(config: Config) -> None:
    """Apply the product's migrations; the topics are as empty as the database, which needs no looking."""
    connection = await asyncpg.connect(config.dsn)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            await migrate.up(connection, ("status",))
        await incarnation.note(connection, "status", await incarnation.read(connection))
    finally:
        await connection.close()


if __name__ == "__main__":
    import asyncio

    _config, _prepare = arguments()
    if _prepare:
        asyncio.run(prepare(_config))
    else:
        raise SystemExit(main(settings(_config)))
