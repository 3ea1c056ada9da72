"""TCP ports of the loopback address for servers of our own, chosen by several programs of one machine at a time.

Between the choice of a port and its server's start nothing holds it. So each program chooses from blocks that it has
for itself (a block's first port is bound as long as the program lives, and given to nobody), and gives none twice
while the first who got it may still be starting, or be between two lives.
"""

import contextlib
import math
import secrets
import socket
from collections.abc import Iterator
from typing import Final

from services.runtime import clock

HOST: Final = "127.0.0.1"
#: Below the range that outgoing connections take theirs from: one of those could be in the way of a server.
PORTS: Final = range(20_000, 32_000)
BLOCK: Final = 40
#: Longer than any test that starts a server again and again.
REST_S: Final = 600.0


class NoPortError(RuntimeError):
    """Every block is another program's."""


class Ports:
    """The ports of one program; its blocks are free again when it ends, however it ends."""

    def __init__(self) -> None:
        """Take nothing yet."""
        self._given: dict[int, float] = {}
        """When each port was given, or found in use; the longest ago first."""

    def choose(self) -> int:
        """Give a port that nobody uses now and nobody was given lately; raises NoPortError.

        Where every block is taken, the one that was given the longest ago is given again.
        """
        for port in self._candidates():
            self._given.pop(port)
            self._given[port] = clock.monotonic()
            if _is_free(port):
                return port
        raise NoPortError(f"no port of {PORTS.start} to {PORTS.stop - 1} is free: end programs that listen there")

    def _candidates(self) -> Iterator[int]:
        """Give those that rested, then a new block's, then all others."""
        rested = clock.monotonic() - REST_S
        yield from [port for port, given in self._given.items() if given < rested]
        block = _another_block()
        self._given |= dict.fromkeys(block, -math.inf)
        yield from block
        yield from list(self._given)


def _another_block() -> range:
    """Take one more block, and return its ports; none where every block is taken."""
    # No seeded chance: tests that run side by side would all draw the same.
    blocks = secrets.SystemRandom().sample(range(PORTS.start, PORTS.stop, BLOCK), len(PORTS) // BLOCK)
    first = next((first for first in blocks if _hold(first)), None)
    return range(0) if first is None else range(first + 1, first + BLOCK)


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind((HOST, port))
        return True
    return False


def _hold(port: int) -> bool:
    """Bind a port until the program ends, and say whether that went; nobody listens there."""
    holder = socket.socket()
    try:
        holder.bind((HOST, port))
    except OSError:
        holder.close()
        return False
    holder.detach()  # the system closes it, not Python
    return True


_ours: Final = Ports()


def free_port() -> int:
    """Give a TCP port that nobody uses now, and no other program chooses as long as this one lives."""
    return _ours.choose()
