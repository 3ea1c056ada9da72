"""The consumer of status: scans and order events, one polled batch per transaction, behind the fence."""

from collections.abc import Callable
from typing import Final

from services.runtime.consume import Batch, FencedConsumer
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.runtime.settings import KafkaSettings
from services.status.handler import Handler
from services.status.inputs import ORDER_EVENTS, SCANS

SCHEMA: Final = "status"
GROUP: Final = "trackfold.status.apply"
#: Of one batch: a large one shares its statements, and writes an order once that many records changed.
RECORDS: Final = 5_000


def make_consumer(
    life: Life,
    kafka: KafkaSettings,
    pool: Pool,
    handler: Handler,
    *,
    may_take: Callable[[], bool] = lambda: True,
    committed: Callable[[], None] = lambda: None,
) -> FencedConsumer:
    """Return the consumer, not started; it pauses while `may_take` says no, and calls `committed` after each batch."""

    async def apply(batch: Batch) -> None:
        await handler.apply(batch)
        batch.committed.append(committed)

    return FencedConsumer(
        life,
        kafka,
        pool,
        schema=SCHEMA,
        group=GROUP,
        topics=(SCANS, ORDER_EVENTS),
        apply=apply,
        dead_letter=handler.quarantine,
        max_records=RECORDS,
        may_take=may_take,
    )
