"""Topics as the contract has them: what is missing, what differs, and how it is made so.

Never deletes or shrinks anything and never changes what an operator has set: differences are reported. Only inputs grow
(rule E13): more partitions under a keyed output would change where its keys lie.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidReplicationFactorError,
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from schemas.topics import TOPICS, Topic
from services.runtime import backoff, clock, delivery, kafka
from services.runtime.delivery import Decision
from services.runtime.errors import Misconfigured, Transient
from services.runtime.settings import KafkaSettings

T = TypeVar("T")
log = structlog.stdlib.get_logger("trackfold.topics")

_LIMIT_S: Final = 60.0
_UNBOUNDED: Final = -1


class Action(StrEnum):
    """What `apply` does about a topic."""

    NONE = "none"
    CREATE = "create"
    GROW = "grow"


@dataclass(frozen=True, slots=True)
class Step:
    """One topic: what it lacks, and where it differs from the contract."""

    topic: str
    """The name on the wire."""
    action: Action
    partitions: int
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as Kafka has it; `configs` is None where the broker does not tell."""

    partitions: int
    replicas: int
    configs: Mapping[str, str] | None


def wanted_configs(topic: Topic, settings: KafkaSettings) -> dict[str, str]:
    """Return the topic's settings in Kafka's words."""
    retention = _UNBOUNDED if topic.retention is None else int(topic.retention.total_seconds() * 1000)
    return {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(retention),
        "max.message.bytes": str(topic.max_message_bytes),
        "min.insync.replicas": str(settings.min_insync_replicas),
    }


def compare(topic: Topic, existing: Existing | None, settings: KafkaSettings) -> Step:
    """Say what a topic needs; pure."""
    name, wanted = settings.topic(topic.name), settings.partitions or topic.partitions
    if existing is None:
        return Step(name, Action.CREATE, wanted)
    differences = []
    grows = existing.partitions < wanted and topic.may_grow
    if existing.partitions != wanted and not grows:
        differences.append(f"{existing.partitions} partitions, not {wanted}")
    if existing.replicas < settings.replication_factor:
        differences.append(f"{existing.replicas} replicas, not {settings.replication_factor}")
    for key, value in wanted_configs(topic, settings).items():
        found = value if existing.configs is None else existing.configs.get(key, value)
        if found != value:
            differences.append(f"{key} is {found}, not {value}")
    return Step(name, Action.GROW if grows else Action.NONE, wanted, tuple(differences))


async def plan(settings: KafkaSettings) -> list[Step]:
    """Return what every topic of the contract needs; changes nothing."""
    async with _admin(settings) as admin:
        return await _plan(admin, settings)


def weaknesses(existing: Existing, settings: KafkaSettings) -> tuple[str, ...]:
    """Say why what a topic acknowledged may be lost with fewer brokers than was wanted; pure."""
    found = []
    if existing.replicas < settings.replication_factor:
        found.append(f"{existing.replicas} of {settings.replication_factor} replicas")
    in_sync = existing.configs and existing.configs.get("min.insync.replicas")
    if in_sync and int(in_sync) < settings.min_insync_replicas:
        found.append(f"min.insync.replicas is {in_sync}, not {settings.min_insync_replicas}")
    return tuple(found)


async def weaknesses_of(settings: KafkaSettings, topic: str) -> tuple[str, ...]:
    """Ask Kafka the same of one topic, by its name in the contract; one that is not there has none yet."""
    wire = settings.topic(topic)
    async with _admin(settings) as admin:
        # Listed first: a broker may make a topic that somebody asks for by name.
        found = await _existing(admin, [wire]) if wire in await admin.list_topics() else {}
    return weaknesses(found[wire], settings) if wire in found else ()


async def apply(settings: KafkaSettings) -> list[Step]:
    """Create and grow what is missing, wait until every partition has a leader, and return what was done."""
    async with _admin(settings) as admin:
        steps = await _again(lambda: _plan(admin, settings))
        await _again(lambda: _create(admin, settings, steps))
        await _again(lambda: _grow(admin, steps))
        await _wait_for_leaders(admin, [step.topic for step in steps])
        return steps


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.client_options(settings, "topics"))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    """Do one step until it works or a minute has passed: new controllers and fresh topics say no for a while."""
    end, attempt = clock.monotonic() + _LIMIT_S, 0
    while True:
        try:
            return await work()
        except (KafkaError, OSError, TimeoutError) as exc:
            if delivery.decide(exc) is not Decision.WAIT or clock.monotonic() > end:
                raise
            log.info("again", why=delivery.describe(exc))
        await asyncio.sleep(backoff.full_jitter(attempt, random.random, first_s=0.2, longest_s=2.0))
        attempt += 1


async def _plan(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> list[Step]:
    names = {settings.topic(topic.name) for topic in TOPICS.values()} & set(await admin.list_topics())
    existing = await _existing(admin, sorted(names))
    return [compare(topic, existing.get(settings.topic(topic.name)), settings) for topic in TOPICS.values()]


async def _existing(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, Existing]:
    described = await admin.describe_topics(list(names)) if names else []
    configs = await _configs(admin, names)
    return {
        one["topic"]: Existing(
            len(one["partitions"]), min(len(part["replicas"]) for part in one["partitions"]), configs.get(one["topic"])
        )
        for one in described
        if one["partitions"]
    }


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    try:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    except (KafkaError, OSError, TimeoutError):
        # The embedded broker, or no right to look: only partitions and replicas are compared.
        return {}
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
        if resource[0] == 0
    }


async def _create(admin: AIOKafkaAdminClient, settings: KafkaSettings, steps: Iterable[Step]) -> None:
    by_name = {settings.topic(topic.name): topic for topic in TOPICS.values()}
    new = [
        NewTopic(
            step.topic,
            step.partitions,
            settings.replication_factor,
            topic_configs=wanted_configs(by_name[step.topic], settings),
        )
        for step in steps
        if step.action is Action.CREATE
    ]
    if not new:
        return
    answer = await admin.create_topics(new)
    for name, code, *words in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise _refused(name, error, str(words[0]) if words else "")


def _refused(name: str, error: type[KafkaError], words: str) -> Exception:
    if error is InvalidReplicationFactorError:
        hint = "set TRACKFOLD_KAFKA__REPLICATION_FACTOR (and __MIN_INSYNC_REPLICAS) to what the cluster has"
        return Misconfigured("replication_factor", f"{name}: {words}", hint=hint)
    if issubclass(error, PolicyViolationError | TopicAuthorizationFailedError):
        return Misconfigured("topic_refused", f"{name}: {error.__name__} {words}")
    refused: Exception = error(f"{name}: {words}")
    return refused


async def _grow(admin: AIOKafkaAdminClient, steps: Iterable[Step]) -> None:
    for step in steps:
        if step.action is Action.GROW:
            await admin.create_partitions({step.topic: NewPartitions(step.partitions)})


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    async def check() -> None:
        found = {one["topic"]: one for one in await admin.describe_topics(list(names))}
        for name in names:
            one = found.get(name)
            if one is None or one["error_code"] or any(part["leader"] < 0 for part in one["partitions"]):
                raise UnknownTopicOrPartitionError(name)

    try:
        await _again(check)
    except UnknownTopicOrPartitionError as exc:
        raise Transient(
            "no_leader", f"no leader for every partition within {_LIMIT_S:.0f} s", hint="trackfold topics plan"
        ) from exc
