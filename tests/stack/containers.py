"""Kafka and PostgreSQL in containers, through testcontainers, where a Docker engine answers."""

import functools
import gc
import warnings
from typing import Any

from services.local.ports import free_port
from tests.stack import apache, artifacts

KAFKA_IMAGE = f"apache/kafka:{artifacts.version()}"
POSTGRES_IMAGE = "postgres:18"
ENGINE_LIMIT_S = 5
START_LIMIT_S = 120


@functools.cache
def why_not() -> str | None:
    """Say why nothing can run in containers here, or None; asked once a run."""
    with warnings.catch_warnings():
        # docker's client leaves its socket open when nobody answers: the garbage collector finds it right here.
        warnings.simplefilter("ignore", ResourceWarning)
        failure = _ask_engine()
        gc.collect()
    return failure


def _ask_engine() -> str | None:
    import docker  # noqa: PLC0415 -- half a second that runs without containers need not pay
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        client = docker.from_env(timeout=ENGINE_LIMIT_S)
        try:
            client.ping()
        finally:
            client.close()
    except (DockerException, OSError) as failure:
        return f"no Docker engine answers ({type(failure).__name__})"
    return None


class KafkaInContainer:
    """One broker with the settings of the process variant, on fixed ports: a broker must know what it is called."""

    def __init__(self) -> None:
        self._container: Any = None

    def start(self) -> tuple[str, str]:
        """Start it and give the addresses (plain, SASL)."""
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 -- as in why_not
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

        plain, sasl, controller = free_port(), free_port(), free_port()
        container = DockerContainer(KAFKA_IMAGE).with_bind_ports(plain, plain).with_bind_ports(sasl, sasl)
        host = container.get_docker_client().host()
        properties = apache.settings() | {
            "node.id": "1",
            "controller.quorum.voters": f"1@localhost:{controller}",
            "listeners": f"PLAINTEXT://:{plain},ACCOUNTS://:{sasl},CONTROLLER://:{controller}",
            "advertised.listeners": f"PLAINTEXT://{host}:{plain},ACCOUNTS://{host}:{sasl}",
        }
        for name, value in properties.items():
            container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
        container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(START_LIMIT_S))
        self._container = container
        container.start()
        return f"{host}:{plain}", f"{host}:{sasl}"

    def stop(self) -> None:
        """Remove the container."""
        if self._container is not None:
            self._container.stop()
            self._container = None


class PostgresInContainer:
    """One server; its data go with it."""

    def __init__(self) -> None:
        self._container: Any = None

    def start(self) -> str:
        """Start it and give a superuser's URL."""
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 -- as in why_not

        self._container = PostgresContainer(POSTGRES_IMAGE, username="postgres", dbname="postgres", driver=None)
        self._container.with_command("postgres -c fsync=off -c full_page_writes=off -c max_connections=200")
        self._container.start()
        return str(self._container.get_connection_url())

    def stop(self) -> None:
        """Remove the container."""
        if self._container is not None:
            self._container.stop()
            self._container = None
