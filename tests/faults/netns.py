"""A network of its own for one process, whose only cable we hold: packets are lost, late, cut, one way or both.

    async with private_network() as net:                       # fixture `private_network`; not run where `why_not()`
        process = await processes.start("ingest", env=env | net.env, under=net.under)
        net.out.lose(ports={9092})      # out: from the process; back: to it. Nothing of these ports passes any more
        net.back.lose()                 # all ports, its public and admin port as well
        net.back.lose(0.2)              # every fifth packet, at random by seed
        net.out.delay_s, net.out.jitter_s = 0.15, 0.05
        net.both(bytes_per_s=25_000)    # a narrow cable with a short queue: what does not fit is lost
        net.heal()

In there 127.0.0.1 is still ours: the broker and the database have the addresses that they have here. Only what listens
inside is elsewhere: `net.env` tells the service to listen on `net.address`, and `process.http_url` says so. The cable
is a pair of TUN devices, of which this process carries the packets from one to the other; the kernels at both ends see
a network that loses them, and TCP does what it does. All of it goes with the block.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import functools
import os
import random
import secrets
import shutil
import struct
import subprocess
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_CLONE_NEWNET: Final = 0x40000000
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PACKET: Final = 65_536
_TCP: Final = 6
_QUEUE_S: Final = 0.4
_COMMAND_LIMIT_S: Final = 20


@dataclass
class Way:
    """One direction of the cable."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    passed: int = 0
    lost: int = 0
    _loss: float = 0.0
    _ports: frozenset[int] = frozenset()
    _free_at: float = 0.0
    _chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 -- a cable's luck

    def lose(self, part: float = 1.0, *, ports: Collection[int] = ()) -> None:
        """Lose this part of the packets (of TCP connections with one of these ports; none named: of all)."""
        self._loss, self._ports = part, frozenset(ports)

    def heal(self) -> None:
        """Be a good cable."""
        self.delay_s = self.jitter_s = self._loss = 0.0
        self.bytes_per_s, self._ports = None, frozenset()

    def arrival(self, packet: bytes, now: float) -> float | None:
        """Say when a packet arrives, or None when it is lost."""
        if self._is_lost(packet):
            self.lost += 1
            return None
        at = now
        if self.bytes_per_s is not None:
            if self._free_at - now > _QUEUE_S:
                self.lost += 1
                return None
            at = self._free_at = max(now, self._free_at) + len(packet) / self.bytes_per_s
        self.passed += 1
        return at + max(0.0, self.delay_s + self._chance.uniform(-self.jitter_s, self.jitter_s))

    def _is_lost(self, packet: bytes) -> bool:
        if self._loss <= 0 or (self._ports and not self._ports & _ports_of(packet)):
            return False
        return self._chance.random() < self._loss


