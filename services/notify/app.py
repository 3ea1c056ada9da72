"""Wiring of notify: connect, consume, send, publish. Nothing is decided here."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.notify import restoring
from services.notify.channels.base import Channel
from services.notify.channels.registry import CHANNELS
from services.notify.compose import Composer
from services.notify.consumer import make_consumer
from services.notify.handler import Handler
from services.notify.relay import Relay
from services.notify.sender import Sender
from services.notify.settings import NotifySection, NotifySettings
from services.runtime import environment, kafka, migrate, postgres, process
from services.runtime.life import Life


def run(settings: NotifySettings) -> int:
    """Run until told to stop; returns the exit code."""

    async def start(life: Life) -> None:
        await _start(life, settings)

    return process.main("notify", settings, start)


def main() -> int:
    """Run with the settings of the environment."""
    return run(environment.load(NotifySettings))


async def _start(life: Life, settings: NotifySettings) -> None:
    composer = Composer(settings)
    channels = await life.enter("channels", lambda: _open_channels(settings.notify))
    pool = await life.enter("postgres", lambda: postgres.open_pool(settings.postgres, "trackfold-notify"))
    life.spawn("postgres", lambda: postgres.watch(life, pool))
    await migrate.wait(life, pool, "notify")
    producer = await life.enter("kafka", lambda: kafka.open_producer(settings.kafka, "notify.relay"))
    life.spawn("kafka", lambda: kafka.watch(life, producer))
    # Before anything is told, and before the inputs call for it again.
    await restoring.read_back(life, settings.kafka, pool)
    life.spawn("database", lambda: restoring.watch(life, settings.kafka, pool))
    life.spawn("relay", Relay(life, settings, pool, producer).run)
    life.spawn("sender", Sender(life, settings.notify, pool, channels=channels, composer=composer).run)
    await life.consume(make_consumer(life, settings.kafka, pool, Handler(settings.notify)))


@asynccontextmanager
async def _open_channels(settings: NotifySection) -> AsyncIterator[dict[str, Channel]]:
    async with AsyncExitStack() as stack:
        channels = {name: CHANNELS[name].build(settings) for name in settings.channels}
        for channel in channels.values():
            stack.push_async_callback(channel.close)
        yield channels
