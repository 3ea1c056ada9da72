"""An operator at `trackfold dead-letters`, and records that were set aside, on a real broker."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete

from schemas.dead_letters import DEAD_LETTER, DeadLetter, quarantine
from services.runtime import clock
from services.runtime.kafka import Record
from tests.pipeline import Pipeline
from tests.stack import topics

DEAD_LETTERS: Final = "dead-letters.v1"
WEBHOOKS: Final = "carrier.webhooks.v1"
ORDER_EVENTS: Final = "order.events.v1"
LIMIT_S: Final = 60.0
WHY: Final = ("--reason", "the map was mended", "--author", "kim")

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Desk:
    """Types commands, and reads what they leave in Kafka."""

    pipeline: Pipeline
    env: dict[str, str] = field(default_factory=dict)

    async def type(self, *words: str, exit_code: int = 0, **env: str) -> str:
        """Run one command of the group and return all that it printed."""
        ran = await self.pipeline.processes.start(
            "dead-letters",
            env=self.pipeline.environment(**(self.env | env)),
            arguments=("dead-letters", *words),
            wait_ready=False,
        )
        assert await ran.wait(LIMIT_S) == exit_code, ran.log()
        return ran.log()

    async def ask(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """Run one command with --json and return its document."""
        said = await self.type(*words, "--json", exit_code=exit_code)
        found: dict[str, Any] = json.JSONDecoder().raw_decode(said[said.index("{\n") :])[0]
        return found

    async def write(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers = (), **producing: object
    ) -> Record:
        """Write one record some time ago, and return it as it lies there; `producing` are the producer's settings."""
        at = int((clock.now() - timedelta(hours=3)).timestamp() * 1000)
        async with topics.producer(self.pipeline.kafka, **producing) as producer:
            done = await producer.send_and_wait(
                self.pipeline.prefix + topic, value, key=key, headers=list(headers), partition=1, timestamp_ms=at
            )
        return Record(topic, done.partition, done.offset, at, key, value, tuple(headers))

    async def set_aside(self, record: Record, *, service: str = "ingest", reason: str = "not_json") -> str:
        """Set a record aside as a service does; return the key."""
        letter = quarantine(service, record, reason=reason, detail="byte 0", at=clock.now())
        await self.letter(letter)
        return letter.key

    async def letter(self, letter: DeadLetter) -> None:
        """Write a dead letter."""
        async with topics.producer(self.pipeline.kafka) as producer:
            wire = self.pipeline.prefix + DEAD_LETTERS
            await producer.send_and_wait(wire, DEAD_LETTER.dump_json(letter), key=letter.key.encode())

    async def letters(self, enough: int) -> list[DeadLetter]:
        """Return what lies in the dead letters, once there is so much."""
        found = await self.pipeline.messages(DEAD_LETTERS, lambda records: len(records) >= enough)
        return [DEAD_LETTER.validate_json(one.value) for one in found]

    async def count(self, topic: str) -> int:
        """Return how many records a topic has been given."""
        wire = self.pipeline.prefix + topic
        consumer = AIOKafkaConsumer(wire, bootstrap_servers=self.pipeline.kafka.bootstrap_servers)
        try:
            await consumer.start()
            ends: dict[TopicPartition, int] = await consumer.end_offsets(sorted(consumer.assignment()))
            return sum(ends.values())
        finally:
            await consumer.stop()

    async def read(self, topic: str, enough: int) -> list[Any]:
        """Return the records of a topic as they lie there, once there are so many."""
        return await self.pipeline.messages(topic, lambda records: len(records) >= enough)

    async def delete_before(self, record: Record) -> None:
        """Let retention take all that lies before a record in its partition."""
        where = TopicPartition(self.pipeline.prefix + record.topic, record.partition)
        async with topics.admin(self.pipeline.kafka) as admin:
            await admin.delete_records({where: RecordsToDelete(before_offset=record.offset)})
