"""Part `webhooks`: how many the door takes beside a naive route, on the broker of the run."""

from dataclasses import asdict
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks import webhooks
from benchmarks.full.bench import Bench, Figures

_ROUNDS: Final = 9
_SECONDS: Final = 4.0
_PARTITIONS: Final = 3


async def measure(bench: Bench) -> Figures:
    """Return the medians."""
    topic = bench.prefix("door") + "carrier.webhooks.v1"
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.stack.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=_PARTITIONS, replication_factor=1)])
        rounds = bench.sized(_ROUNDS, least=3)
        found = await webhooks.measure(bench.stack.bootstrap, topic, rounds=rounds, seconds=_SECONDS)
        await admin.delete_topics([topic])
    finally:
        await admin.close()
    for line in webhooks.lines_of(found):
        bench.say(f"  {line}")
    return asdict(found)
