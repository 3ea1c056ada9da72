"""Three Kafka brokers that tests may kill, freeze and cut off: `cluster3` (fixtures.py) gives a `Brokers`.

    async def test_...(cluster3: Brokers, pipeline3: Pipeline):   # services with replication 3, min.insync 2
        leader = await cluster3.leader(topic, 0)
        cluster3.kill(leader)            # SIGKILL; or .freeze(leader) / .thaw(leader)
        await cluster3.led_by_another(topic, 0, than=leader)
        cluster3.restart(leader)
        await cluster3.healthy()         # every replica in sync again

`controller()` leads the controllers; `move_leader(topic, partition, to=node)` moves a leader with nobody dying;
`coordinator(group)` is the broker of a group. After the test the fixture thaws, restarts and waits by itself. Each
broker is a controller as well: two of three must live for leaders to be elected. A frozen or dead broker is fenced
after SESSION_MS; writes go on when the in-sync set has shrunk to two (acks=all), and stop (NotEnoughReplicas) at one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.errors import KafkaError

from services.local.ports import free_port
from tests.faults import quorum
from tests.stack import apache, capabilities, topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

SESSION_MS: Final = 6_000
HEAL_LIMIT_S: Final = 120.0
_SMALL_HEAP_MB: Final = 288
#: As in production, but a broker that is gone is found out sooner.
EXTRA: Final[Mapping[str, str]] = {
    "min.insync.replicas": "2",
    "default.replication.factor": "3",
    "broker.session.timeout.ms": str(SESSION_MS),
    "broker.heartbeat.interval.ms": "1000",
    "replica.lag.time.max.ms": "10000",
    "transaction.state.log.min.isr": "2",
    "auto.leader.rebalance.enable": "false",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.threads": "1",
    "background.threads": "2",
}


@dataclass(frozen=True)
class Brokers:
    """Three brokers, each its own process."""

    cluster: apache.Cluster
    proxy_ports: Mapping[int, int]
    """Where a proxy in front of each broker must listen."""

    @property
    def kafka(self) -> Kafka:
        """The three as any test sees a broker (all three addresses, dead ones as well)."""
        return self._seen_as(self.cluster.bootstrap_servers)

    @property
    def nodes(self) -> tuple[int, ...]:
        """1, 2, 3."""
        return self.cluster.nodes

    def others(self, node: int) -> tuple[int, ...]:
        """All nodes but one."""
        return tuple(each for each in self.nodes if each != node)

    def kill(self, node: int) -> None:
        """SIGKILL a broker."""
        self.cluster.kill(node)

    def restart(self, node: int) -> None:
        """Start a broker on its old data and port; returns when it accepts clients."""
        self.cluster.restart(node)

    def freeze(self, node: int) -> None:
        """SIGSTOP a broker."""
        self.cluster.freeze(node)

    def thaw(self, node: int) -> None:
        """SIGCONT a broker."""
        self.cluster.thaw(node)

    async def controller(self) -> int:
        """Give the node that leads the controllers."""
        return await quorum.controller(self._well())

    async def leader(self, topic: str, partition: int = 0) -> int:
        """Give the node that leads a partition; -1 when none does."""
        return int((await self._partition(topic, partition))["leader"])

    async def in_sync(self, topic: str, partition: int = 0) -> set[int]:
        """Give the in-sync replicas of a partition."""
        return set((await self._partition(topic, partition))["isr"])

    async def coordinator(self, group: str) -> int:
        """Give the broker that coordinates a consumer group."""
        async with topics.admin(self._seen_by_the_well()) as client:
            return int(await client.find_coordinator(group))

    async def led_by_another(
        self, topic: str, partition: int = 0, *, than: int, timeout_s: float = HEAL_LIMIT_S
    ) -> int:
        """Wait until a partition has another leader, and give it."""

        async def another() -> int:
            try:
                leader = await self.leader(topic, partition)
            except KafkaError:  # the one that is asked may be choosing as well
                return 0
            return leader if leader not in (-1, than) else 0

        return await eventually(another, timeout_s, poll_s=0.2, what=f"another leader of {topic}/{partition}")

    async def move_leader(self, topic: str, partition: int = 0, *, to: int) -> None:
        """Make another broker the leader of a partition; nobody dies."""
        replicas = (await self._partition(topic, partition))["replicas"]
        order = [to, *(node for node in replicas if node != to)]
        await quorum.reassign(self._well(), topic, partition, replicas=order)

        async def moved() -> bool:
            await quorum.elect_preferred(self._well(), topic, [partition])
            return await self.leader(topic, partition) == to

        await eventually(moved, poll_s=0.2, what=f"{topic}/{partition} led by broker {to}")

    async def healthy(self, timeout_s: float = HEAL_LIMIT_S) -> None:
        """Wait until every partition of every topic has a leader and all its replicas are in sync."""

        async def whole() -> bool:
            if set(self.cluster.well) != set(self.nodes):
                return False
            try:
                return await self._all_in_sync()
            except KafkaError:  # still on its way
                return False

        await eventually(whole, timeout_s, poll_s=0.2, what="all replicas in sync")

    async def heal(self, timeout_s: float = HEAL_LIMIT_S) -> None:
        """Undo all of the above; the event loop turns meanwhile, so that a load goes on."""
        self.cluster.heal()
        await self.healthy(timeout_s)

    async def _all_in_sync(self) -> bool:
        async with topics.admin(self._seen_by_the_well()) as client:
            described: Sequence[Any] = await client.describe_topics()
        found = [part for topic in described for part in topic["partitions"]]
        return all(part["leader"] > 0 and set(part["isr"]) == set(part["replicas"]) for part in found)

    async def _partition(self, topic: str, partition: int) -> Mapping[str, Any]:
        async def asked() -> Any:
            try:
                async with topics.admin(self._seen_by_the_well()) as client:
                    (described,) = await client.describe_topics([topic])
            except KafkaError:  # the one that is asked is still on its way back
                return None
            # Back, but behind the others, it does not know a topic that was just made.
            return next((part for part in described["partitions"] if part["partition"] == partition), None)

        found: Mapping[str, Any] = await eventually(asked, poll_s=0.2, what=f"who leads {topic}/{partition}")
        return found

    def _well(self) -> tuple[str, int]:
        if not self.cluster.well:
            raise RuntimeError("no broker is left that could be asked")
        return self.cluster.address(self.cluster.well[0])

    def _seen_by_the_well(self) -> Kafka:
        host, port = self._well()
        return self._seen_as(f"{host}:{port}")

    def _seen_as(self, servers: str) -> Kafka:
        version = f"Apache Kafka {self.cluster.version}, three brokers"
        return Kafka(servers, "apache", version, capabilities.APACHE, self.cluster.sasl_bootstrap_servers)


def make(say: Callable[[str], None]) -> Brokers:
    """Make three brokers, not started yet."""
    ports = {node: free_port() for node in (1, 2, 3)}
    proxied = {node: ("127.0.0.1", port) for node, port in ports.items()}
    return Brokers(apache.Cluster(brokers=3, say=say, proxied=proxied, extra=EXTRA, heap_mb=_SMALL_HEAP_MB), ports)
