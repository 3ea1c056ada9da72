"""The consumer of status: scans and order events, one polled batch per transaction, behind the fence."""

from collections.abc import Callable
from typing import Final

from services.runtime.consume import FencedConsumer
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.runtime.settings import KafkaSettings
from services.status.handler import Handler
from services.status.inputs import ORDER_EVENTS, SCANS

SCHEMA: Final = "status"
GROUP: Final = "trackfold.status.apply"


def make_consumer(
    life: Life, kafka: KafkaSettings, pool: Pool, handler: Handler, *, may_take: Callable[[], bool] = lambda: True
) -> FencedConsumer:
    """Return the consumer, not started; it pauses while `may_take` says no."""
    return FencedConsumer(
        life,
        kafka,
        pool,
        schema=SCHEMA,
        group=GROUP,
        topics=(SCANS, ORDER_EVENTS),
        apply=handler.apply,
        dead_letter=handler.quarantine,
        may_take=may_take,
    )
