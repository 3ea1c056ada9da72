"""The way of a log line out of the process: written at once where there is room, else dropped and counted.

A pipe that nobody reads blocks whoever writes to it, and here that is the event loop; a full disk refuses. What a
service does matters more than what it says of it: neither may stop it, nor keep the watchdog from ending it.
"""

import os
import select
from typing import Final, TextIO, cast

from services.runtime import metrics

#: So much goes into a pipe without waiting where poll() finds room (PIPE_BUF).
_ROOM: Final = 4096


class LogStream:
    """Writes lines to a descriptor and never waits for who reads it; keeps nothing but the rest of one line."""

    def __init__(self, descriptor: int) -> None:
        """Take the descriptor."""
        self._descriptor = descriptor
        self._rest = b""

    def write(self, text: str) -> int:
        """Write a line, or drop it."""
        line = text.encode(errors="backslashreplace")
        # The rest of a line of which the beginning is out goes first, or two lines would become one.
        rest = push(self._rest, self._descriptor)
        left = line if rest else push(line, self._descriptor)
        whole = left == line
        if whole:
            metrics.LOG_LINES_LOST.inc()
        self._rest = rest if whole else left
        return len(text)

    def flush(self) -> None:
        """Do nothing: what could be written is written."""

    def isatty(self) -> bool:
        """Tell whether a person reads it."""
        return os.isatty(self._descriptor)


def log_stream(descriptor: int = 1) -> TextIO:
    """Return standard output as a stream that never waits, for `logs.configure`."""
    return cast("TextIO", LogStream(descriptor))


def push(data: bytes, descriptor: int) -> bytes:
    """Write as much as goes without waiting; returns what is left: all of it where it is refused."""
    left = data
    try:
        while left and _has_room(descriptor):
            left = left[os.write(descriptor, left[:_ROOM]) :]
    except OSError:  # no space on the disk, nobody at the other end
        return data
    return left


def _has_room(descriptor: int) -> bool:
    asked = select.poll()
    asked.register(descriptor, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in asked.poll(0))
