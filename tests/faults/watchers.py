"""What a proxy's wire can be told to watch for: COMMIT of Postgres, requests of Kafka.

    wire.watch = CommitWatch(when="answer").watcher        # cut when the server's answer to COMMIT comes: done, unknown
    wire.watch = CommitWatch(when="request").watcher       # cut before COMMIT leaves: not done, unknown
    wire.watch = KafkaWatch(api=PRODUCE, do=LOSE).watcher  # from the next answer on nothing comes back; it stays open
    wire.watch = KafkaWatch(api=PRODUCE, do=CUT, times=3).watcher
    wire.watch = KafkaWatch(api=PRODUCE, do=CUT, when="request").watcher    # the broker never sees it

Only connections made after `wire.watch` was set are watched: set it before the service starts, or `wire.cut()` once, so
that it connects again. `times` bounds how often it strikes, `skip` lets the first ones pass, `holding` picks requests
with these bytes (a topic's name); `struck` says how often it did.
"""

import struct
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.faults.proxy import CUT, Verdict

When = Literal["request", "answer"]
LOSE: Final = b""
PRODUCE, FETCH, METADATA, OFFSET_COMMIT, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT = 0, 1, 3, 8, 10, 11, 12


@dataclass
class _Watch:
    when: When = "answer"
    times: int = 1
    skip: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        """Say whether it strikes now, and count."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.struck >= self.times:
            return False
        self.struck += 1
        return True


@dataclass
class CommitWatch(_Watch):
    """Cuts a Postgres connection at COMMIT, before it leaves or before its answer arrives."""

    def watcher(self) -> "_CommitWatcher":
        """Make the watcher of one connection."""
        return _CommitWatcher(self)


@dataclass
class KafkaWatch(_Watch):
    """Loses (or cuts at) the requests or answers of one kind."""

    api: int = PRODUCE
    do: Verdict = LOSE
    holding: bytes = b""

    def watcher(self) -> "_KafkaWatcher":
        """Make the watcher of one connection."""
        return _KafkaWatcher(self)


@dataclass
class _CommitWatcher:
    watch: _Watch
    awaits_answer: bool = False

    def client(self, chunk: bytes, /) -> Verdict:
        # asyncpg sends COMMIT as a simple query of its own: 'Q', length, text, NUL. A prepared one is a Parse message.
        if b"COMMIT;\0" not in chunk and b"commit\0" not in chunk.lower():
            return chunk
        if not self.watch.strikes():
            return chunk
        if self.watch.when == "request":
            return CUT
        self.awaits_answer = True
        return chunk

    def server(self, chunk: bytes, /) -> Verdict:
        return CUT if self.awaits_answer else chunk


@dataclass
class _KafkaWatcher:
    """Cuts the stream into Kafka's messages (a length, then so many bytes), to know which answer is which."""

    watch: KafkaWatch
    to_server: bytearray = field(default_factory=bytearray)
    to_client: bytearray = field(default_factory=bytearray)
    awaited: set[int] = field(default_factory=set)
    lost: bool = False

    def client(self, chunk: bytes, /) -> Verdict:
        passed = bytearray()
        for message in _messages(self.to_server, chunk):
            api, _, correlation = struct.unpack_from(">hhi", message, 4)
            if api == self.watch.api and self.watch.holding in message and self.watch.strikes():
                if self.watch.when == "request":
                    if self.watch.do == CUT:
                        return CUT
                    continue
                self.awaited.add(correlation)
            passed += message
        return bytes(passed)

    def server(self, chunk: bytes, /) -> Verdict:
        passed = bytearray()
        for message in _messages(self.to_client, chunk):
            (correlation,) = struct.unpack_from(">i", message, 4)
            if correlation in self.awaited:
                if self.watch.do == CUT:
                    return CUT
                self.lost = True  # TCP loses no single answer: with this one all that follow are lost
            if not self.lost:
                passed += message
        return bytes(passed)


def _messages(pending: bytearray, chunk: bytes) -> list[bytes]:
    """Give the whole messages that are there now; the rest waits in `pending`."""
    pending += chunk
    found = []
    while len(pending) >= 4 and len(pending) >= 4 + (size := struct.unpack_from(">i", pending)[0]):
        found.append(bytes(pending[: 4 + size]))
        del pending[: 4 + size]
    return found
