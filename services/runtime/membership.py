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
_ERROR: Final = 0
_GROUP: Final = 1
_MEMBERS: Final = 5
_ASSIGNMENT: Final = 4

JOINING: Final = "it is joining the group"


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
        return JOINING
    return "aiokafka's heartbeat task has ended" if heartbeat.done() else ""


async def count_unowned(settings: KafkaSettings, name: str, topics: Sequence[str]) -> int:
    """Return how many partitions of these topics no member of the group `name` owns; names are the contract's."""
    wires = [settings.topic(topic) for topic in topics]
    group = settings.group(name)
    admin = AIOKafkaAdminClient(**kafka.client_options(settings, f"{name}.owners"))
    try:
        await admin.start()
        sizes = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics(wires)}
        assigned = await assignments(admin, [group])
    finally:
        await admin.close()
    return unowned(sizes, assigned[group])


async def assignments(admin: AIOKafkaAdminClient, groups: Iterable[str]) -> dict[str, list[bytes]]:
    """Return what Kafka says that each member of these groups owns, to be read by `unowned`; groups on the wire.

    Raises KafkaError where the broker does not answer for one of them: that is not a group without members.
    """
    # One by one: aiokafka reads the answer to the newest version of the question as an older one's, which goes wrong
    # from the second group on.
    answers = [answer for group in sorted(set(groups)) for answer in await admin.describe_consumer_groups([group])]
    described = [one for answer in answers for one in answer.groups]
    if refused := next((one[_ERROR] for one in described if one[_ERROR]), 0):
        raise for_code(refused)
    return {one[_GROUP]: [bytes(member[_ASSIGNMENT]) for member in one[_MEMBERS]] for one in described}


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
