"""A Postgres server of one test's own, to be stopped, crashed, frozen, filled, restored: fixture `own_postgres`.

    async def test_...(own_postgres: OwnPostgres): ...
        url = own_postgres.database_url            # migrated; same address after every restart
        own_postgres.halt("immediate")             # fast | immediate | smart; then
        own_postgres.go_on()
        own_postgres.restart("immediate")          # both at once: a crash and its recovery
        with own_postgres.frozen(): ...            # SIGSTOP of the server and all its backends
        await own_postgres.setting("default_transaction_read_only", "on")     # alter system, reload; None resets
        saved = own_postgres.backup(); ...; own_postgres.restore(saved)       # to an older state, as from a backup

What must be given at the start: `@pytest.mark.parametrize("own_postgres", [{"max_connections": "30"}], indirect=True)`;
the key `disk_mb` (with root, else not run) puts the data on a file system of that size: `fill_disk()` takes what is
left of it, `free_disk()` gives it back.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from services.local.child import Account, Child
from services.local.postgres import START_LIMIT_S, EmbeddedPostgres, _accepts, _environment
from tests.faults.freezing import family, frozen

Mode = Literal["smart", "fast", "immediate"]
_SIGNALS: Final[Mapping[Mode, signal.Signals]] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
_CHUNK: Final = b"\0" * 65_536


def why_no_small_disk() -> str | None:
    """Say why no file system of a given size can be had here, or None."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "a file system of a given size needs root and mount"
    return None


class OwnPostgres(EmbeddedPostgres):
    """The embedded server with its strings in a test's hand; what it says goes to a log beside the data."""

    def __init__(self, *, settings: Mapping[str, str] | None = None, disk_mb: int | None = None) -> None:
        super().__init__(fsync=False)
        self._settings = self._settings | dict(settings or {})
        self._disk_mb = disk_mb
        self._programs, self._data, self._port = Path(), Path(), 0
        self._account: Account | None = None
        self.url = ""

    @property
    def database_url(self) -> str:
        """The URL of the migrated database, once `fixtures.py` has made it."""
        return urlunsplit(urlsplit(self.url)._replace(path="/trackfold"))

    @property
    def pid(self) -> int:
        """The server's own process id (the postmaster)."""
        if self._child is None:
            raise LookupError("the server does not run")
        return self._child.process.pid

    def start(self) -> str:
        """Make the cluster and start it."""
        self.url = super().start()
        return self.url

    def stop(self) -> None:
        """Stop, unmount, remove."""
        super_scratch = self.folder
        if self._child is not None:
            self._child.process.send_signal(signal.SIGCONT)
            self._child.stop(signal.SIGQUIT, grace_s=10)
            self._child = None
        if super_scratch is not None and self._disk_mb is not None:
            subprocess.run(["umount", "--lazy", str(super_scratch / "disk")], check=False, timeout=30)  # noqa: S607
        super().stop()

    def halt(self, mode: Mode = "fast") -> None:
        """Stop the server; its data stay."""
        if self._child is not None:
            self._child.stop(_SIGNALS[mode], grace_s=30)
            self._child = None

    def go_on(self) -> None:
        """Start the server again at the same address; returns when it accepts connections."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._child = Child.start(
            "own PostgreSQL",
            [self._programs / "postgres", "-D", self._data, "-p", str(self._port), *options],
            log=self.log_file,
            env=_environment(),
            cwd=self._data.parent,
            account=self._account,
            on_parent_death=signal.SIGINT,
        )
        self._child.wait_ready(self._is_up, limit_s=START_LIMIT_S)

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start: "immediate" is a crash, whose log is replayed at the start."""
        self.halt(mode)
        self.go_on()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the server and all its processes within the block: connections stay, nobody answers."""
        with frozen(*family(self.pid)):
            yield

    async def setting(self, name: str, value: str | None) -> None:
        """Set a server setting for all sessions from now on (`alter system`, reload); None takes it back."""
        connection = await asyncpg.connect(self.url, timeout=10, command_timeout=10)
        try:
            await connection.execute("set default_transaction_read_only = off")
            wanted = f"set {name} = '{value}'" if value is not None else f"reset {name}"
            await connection.execute(f"alter system {wanted}")
            await connection.execute("select pg_reload_conf()")
        finally:
            await connection.close(timeout=5)

    def backup(self) -> Path:
        """Copy the data as they are now, with the server stopped for the moment."""
        assert self.folder is not None
        copy = self.folder / f"backup-{len(list(self.folder.glob('backup-*'))) + 1}"
        self.halt()
        _copy(self._data, copy)
        self.go_on()
        return copy

    def restore(self, backup: Path) -> None:
        """Crash the server and let it start from a backup: everything since is forgotten."""
        self.halt("immediate")
        shutil.rmtree(self._data)
        _copy(backup, self._data)
        self.go_on()

    def fill_disk(self) -> None:
        """Take all space that is left on the small disk."""
        with (self._data.parent / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(_CHUNK):
                pass

    def free_disk(self) -> None:
        """Give the space back."""
        (self._data.parent / "ballast").unlink(missing_ok=True)

    @property
    def log_file(self) -> Path:
        """Where the server writes what it has to say."""
        assert self.folder is not None
        return self.folder / "postgres.log"

    def _is_up(self) -> bool:
        return _accepts(self._data)

    def _serve(self, programs: Path, data: Path, account: Account | None) -> int:
        self._programs, self._account, self._data = programs, account, data
        self._wanted_log = self.log_file
        if self._disk_mb is not None:
            self._data = self._on_small_disk(data, self._disk_mb)
        self._port = super()._serve(programs, self._data, account)
        return self._port

    def _on_small_disk(self, data: Path, size_mb: int) -> Path:
        disk = data.parent / "disk"
        disk.mkdir()
        options = f"size={size_mb}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True, timeout=30)  # noqa: S607
        if self._account is not None:
            os.chown(disk, self._account.uid, self._account.gid)
        _copy(data, disk / "data")
        shutil.rmtree(data)
        return disk / "data"


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True, timeout=60)  # noqa: S607 -- keeps the owner