@dataclass
class Network:
    """See the top of the file."""

    namespace: int
    """The process that keeps the namespace alive."""
    here: int
    there: int
    address: str
    out: Way = field(default_factory=Way)
    back: Way = field(default_factory=Way)

    @property
    def under(self) -> list[str]:
        """The command that runs a process in there."""
        return ["nsenter", f"--net=/proc/{self.namespace}/ns/net"]

    @property
    def env(self) -> dict[str, str]:
        """What tells a service to listen where we can reach it."""
        return {"TRACKFOLD_HTTP__HOST": self.address, "TRACKFOLD_ADMIN__HOST": self.address}

    def both(self, *, delay_s: float = 0.0, jitter_s: float = 0.0, bytes_per_s: float | None = None) -> None:
        """Slow or narrow both directions."""
        for way in (self.out, self.back):
            way.delay_s, way.jitter_s, way.bytes_per_s = delay_s, jitter_s, bytes_per_s

    def heal(self) -> None:
        """Be a good cable again."""
        self.out.heal()
        self.back.heal()

    def carry(self) -> None:
        """Begin to carry packets."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.there, self._move, self.there, self.here, self.out)
        loop.add_reader(self.here, self._move, self.here, self.there, self.back)

    def drop(self) -> None:
        """Stop for good."""
        loop = asyncio.get_running_loop()
        for end in (self.here, self.there):
            loop.remove_reader(end)
            os.close(end)
        self.here = self.there = -1

    def _move(self, source: int, target: int, way: Way) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(BlockingIOError):
            while packet := os.read(source, _PACKET):
                at = way.arrival(packet, loop.time())
                if at is not None and at <= loop.time():
                    self._deliver(target, packet)
                elif at is not None:
                    loop.call_at(at, self._deliver, target, packet)

    def _deliver(self, target: int, packet: bytes) -> None:
        if self.here >= 0:
            with contextlib.suppress(OSError):  # a full queue: lost, as on any network
                os.write(target, packet)


@functools.cache
def why_not() -> str | None:
    """Say why a process cannot have a network of its own here, or None; tried once a run."""
    if os.geteuid() != 0:
        return "a network of its own for a process needs root"
    missing = [name for name in ("ip", "nsenter", "unshare") if shutil.which(name) is None]
    if missing:
        return f"a network of its own for a process needs {', '.join(missing)}"
    if not Path("/dev/net/tun").exists():
        return "a network of its own for a process needs TUN devices (/dev/net/tun)"
    try:
        with contextlib.ExitStack() as stack:
            _make(stack)
    except (OSError, subprocess.SubprocessError) as failure:
        return f"a process cannot have a network of its own here ({type(failure).__name__})"
    return None


@asynccontextmanager
async def private_network() -> AsyncIterator[Network]:
    """Make a network, carry its packets within the block."""
    with contextlib.ExitStack() as stack:
        made = _make(stack)
        made.carry()
        try:
            yield made
        finally:
            made.drop()


def _make(stack: contextlib.ExitStack) -> Network:
    keeper = subprocess.Popen(  # it ends when its input does: with us, whatever becomes of us
        ["unshare", "--net", "sh", "-c", "echo; exec cat"],  # noqa: S607
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    stack.callback(_end, keeper)
    assert keeper.stdout is not None
    keeper.stdout.readline()  # the namespace is there
    number = 4 * secrets.randbelow(1 << 14)
    net = f"198.18.{number >> 8 & 255}"  # a range for tests of networks, never routed
    ours, theirs = f"{net}.{(number & 255) + 1}", f"{net}.{(number & 255) + 2}"
    name = f"tf{secrets.token_hex(4)}"
    here = _tun(name)
    stack.callback(_close, here)
    there = _tun_inside(keeper.pid, name)
    stack.callback(_close, there)
    inside = ["nsenter", f"--net=/proc/{keeper.pid}/ns/net"]
    localnet = f"echo 1 >/proc/sys/net/ipv4/conf/{name}/route_localnet"
    for command in (
        ["ip", "address", "add", ours, "peer", theirs, "dev", name],
        ["ip", "link", "set", name, "up"],
        ["sh", "-c", localnet],
        [*inside, "ip", "address", "add", theirs, "peer", ours, "dev", name],
        [*inside, "ip", "link", "set", "lo", "up"],
        [*inside, "ip", "link", "set", name, "up"],
        [*inside, "sh", "-c", localnet],
        # 127.0.0.1 is at the other end of the cable from now on.
        [*inside, "ip", "address", "del", "127.0.0.1/8", "dev", "lo"],
        [*inside, "ip", "route", "add", "127.0.0.1/32", "dev", name, "src", theirs],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=_COMMAND_LIMIT_S)
    return Network(keeper.pid, here, there, theirs)


def _tun(name: str) -> int:
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(handle)
        raise
    return handle


def _tun_inside(pid: int, name: str) -> int:
    """Make the device from a thread that has gone into the namespace and ends there."""
    made: list[int] = []

    def work() -> None:
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET) == 0:
                made.append(_tun(name))
        finally:
            os.close(namespace)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if not made:
        raise OSError("cannot make a TUN device in another namespace")
    return made[0]


def _close(handle: int) -> None:
    with contextlib.suppress(OSError):  # closed already by drop()
        os.close(handle)


def _end(keeper: "subprocess.Popen[bytes]") -> None:
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            pipe.close()
    try:
        keeper.wait(5)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def _ports_of(packet: bytes) -> frozenset[int]:
    """Give both ports of a TCP packet (IPv4)."""
    if len(packet) < 24 or packet[0] >> 4 != 4 or packet[9] != _TCP:
        return frozenset()
    return frozenset(struct.unpack_from(">HH", packet, 4 * (packet[0] & 15)))
