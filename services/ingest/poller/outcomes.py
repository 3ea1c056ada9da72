"""What a provider's answer makes of the parcels that were asked about. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from services.ingest.apis.base import Answer, Later, ReadResult, Refused, Registered, RegisterResult, Trouble
from services.ingest.poller import watched
from services.ingest.poller.schedule import ALONE_AFTER, Operation, retry_delay
from services.ingest.poller.watched import Watched

Result = ReadResult | RegisterResult

_NO_RESULT: Final = "no_result"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came to an end: when it began, and what the provider said."""

    operation: Operation
    at: datetime
    results: Sequence[Result] = ()
    trouble: Trouble | None = None
    """The request failed as a whole, and there are no results."""

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The bodies to keep."""
        return tuple(one for one in self.results if isinstance(one, Answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How long a failure keeps a parcel or a provider waiting."""

    random: Callable[[], float]
    first_s: float
    longest_s: float

    def after(self, attempts: int, wish_s: float | None = None) -> timedelta:
        """Return the wait after so many failures before this one: the provider's own wish at least."""
        own = retry_delay(attempts, self.random, first_s=self.first_s, longest_s=self.longest_s)
        return timedelta(seconds=max(own, wish_s or 0.0))


def apply(rows: Mapping[str, Watched], asked: Asked, *, now: datetime, retries: Retries) -> dict[str, Watched]:
    """Return the parcels as the outcome leaves them; `now` is the database's clock, by which they become due."""
    if asked.trouble is not None:
        return {key: _troubled(row, asked.trouble, now, retries) for key, row in rows.items()}
    if asked.operation is Operation.END:
        return {key: watched.ended(row) for key, row in rows.items()}
    said = by_key(asked.results)
    return {
        key: _one(row, said.get(key, Later(key, _NO_RESULT)), asked, now=now, retries=retries)
        for key, row in rows.items()
    }


def by_key(results: Sequence[Result]) -> dict[str, Result]:
    """Return the result of each parcel; the first, should a client name one twice."""
    found: dict[str, Result] = {}
    for one in results:
        for key in one.keys if isinstance(one, Answer) else (one.key,):
            found.setdefault(key, one)
    return found


def count(rows: Mapping[str, Watched], asked: Asked) -> Counter[str]:
    """Return how many parcels came to what: for the metrics."""
    if asked.trouble is not None:
        return Counter(later=len(rows))
    if asked.operation is Operation.END:
        return Counter(ended=len(rows))
    said = by_key(asked.results)
    names = {Answer: "answered", Registered: "registered", Refused: "refused", Later: "later"}
    return Counter(names[type(said.get(key, Later(key, _NO_RESULT)))] for key in rows)


def _one(row: Watched, result: Result, asked: Asked, *, now: datetime, retries: Retries) -> Watched:
    match result:
        case Answer():
            return watched.answered(row, at=asked.at)
        case Registered(_, reference):
            return watched.registered(row, reference, at=now)
        case Refused(_, why) if asked.operation is Operation.READ:
            return watched.unknown(row, why, at=asked.at)
        case Refused(_, why):
            return watched.refused(row, why, at=now)
        case Later():
            return _later(row, result, now, retries)
        case _:
            assert_never(result)


def _troubled(row: Watched, trouble: Trouble, now: datetime, retries: Retries) -> Watched:
    later = _later(row, Later(row.shipment, trouble.why, trouble.after_s), now, retries)
    if trouble.of_the_batch:
        return replace(later, attempts=max(later.attempts, ALONE_AFTER))
    # What is no parcel's fault does not count as its failure: it would be asked for alone after a few of them.
    return replace(later, attempts=row.attempts) if trouble.blames_no_parcel else later


def _later(row: Watched, result: Later, now: datetime, retries: Retries) -> Watched:
    return watched.failed(row, result.why, retry_at=now + retries.after(row.attempts, result.after_s))
