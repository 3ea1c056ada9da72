"""Wiring of ingest: bind, reach Kafka, open the door, normalise."""

from functools import partial

from services.ingest import durability
from services.ingest.consumer import make_consumer
from services.ingest.handler import Intake, open_raw_producer
from services.ingest.http import Webhooks, make_app
from services.ingest.key_sets import KeySets
from services.ingest.poller import polling
from services.ingest.proofs import serving
from services.ingest.settings import IngestSettings, signing_keys
from services.ingest.tokens import Tokens
from services.runtime import environment, kafka, process
from services.runtime.life import Life


def run(settings: IngestSettings) -> int:
    """Run until told to stop; returns the exit code."""

    async def start(life: Life) -> None:
        keys = signing_keys(settings.ingest)
        door = await life.serve(settings.http)
        raw = await life.enter("kafka", lambda: open_raw_producer(settings.kafka))
        producer = await life.enter("kafka", lambda: kafka.open_producer(settings.kafka, "ingest.normalise"))
        life.spawn("kafka", lambda: kafka.watch(life, raw))
        life.spawn("durability", partial(durability.follow, life, settings.kafka))
        key_sets = KeySets(settings.ingest.key_urls)
        for provider in key_sets.providers:
            life.spawn(f"keys of {provider}", partial(key_sets.follow, provider, life))
        store, takes = await serving.open_door(life, settings.ingest.proofs)
        limit_s = settings.ingest.kafka_timeout_s
        intake = Intake(raw, settings.kafka, keys=keys, timeout_s=limit_s, key_sets=key_sets, proofs=takes)
        tokens = Tokens(keys.get("ups", ()), receive_timeout_s=settings.ingest.receive_timeout_s)
        door.open(make_app(Webhooks(intake, settings.ingest), tokens))
        index = await serving.open_index(life, settings.ingest.proofs, store, settings.postgres)
        await life.consume(make_consumer(life, settings, producer, index))
        if settings.ingest.poller.is_on:
            polling.spawn(life, settings, producer, intake.keep)

    return process.main("ingest", settings, start)


def main() -> int:
    """Run with the settings of the environment."""
    return run(environment.load(IngestSettings))
