"""What became of each dead letter: the fold of its records, and which letters somebody asked for. Pure.

A letter is what one service set aside of one record: two services may refuse the same one, and what is done about one
refusal says nothing of the other. A service that reads its input again sets the same record aside again, so a repeat
opens nothing anew. Values are never kept here: there may be many, and they are large and private.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from schemas.dead_letters import Action, DeadLetter, dead_letter_key
from schemas.topics import TOPICS

TOPIC: Final = "dead-letters.v1"
MAX_HELD: Final = 100_000
"""Letters, and what was done with them, that are looked at together: some 100 MB at worst."""


_KEY: Final = re.compile(r"([a-z0-9.-]{1,64})/([0-9]{1,9})/([0-9]{1,18})")


class State(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


_DECIDES: Final = {Action.REPLAYED.value: State.REPLAYED, Action.DISCARDED.value: State.DISCARDED}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Coordinates of a record; the topic is the contract's name."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """Return the Kafka key of its dead letters."""
        return dead_letter_key(self.topic, self.partition, self.offset)


def read_place(text: str) -> Place | None:
    """Return the place that a key names, None where it names none of a topic of the contract."""
    found = _KEY.fullmatch(text)
    if found is None or found[1] not in TOPICS:
        return None
    return Place(found[1], int(found[2]), int(found[3]))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did with a letter: the audit."""

    action: str
    at: datetime
    author: str | None
    note: str | None
    replayed_to: str | None


@dataclass(slots=True)
class Letter:
    """What one service set aside of one record, without the record."""

    source: Place
    service: str
    reason: str
    detail: str | None
    at: datetime
    sha256: str | None
    timestamp_ms: int | None
    lies_at: Place | None = None
    """The dead letter itself; None where retention took it and only what was done is left."""
    holds_record: bool = False
    """Whether the dead letter has the record; else only its topic has."""
    entries: list[Entry] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The Kafka key."""
        return str(self.source)

    @property
    def state(self) -> State:
        """The last decision; without one it is open."""
        decided = [_DECIDES[one.action] for one in self.entries if one.action in _DECIDES]
        return decided[-1] if decided else State.OPEN


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters somebody asked for; what is left out is not asked."""

    keys: frozenset[str] = frozenset()
    reason: str | None = None
    topic: str | None = None
    service: str | None = None

    @property
    def anything(self) -> bool:
        """Whether nothing narrows it."""
        return not (self.keys or self.reason or self.topic or self.service)

    def has(self, one: DeadLetter) -> bool:
        """Tell whether a record is of a letter that was asked for: all records of a letter agree on these."""
        asked = ((self.reason, one.reason), (self.topic, one.topic), (self.service, one.service))
        return (not self.keys or one.key in self.keys) and all(want in (None, told) for want, told in asked)


class Letters:
    """The letters that were asked for, folded record by record, in the order of their topic."""

    def __init__(self, wanted: Wanted = Wanted(), *, limit: int = MAX_HELD) -> None:
        """Take what was asked for, and how many letters and entries to hold."""
        self._wanted = wanted
        self._limit = limit
        self._held = 0
        # With the hash: a topic that was made anew has other records at the same places.
        self._letters: dict[tuple[str, str, str | None], Letter] = {}
        self._origins: dict[str, str] = {}
        self.unreadable = 0
        """Records of the topic that are no dead letters."""

    def add(self, one: DeadLetter, lies_at: Place) -> bool:
        """Take the next record; False when there is no room for more."""
        if one.replayed_to is not None and len(self._origins) < self._limit:
            self._origins[one.replayed_to] = one.key
        if not self._wanted.has(one):
            return True
        if self._held >= self._limit:
            return False
        self._take(one, lies_at)
        return True

    def _take(self, one: DeadLetter, lies_at: Place) -> None:
        identity = (one.key, one.service, one.value_sha256)
        letter = self._letters.get(identity)
        if letter is None:
            self._held += 1
            letter = self._letters[identity] = _letter(one)
        if one.action == Action.QUARANTINED:
            if letter.lies_at is None:
                letter.lies_at, letter.holds_record, letter.at = lies_at, one.holds_record, one.at
            return
        self._held += 1
        letter.entries.append(Entry(one.action, one.at, one.author, one.note, one.replayed_to))

    def chosen(self, state: State | None = None, *, set_aside_here: bool = False) -> list[Letter]:
        """Return the letters in a state (None: in any), newest first.

        `set_aside_here` leaves out those of which only what was done lies in what was read.
        """
        found = [
            one
            for one in self._letters.values()
            if state in (None, one.state) and not (set_aside_here and one.lies_at is None)
        ]
        return sorted(found, key=lambda one: (one.at, one.source, one.service), reverse=True)

    def replay_of(self, letter: Letter) -> str | None:
        """Return the key of the letter whose replay failed again and became this one."""
        return self._origins.get(letter.key)


def counts(letters: Iterable[Letter]) -> list[tuple[str, str, str, int]]:
    """Return (service, topic, reason, how many), most first."""
    found = Counter((one.service, one.source.topic, one.reason) for one in letters)
    return [(*what, number) for what, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))]


def _letter(one: DeadLetter) -> Letter:
    return Letter(
        source=Place(one.topic, one.partition, one.offset),
        service=one.service,
        reason=one.reason,
        detail=one.detail,
        at=one.at,
        sha256=one.value_sha256,
        timestamp_ms=one.timestamp_ms,
    )
