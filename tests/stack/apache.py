"""Apache Kafka itself as processes on this machine: KRaft combined mode, loopback, one broker or several.

For tests only: data in a temporary folder, no TLS. Every broker has a plain listener, whose anonymous user may do all,
and one with SASL/PLAIN, whose accounts may do only what a test grants them. A third listener can be told to name
another address, a proxy's: who comes through the proxy is sent through it again (`proxied`).
"""

import base64
import contextlib
import os
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.local.child import Child, listens
from services.local.ports import free_port
from services.local.scratch import Scratch
from tests.stack import artifacts

START_LIMIT_S = 60
MIN_JAVA = 17
PROTOCOLS = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ACCOUNTS:SASL_PLAINTEXT,PROXIED:PLAINTEXT"
ACCOUNTS = {"limited": "limited-password"}
JVM = ["-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]


def why_not() -> str | None:
    """Say why Apache Kafka cannot be started here, or None."""
    java = shutil.which("java")
    if java is None:
        return f"java (>= {MIN_JAVA}) is not in PATH"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < MIN_JAVA:
        return f"java in PATH is older than {MIN_JAVA}"
    if shutil.which("mvn") is None and not artifacts.folder().is_dir():
        return "mvn is not in PATH, and Kafka's jars are not in the cache"
    return None


def settings(*, accounts: dict[str, str] = ACCOUNTS, brokers: int = 1) -> dict[str, str]:
    """Settings that do not depend on where a broker runs; the container uses them as well."""
    users = " ".join(f'user_{name}="{password}"' for name, password in accounts.items())
    replicas = str(min(brokers, 3))
    return {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": PROTOCOLS,
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.accounts.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": "2",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": "1",
        # Production waits so that groups form and logs are cleaned in peace; tests wait for exactly that.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "log.cleaner.backoff.ms": "300",
        "log.cleaner.dedupe.buffer.size": "8388608",
        "log.initial.task.delay.ms": "500",
        "log.retention.check.interval.ms": "1000",
    }


@dataclass
class _Broker:
    node: int
    plain: int
    sasl: int
    controller: int
    proxied: int
    folder: Path
    child: Child | None = None
    frozen: bool = False


class Cluster:
    """One broker or several, each with its own data folder; nodes are numbered from 1.

    `proxied` gives the node's other address (host, port) per node: that of a proxy in front of `proxied_port(node)`.
    `extra` are further settings of every broker.
    """

    def __init__(
        self,
        *,
        brokers: int = 1,
        say: Callable[[str], None],
        proxied: Mapping[int, tuple[str, int]] | None = None,
        extra: Mapping[str, str] | None = None,
        heap_mb: int = 512,
    ) -> None:
        self.version = artifacts.version()
        self._jars = artifacts.fetch(say)
        self._scratch = Scratch("kafka")
        self._id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._proxied = dict(proxied or {})
        self._extra = dict(extra or {})
        self._heap = f"-Xmx{heap_mb}m"
        self._brokers = [
            _Broker(node, free_port(), free_port(), free_port(), free_port(), self._scratch.path / str(node))
            for node in range(1, brokers + 1)
        ]

    @property
    def bootstrap_servers(self) -> str:
        """Addresses of the plain listeners."""
        return ",".join(f"127.0.0.1:{broker.plain}" for broker in self._brokers)

    @property
    def sasl_bootstrap_servers(self) -> str:
        """Addresses of the listeners that ask for an account."""
        return ",".join(f"127.0.0.1:{broker.sasl}" for broker in self._brokers)

    @property
    def nodes(self) -> tuple[int, ...]:
        """The numbers of its brokers."""
        return tuple(broker.node for broker in self._brokers)

    @property
    def well(self) -> tuple[int, ...]:
        """The brokers that run and are not frozen."""
        return tuple(broker.node for broker in self._brokers if self.runs(broker.node) and not broker.frozen)

    def address(self, node: int) -> tuple[str, int]:
        """Where a broker's plain listener is."""
        return "127.0.0.1", self._brokers[node - 1].plain

    def proxied_port(self, node: int) -> int:
        """Where a proxy in front of a broker sends its clients; needs `proxied` for that node."""
        return self._brokers[node - 1].proxied

    def pid(self, node: int) -> int:
        """The process id of a broker that was started."""
        child = self._brokers[node - 1].child
        if child is None:
            raise LookupError(f"broker {node} was never started")
        return child.process.pid

    def runs(self, node: int) -> bool:
        """Whether a broker's process is there (frozen or not)."""
        child = self._brokers[node - 1].child
        return child is not None and child.process.poll() is None

    def start(self) -> None:
        """Format every broker's folder, start them together, return when all accept clients."""
        try:
            for broker in self._brokers:
                self._format(broker)
            for broker in self._brokers:
                self._launch(broker)
            for broker in self._brokers:
                self._wait(broker)
        except BaseException:
            self.stop()
            raise

    def kill(self, node: int) -> None:
        """SIGKILL one broker; its data stays."""
        child = self._brokers[node - 1].child
        if child is not None:
            child.process.kill()
            child.process.wait()
        self._brokers[node - 1].frozen = False

    def freeze(self, node: int) -> None:
        """SIGSTOP one broker: its connections stay open, nobody answers."""
        self._signal(node, signal.SIGSTOP)
        # Until the last of its threads has stopped: on a busy machine one could still answer.
        with contextlib.suppress(ChildProcessError):  # it was gone before
            os.waitid(os.P_PID, self.pid(node), os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self._brokers[node - 1].frozen = True

    def thaw(self, node: int) -> None:
        """SIGCONT one broker."""
        self._signal(node, signal.SIGCONT)
        self._brokers[node - 1].frozen = False

    def heal(self) -> None:
        """Thaw what is frozen and start what is dead; returns at once, before they accept clients."""
        for broker in self._brokers:
            if broker.frozen:
                self.thaw(broker.node)
            if not self.runs(broker.node):
                self._launch(broker)

    def restart(self, node: int) -> None:
        """Start a broker again on its old data and port."""
        self.kill(node)
        self._launch(self._brokers[node - 1])
        self._wait(self._brokers[node - 1])

    def stop(self) -> None:
        """End every broker by its own pid and remove the data, which is worth nothing: no grace."""
        for broker in self._brokers:
            self.kill(broker.node)
            broker.child = None
        self._scratch.remove()

    def log(self, node: int = 1) -> str:
        """Give what a broker wrote."""
        return (self._brokers[node - 1].folder / "broker.log").read_text(errors="replace")

    def _signal(self, node: int, what: signal.Signals) -> None:
        child = self._brokers[node - 1].child
        if child is not None:
            child.process.send_signal(what)

    def _format(self, broker: _Broker) -> None:
        (broker.folder / "tmp").mkdir(parents=True)
        lines = [f"{name}={value}" for name, value in self._settings(broker).items()]
        (broker.folder / "server.properties").write_text("\n".join(lines) + "\n")
        arguments = ["format", f"--cluster-id={self._id}", f"--config={broker.folder / 'server.properties'}"]
        tool = Child.start(
            "Kafka's storage tool",
            self._java(broker, "kafka.tools.StorageTool", *arguments),
            log=broker.folder / "format.log",
        )
        if tool.process.wait(START_LIMIT_S) != 0:
            raise RuntimeError(f"Kafka's storage tool failed\n{tool.tail()}")

    def _settings(self, broker: _Broker) -> dict[str, str]:
        voters = ",".join(f"{each.node}@127.0.0.1:{each.controller}" for each in self._brokers)
        clients = f"PLAINTEXT://127.0.0.1:{broker.plain},ACCOUNTS://127.0.0.1:{broker.sasl}"
        listeners, advertised = clients, clients
        if broker.node in self._proxied:
            host, port = self._proxied[broker.node]
            listeners += f",PROXIED://127.0.0.1:{broker.proxied}"
            advertised += f",PROXIED://{host}:{port}"
        return settings(brokers=len(self._brokers)) | {
            "node.id": str(broker.node),
            "controller.quorum.voters": voters,
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{broker.controller}",
            "advertised.listeners": advertised,
            "log.dirs": str(broker.folder / "data"),
            **self._extra,
        }

    def _launch(self, broker: _Broker) -> None:
        broker.child = Child.start(
            f"Apache Kafka, node {broker.node}",
            self._java(broker, "kafka.Kafka", str(broker.folder / "server.properties")),
            log=broker.folder / "broker.log",
            cwd=broker.folder,
        )

    def _wait(self, broker: _Broker) -> None:
        if broker.child is not None:
            broker.child.wait_ready(lambda: listens(broker.plain), limit_s=START_LIMIT_S)

    def _java(self, broker: _Broker, program: str, *arguments: str) -> list[str]:
        java = shutil.which("java") or "java"
        options = [f"-Djava.io.tmpdir={broker.folder / 'tmp'}", "-Dlog4j2.level=WARN", "-cp", f"{self._jars}/*"]
        return [java, self._heap, *JVM, *options, program, *arguments]
