"""The one table from failure to decision, and the patience that acts on it."""

import asyncio
import ssl

import asyncpg
import pytest
from aiokafka import errors as kafka
from asyncpg.exceptions import _base as asyncpg_base
from pydantic import BaseModel, ValidationError

from services.runtime import delivery
from services.runtime.delivery import Decision, decide, persist
from services.runtime.errors import (
    Conflict,
    Exit,
    ExitCode,
    Misconfigured,
    Poison,
    Stopping,
    Transient,
)
from services.runtime.health import Health


def postgres(state: str) -> asyncpg.PostgresError:
    """Return the error that asyncpg makes for a SQLSTATE."""
    found = asyncpg.PostgresError.new({"C": state, "M": "no", "D": "Key (email)=(canary@example.com) exists"})
    assert isinstance(found, asyncpg.PostgresError)
    return found


WAIT = [
    *(postgres(state) for state in ("08006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "25006", "25P03")),
    asyncpg.InterfaceError("cannot call Transaction.__aexit__()"),
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    asyncpg.InvalidCachedStatementError("plan"),
    asyncpg.OutdatedSchemaCacheError("plan"),
    asyncpg.TargetServerAttributeNotMatched("no primary among the hosts"),
    ConnectionRefusedError(111, "refused"),
    TimeoutError(),
    kafka.KafkaConnectionError(),
    kafka.KafkaTimeoutError(),
    kafka.NotLeaderForPartitionError(),
    kafka.NotEnoughReplicasError(),
    kafka.UnknownTopicOrPartitionError(),
    kafka.CommitFailedError(),
    kafka.InvalidTimestampError(),
    Transient("migrations_pending"),
    Conflict("ledger"),
]
DEAD_LETTER = [
    *(postgres(state) for state in ("22021", "22P05", "22003", "23505", "23514")),
    asyncpg_base.DataError("invalid input"),
    kafka.MessageSizeTooLargeError(),
    Poison("unreadable"),
]
MISCONFIGURED = [
    *(postgres(state) for state in ("42P01", "42501", "28P01", "3D000")),
    asyncpg_base.ClientConfigurationError("dsn"),
    asyncpg.UnsupportedServerFeatureError("the server is too old"),
    asyncpg.UnsupportedClientFeatureError("no codec of this type"),
    kafka.TopicAuthorizationFailedError(),
    kafka.SaslAuthenticationFailed(),
    ssl.SSLCertVerificationError("certificate"),
    Misconfigured("link_keys"),
]
UNEXPECTED = [
    *(postgres(state) for state in ("XX000", "25P02")),
    asyncpg.InternalClientError("got result for unknown protocol state"),
    asyncpg.ProtocolError("unexpected array dimensions value"),
    kafka.IllegalStateError(),
    ValueError("what"),
    KeyError("x"),
]


@pytest.mark.parametrize(
    ("failure", "decision"),
    [
        *((failure, Decision.WAIT) for failure in WAIT),
        *((failure, Decision.DEAD_LETTER) for failure in DEAD_LETTER),
        *((failure, Decision.MISCONFIGURED) for failure in MISCONFIGURED),
        *((failure, Decision.UNEXPECTED) for failure in UNEXPECTED),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'sqlstate', '')}",
)
def test_every_kind_of_failure_has_its_decision(failure: Exception, decision: Decision) -> None:
    assert decide(failure) is decision


def test_every_error_of_asyncpg_itself_has_a_decision_of_its_own() -> None:
    """A new version may bring new ones: they are to be looked at, not to be waited for because of what they inherit."""
    known = {type(failure) for failure in (*WAIT, *DEAD_LETTER, *MISCONFIGURED, *UNEXPECTED)}
    own = {one for base in (asyncpg.InterfaceError, asyncpg.InternalClientError) for one in (base, *_below(base))}
    assert own <= known


def _below(base: type[BaseException]) -> set[type[BaseException]]:
    return {one for child in base.__subclasses__() for one in (child, *_below(child))}


def test_the_words_of_a_foreign_exception_are_never_passed_on() -> None:
    class Contact(BaseModel):
        email: int

    with pytest.raises(ValidationError) as caught:
        Contact.model_validate({"email": "canary@example.com"})
    for failure in (postgres("23505"), ValueError("canary@example.com"), caught.value, OSError("canary@example.com")):
        assert "canary" not in delivery.describe(failure)
        assert "canary" not in delivery.reason(failure)


def test_a_key_of_the_input_is_not_shown_where_a_field_of_ours_is() -> None:
    class Parcel(BaseModel):
        references: dict[str, int]

    with pytest.raises(ValidationError) as caught:
        Parcel.model_validate({"references": {"Canary Person": "x"}})
    assert delivery.describe(caught.value) == "Parcel: references.*: int_parsing"


class Life:
    """A process that counts its rests and may drain after some of them."""

    def __init__(self, *, drain_after: int | None = None) -> None:
        self.health = Health()
        self.rests: list[float] = []
        self._drain_after = drain_after

    async def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        if len(self.rests) == self._drain_after:
            raise Stopping
        await asyncio.sleep(0)


class Work:
    """Fails with these, one after the other, then returns 7."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    async def __call__(self) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return 7


async def test_the_worlds_fault_is_waited_for_as_long_as_it_lasts() -> None:
    life = Life()
    work = Work(*(TimeoutError() for _ in range(200)))
    assert await persist(work, life=life, what="relay") == 7
    assert len(life.rests) == 200
    assert 0 <= min(life.rests) <= max(life.rests) <= 10


async def test_readyz_names_what_is_waited_for_until_it_works_again() -> None:
    life = Life()
    seen: list[dict[str, object]] = []

    async def work() -> None:
        if len(seen) < 2:
            seen.append(life.health.report())
            raise ConnectionRefusedError(111, "Connection refused")

    await persist(work, life=life, what="relay")
    assert seen[1]["waiting"] == [{"for": "relay", "why": "ConnectionRefusedError: Connection refused", "seconds": 0.0}]
    assert life.health.report()["waiting"] == []


async def test_an_unexpected_failure_is_tried_five_times_and_then_ends_the_process_with_75() -> None:
    life = Life()
    with pytest.raises(Exit) as caught:
        await persist(Work(*(ValueError("x") for _ in range(9))), life=life, what="relay")
    assert caught.value.code is ExitCode.TRY_AGAIN
    assert len(life.rests) == 4


async def test_a_misconfiguration_ends_the_process_at_once_with_78() -> None:
    life = Life()
    with pytest.raises(Exit) as caught:
        await persist(Work(postgres("42P01")), life=life, what="relay")
    assert caught.value.code is ExitCode.CONFIG
    assert life.rests == []


async def test_a_bad_record_is_handed_back_at_once() -> None:
    with pytest.raises(Poison):
        await persist(Work(Poison("unreadable")), life=Life(), what="relay")


async def test_a_draining_process_gives_up_waiting() -> None:
    with pytest.raises(Stopping):
        await persist(Work(*(TimeoutError() for _ in range(9))), life=Life(drain_after=3), what="relay")


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Exit(ExitCode.WATCHDOG, "x"), 70),
        (Misconfigured("x"), 78),
        (Transient("x"), 69),
        (ConnectionRefusedError(), 69),
        (postgres("42501"), 78),
        (ValueError(), 75),
    ],
)
def test_every_failure_that_reaches_the_top_has_an_exit_code(failure: Exception, code: int) -> None:
    assert delivery.exit_code(failure) == code
