"""Whether Kafka keeps an accepted webhook when a broker dies: `/readyz` says so, and the process works on.

Acknowledged by all replicas in sync is acknowledged by one where a topic has one, or is content with one. Nobody can
mend that here, and refusing webhooks would lose them for certain: whoever looks at the process shall know.
"""

import asyncio
from typing import Final

import structlog

from services.ingest.handler import TOPIC
from services.runtime import delivery, topics
from services.runtime.life import Life
from services.runtime.settings import KafkaSettings

#: What `/readyz` waits for.
WHAT: Final = "durability"
EVERY_S: Final = 300.0
#: A loop must end soon after the process is told to: a broker that hangs shall not hold up its drain.
ASK_LIMIT_S: Final = 5.0

log = structlog.stdlib.get_logger("trackfold.ingest")


async def follow(life: Life, settings: KafkaSettings) -> None:
    """Look now and then until the process stops; a loop for `life.spawn`."""
    life.health.beside(WHAT)
    while not life.stopping.is_set():
        await look(life, settings)
        await life.pause(EVERY_S)


async def look(life: Life, settings: KafkaSettings) -> None:
    """Look once. A look that fails changes nothing: that Kafka is away is said by others."""
    try:
        async with asyncio.timeout(ASK_LIMIT_S):
            found = await topics.weaknesses_of(settings, TOPIC)
    except Exception as exc:  # noqa: BLE001 - it only tells
        log.warning("cannot see how durable the topic of webhooks is", why=delivery.describe(exc))
        return
    if found:
        life.health.waiting(WHAT, f"not durable: {settings.topic(TOPIC)} has {', '.join(found)}: trackfold topics plan")
    else:
        life.health.works(WHAT)
