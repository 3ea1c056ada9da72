"""The door beside a naive FastAPI route, both waiting for `acks=all` of the run's broker."""

from benchmarks import webhooks
from tests.stack import topics
from tests.stack.kafka import Kafka

TRIES = 3


async def test_the_door_takes_one_and_a_half_times_the_webhooks_of_a_naive_route_for_two_thirds_of_its_cpu(
    kafka: Kafka, prefix: str
) -> None:
    topic = await topics.create(kafka, f"{prefix}carrier.webhooks.v1")
    found = [await webhooks.measure(kafka.bootstrap_servers, topic, rounds=5, seconds=1)]
    # A ratio holds on a slow machine too; on a busy one somebody may push into the rounds of one of the two.
    while found[-1].times < webhooks.PROMISED and len(found) < TRIES:
        found.append(await webhooks.measure(kafka.bootstrap_servers, topic, rounds=5, seconds=1))
    best = max(found, key=lambda one: one.times)
    assert best.times >= webhooks.PROMISED, webhooks.lines_of(best)
    assert best.cpu_times >= webhooks.PROMISED, webhooks.lines_of(best)
