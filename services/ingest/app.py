"""Wiring of ingest: bind, reach Kafka, open the door, normalise."""

from services.ingest.consumer import make_consumer
from services.ingest.handler import Intake
from services.ingest.http import Webhooks, make_app
from services.ingest.settings import IngestSettings, signing_keys
from services.runtime import environment, kafka, process
from services.runtime.life import Life


def run(settings: IngestSettings) -> int:
    """Run until told to stop; returns the exit code."""

    async def start(life: Life) -> None:
        keys = signing_keys(settings.ingest)
        door = await life.serve(settings.http)
        producer = await life.enter("kafka", lambda: kafka.open_producer(settings.kafka, "ingest"))
        life.spawn("kafka", lambda: kafka.watch(life, producer))
        intake = Intake(producer, settings.kafka, keys=keys, timeout_s=settings.ingest.kafka_timeout_s)
        door.open(make_app(Webhooks(intake, settings.ingest)))
        await life.consume(make_consumer(life, settings, producer))

    return process.main("ingest", settings, start)


def main() -> int:
    """Run with the settings of the environment."""
    return run(environment.load(IngestSettings))
