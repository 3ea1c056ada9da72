"""To which partition of an output topic a key belongs.

Output topics keep their partition count for ever (rule E13), so the count is read once at start. The partitioner is
Kafka's own (murmur2), so that every client finds an order on the same partition.
"""

from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError

from services.runtime import kafka as wiring
from services.runtime.errors import Misconfigured, Transient
from services.runtime.placement import partition_of
from services.runtime.settings import KafkaSettings
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC, Message

_OUTPUT_TOPICS = (STATUS_TOPIC, SNAPSHOT_TOPIC, DEAD_LETTER_TOPIC)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The partition counts of the output topics, by logical name."""

    partitions: dict[str, int]

    def partition(self, topic: str, key: bytes) -> int:
        """Return the partition of a key."""
        return partition_of(key, self.partitions[topic])

    def addressed(self, message: Message) -> tuple[int, Message]:
        """Return a message with its partition."""
        return self.partition(message.topic, message.key), message


async def read_outputs(producer: AIOKafkaProducer, kafka: KafkaSettings) -> Outputs:
    """Ask Kafka for the partition counts; raises Transient, to be waited for, while a topic is not there."""
    # Asked for by its name, a missing topic may be made by the broker, with as many partitions as it likes.
    if missing := await wiring.missing_topics(kafka, "status", _OUTPUT_TOPICS):
        message = f"missing in Kafka, or not ours to see: {', '.join(missing)}"
        raise Transient("topics_missing", message, hint="trackfold topics apply")
    counts: dict[str, int] = {}
    for topic in _OUTPUT_TOPICS:
        try:
            counts[topic] = len(await producer.partitions_for(kafka.topic(topic)))
        except UnknownTopicOrPartitionError as error:
            message = f"topic {kafka.topic(topic)} is not there yet"
            raise Transient("topic_missing", message, hint="run `trackfold topics apply`") from error
    if counts[STATUS_TOPIC] != counts[SNAPSHOT_TOPIC]:
        raise Misconfigured("partitions_differ", "order.status.v1 and order.snapshots.v1 differ in their partitions")
    return Outputs(counts)
