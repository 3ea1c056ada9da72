"""Sends what leaves ingest and waits for Kafka: the normaliser's batches, an import's, a remap's."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer

from services.ingest.normalise import Outgoing
from services.runtime.settings import KafkaSettings

_LIMIT_S: Final = 30.0


async def send_all(producer: AIOKafkaProducer, settings: KafkaSettings, outgoing: Sequence[Outgoing]) -> None:
    """Send in order and return when all are acknowledged; raise the first failure, after all have come to an end."""
    async with asyncio.timeout(_LIMIT_S):
        waits = [
            await producer.send(settings.topic(one.topic), one.value, key=one.key, headers=list(one.headers))
            for one in outgoing
        ]
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
