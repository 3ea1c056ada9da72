"""The status service at work for a part: topics, database, processes, and whoever watches them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaConsumer

from benchmarks.engine import filling
from benchmarks.engine.designs.design import STATUS, Design
from benchmarks.engine.designs.trackfold import DESIGN
from benchmarks.engine.filling import Filler
from benchmarks.engine.measuring import Watch
from benchmarks.engine.stack import Stack, Workers

ROOMY: str = "benchmarks.engine.designs.trackfold"
"""With a cache in which all open orders fit, as in `make bench`."""
AS_DELIVERED: str = "benchmarks.full.as_delivered"
"""With the cache that is delivered."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Processes that run, on topics and a database of their own."""

    stack: Stack
    prefix: str
    dsn: str
    workers: Workers
    watch: Watch
    filler: Filler


@asynccontextmanager
async def engine(stack: Stack, prefix: str, *, processes: int = 1, module: str = ROOMY) -> AsyncIterator[Engine]:
    """Start the service on an empty database; nothing of it stays."""
    async with database(stack, prefix) as dsn, serving(stack, prefix, dsn, processes=processes, module=module) as one:
        yield one


@asynccontextmanager
async def database(stack: Stack, prefix: str) -> AsyncIterator[str]:
    """Give the URL of a database with the service's tables, which goes at the end."""
    name = prefix.rstrip(".").replace(".", "_")
    dsn = await stack.create_database(name)
    try:
        await Workers(ROOMY, DESIGN, stack, prefix=prefix, dsn=dsn).prepare()
        yield dsn
    finally:
        await stack.drop_database(name)


@asynccontextmanager
async def serving(
    stack: Stack, prefix: str, dsn: str, *, processes: int = 1, module: str = ROOMY
) -> AsyncIterator[Engine]:
    """Start the service on a database that is there and topics of its own, which go at the end."""
    design = _of(processes)
    workers = Workers(module, design, stack, prefix=prefix, dsn=dsn)
    await filling.create(stack.bootstrap, prefix)
    try:
        async with (
            Filler(stack.bootstrap, prefix) as filler,
            Watch(stack, design, workers, prefix=prefix, dsn=dsn) as watch,
        ):
            workers.start()
            yield Engine(stack, prefix, dsn, workers, watch, filler)
            await workers.stop()
    finally:
        workers.kill()
        await filling.delete(stack.bootstrap, prefix)


async def messages(one: Engine) -> int:
    """Return how many status messages lie on the topic."""
    consumer = AIOKafkaConsumer(one.prefix + STATUS, bootstrap_servers=one.stack.bootstrap)
    await consumer.start()
    try:
        return sum((await consumer.end_offsets(consumer.assignment())).values())
    finally:
        await consumer.stop()


def _of(processes: int) -> Design:
    return replace(DESIGN, name=f"trackfold_{processes}", processes=processes)
