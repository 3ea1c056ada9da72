"""The Kafka consumer of notify: which topics, which group, and the handler that does the work."""

from typing import Final

from services.notify.handler import Handler
from services.notify.inputs import TOPICS
from services.runtime.consume import FencedConsumer
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.runtime.settings import KafkaSettings

GROUP: Final = "trackfold.notify.apply"


def make_consumer(life: Life, settings: KafkaSettings, pool: Pool, handler: Handler) -> FencedConsumer:
    """Return the consumer of order events and status messages; `life.consume` starts it."""
    return FencedConsumer(
        life, settings, pool,
        schema="notify", group=GROUP, topics=TOPICS, apply=handler.apply, dead_letter=handler.set_aside,
    )  # fmt: skip
