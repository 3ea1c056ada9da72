"""A consumer keeps nothing of the batches that it has applied, whatever stays of their work."""

import gc

from aiokafka import ConsumerRecord

from services.runtime.consume import Batch
from tests.integration.runtime_consuming import TOPIC, bench, write_down
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually


async def test_records_that_were_applied_are_kept_by_nobody(kafka: Kafka, empty_database: str, prefix: str) -> None:
    # Each batch prepares a statement of its own: asyncpg keeps it for minutes, and with it the context of the call.
    async def apply(batch: Batch) -> None:
        await batch.connection.fetchval(f"select {batch.records[0].offset}")
        await write_down(batch)

    def kept() -> int:
        gc.collect()
        found = (one for one in gc.get_objects() if isinstance(one, ConsumerRecord))
        return sum(one.topic.startswith(prefix) for one in found)

    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as on:
        await on.life.consume(on.consumer(apply))
        for sent in range(1, 4):
            await on.send(str(sent))
            await on.has(*(str(one) for one in range(1, sent + 1)))
        await eventually(lambda: kept() == 0, what="a process without the records of its batches")
