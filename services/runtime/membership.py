"""What aiokafka does not tell of a group member: whether its background tasks live, and what nobody of the group owns.

A heartbeat that is answered with a code that aiokafka does not know ends its task for good; a fetcher that died is
never heard of; either way the polls go on and bring nothing (rule E12). The names looked at are aiokafka's own: the
tests that kill the tasks fail when a new version renames them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import for_code

from services.runtime import kafka
from services.runtime.settings import KafkaSettings

if TYPE_CHECKING:
    import asyncio

# Places in the answer to DescribeGroups, the same in all its versions.
_MEMBERS: Final = 5
_ASSIGNMENT: Final = 4


@dataclass(frozen=True, slots=True)
class Membership:
    """How a consumer stands in its group."""

    generation: int
    """Grows with every rebalance that came to its end."""
    dead: str = ""
    """Which background task has ended for good; nothing but a new process mends it."""
    outside: str = ""
    """Why it is not in the group at the moment: a rebalance, or a heartbeat that will never beat again."""


def membership(consumer: AIOKafkaConsumer) -> Membership:
    """Return how a started consumer stands in its group."""
    coordinator, fetcher = consumer._coordinator, consumer._fetcher  # noqa: SLF001 - told nowhere else
    tasks = {
        "fetcher": fetcher._fetch_task,  # noqa: SLF001
        "coordination": coordinator._coordination_task,  # noqa: SLF001
        "metadata": consumer._client._sync_task,  # noqa: SLF001
    }
    return Membership(
        coordinator.generation,
        dead=next((dead for what, task in tasks.items() if (dead := _dead(task, what))), ""),
        outside=_outside(coordinator._heartbeat_task, rejoins=coordinator._rejoin_needed_fut.done()),  # noqa: SLF001
    )


def _dead(task: "asyncio.Task[None]", what: str) -> str:
    return f"aiokafka's {what} task has ended" if task.done() else ""


def _outside(heartbeat: "asyncio.Task[None] | None", *, rejoins: bool) -> str:
    if heartbeat is None or rejoins:
        return "it is joining the group"
    return "aiokafka's heartbeat task has ended" if heartbeat.done() else ""


async def count_unowned(settings: KafkaSettings, name: str, topics: Sequence[str]) -> int:
    """Return how many partitions of these topics no member of the group `name` owns; names are the contract's."""
    wires = [settings.topic(topic) for topic in topics]
    group = settings.group(name)
    admin = AIOKafkaAdminClient(**kafka.client_options(settings, f"{name}.owners"))
    try:
        await admin.start()
        sizes = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics(wires)}
        (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    code, members = answer.groups[0][0], answer.groups[0][_MEMBERS]
    if code:
        raise for_code(code)
    return unowned(sizes, (bytes(member[_ASSIGNMENT]) for member in members))


def unowned(sizes: Mapping[str, int], assignments: Iterable[bytes]) -> int:
    """Return how many partitions no assignment names; topics on the wire by their number of partitions."""
    owned = {
        (topic, number)
        for data in assignments
        if data
        for topic, numbers in ConsumerProtocolMemberAssignment.decode(data).assignment
        for number in numbers
    }
    return sum((topic, number) not in owned for topic, size in sizes.items() for number in range(size))
