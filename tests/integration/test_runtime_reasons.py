"""Whoever refuses a record, and with whatever code: the reason is a word that its dead letter takes."""

from schemas.dead_letters import quarantine
from services.runtime import clock
from services.runtime.consume import Batch
from services.runtime.kafka import Record
from services.runtime.postgres import Connection
from tests.integration.runtime_consuming import TOPIC, bench, write_down, write_letter
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.unit.runtime.test_delivery import DEAD_LETTER


async def test_the_reason_of_every_refusal_is_a_word_that_a_dead_letter_takes(
    kafka: Kafka, empty_database: str, prefix: str
) -> None:
    """E10."""

    async def apply(batch: Batch) -> None:
        for one in batch.records:
            if one.value != b"good":
                raise DEAD_LETTER[int(one.value or b"")]
        await write_down(batch)

    async def set_aside(connection: Connection, record: Record, reason: str) -> None:
        letter = quarantine("status", record, reason=reason, detail=None, at=clock.now())
        await write_letter(connection, record, letter.reason)

    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as on:
        await on.send("good", *(str(number) for number in range(len(DEAD_LETTER))), "good")
        consumer = on.consumer(apply)
        consumer._dead_letter = set_aside  # noqa: SLF001 - what a service would have given
        await on.life.consume(consumer)
        await on.has("good", "good")
        reasons = [reason for _, reason in await on.letters()]
    assert len(reasons) == len(DEAD_LETTER)
    assert {"postgres_22021", "postgres_22p05", "dataerror", "unreadable"} <= set(reasons)
