"""Which broker the run uses. A kind asked for by name is had or the run ends: never a downgrade."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from services.local.broker import EmbeddedBroker
from services.local.ports import free_port
from tests.stack import apache, capabilities, containers
from tests.stack.unavailable import UnavailableError

KINDS = ("docker", "apache", "embedded")


@dataclass(frozen=True)
class Kafka:
    """The broker of this run, as the tests see it."""

    bootstrap_servers: str
    kind: str
    version: str
    capabilities: frozenset[str]
    sasl_bootstrap_servers: str = ""  # with the accounts of apache.ACCOUNTS; empty without capability "acl"
    behind_proxy: tuple[int, int] | None = None
    """Where a proxy in front of this broker must listen, and which port of the broker's it must lead to."""


class Broker(Protocol):
    """A broker that can be started and stopped."""

    def start(self) -> Kafka:
        """Start it and say how it is reached."""

    def stop(self) -> None:
        """Stop it and remove what it wrote."""


def choose_kind(wanted: str | None) -> str:
    """Give the kind to use; without a wish the best that this machine has."""
    if wanted is not None:
        return wanted
    if containers.why_not() is None:
        return "docker"
    return "apache" if apache.why_not() is None else "embedded"


def capabilities_of(kind: str) -> frozenset[str]:
    """Say what a kind can do, before it runs."""
    return {
        "docker": capabilities.CONTAINER,
        "apache": capabilities.APACHE,
        "embedded": capabilities.EMBEDDED,
    }[kind]


def make_broker(kind: str, say: Callable[[str], None]) -> Broker:
    """Make the broker of a kind; raises UnavailableError with the reason when it cannot be had."""
    if kind == "docker":
        return _Container()
    if kind == "apache":
        return _Apache(say)
    return _Embedded()


class _Embedded:
    def __init__(self) -> None:
        self._broker = EmbeddedBroker()

    def start(self) -> Kafka:
        return Kafka(self._broker.start(), "embedded", self._broker.version, capabilities.EMBEDDED)

    def stop(self) -> None:
        self._broker.stop()


class _Apache:
    def __init__(self, say: Callable[[str], None]) -> None:
        reason = apache.why_not()
        if reason is not None:
            raise UnavailableError(f"Apache Kafka cannot be started: {reason}")
        self._proxy_port = free_port()
        self._cluster = apache.Cluster(say=say, proxied={1: ("127.0.0.1", self._proxy_port)})

    def start(self) -> Kafka:
        self._cluster.start()
        return Kafka(
            self._cluster.bootstrap_servers,
            "apache",
            f"Apache Kafka {self._cluster.version}",
            capabilities.APACHE,
            self._cluster.sasl_bootstrap_servers,
            behind_proxy=(self._proxy_port, self._cluster.proxied_port(1)),
        )

    def stop(self) -> None:
        self._cluster.stop()


class _Container:
    def __init__(self) -> None:
        reason = containers.why_not()
        if reason is not None:
            raise UnavailableError(f"no broker in a container: {reason}")
        self._container = containers.KafkaInContainer()

    def start(self) -> Kafka:
        plain, sasl = self._container.start()
        return Kafka(plain, "docker", containers.KAFKA_IMAGE, capabilities.CONTAINER, sasl)

    def stop(self) -> None:
        self._container.stop()
