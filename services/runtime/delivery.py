"""THE place where an exception becomes a decision: wait, dead letter, stop for a person, or give up after a few tries.

Nothing else catches broadly. Called by the consumers, by loops through `persist()`, and by `process.main` at the end.
Texts made here name classes and codes only, never what an exception says: its words may hold somebody's data.
"""

import random
import ssl
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, Protocol, TypeVar

import asyncpg
import pydantic
import structlog
from aiokafka import errors as kafka_errors
from asyncpg.exceptions import _base as asyncpg_base

from services.runtime import backoff, metrics
from services.runtime.errors import Conflict, Exit, ExitCode, Misconfigured, Poison, Stopping, TrackfoldError, Transient
from services.runtime.health import Health
from services.runtime.watchdog import Heart

T = TypeVar("T")
log = structlog.stdlib.get_logger("trackfold.delivery")

UNEXPECTED_TRIES: Final = 5
_LOUD_EVERY: Final = 20


class Decision(Enum):
    """What to do about a failure."""

    WAIT = "wait"
    DEAD_LETTER = "dead_letter"
    MISCONFIGURED = "misconfigured"
    UNEXPECTED = "unexpected"


#: SQLSTATE prefixes, longest first. What is not listed is unexpected.
_SQLSTATES: Final = (
    ("25006", Decision.WAIT),  # read-only: an old primary after a failover
    ("25P03", Decision.WAIT),  # we were frozen inside a transaction and the server cut us off
    ("25P04", Decision.WAIT),
    ("40001", Decision.WAIT),
    ("40003", Decision.WAIT),
    ("40P01", Decision.WAIT),
    ("55P03", Decision.WAIT),  # lock_timeout
    ("55006", Decision.WAIT),
    ("3D000", Decision.MISCONFIGURED),  # no such database
    ("08", Decision.WAIT),
    ("53", Decision.WAIT),
    ("57", Decision.WAIT),
    ("58", Decision.WAIT),
    ("22", Decision.DEAD_LETTER),
    ("23", Decision.DEAD_LETTER),
    ("54", Decision.DEAD_LETTER),  # a value beyond a limit of the server: an index row, a row, a statement
    ("28", Decision.MISCONFIGURED),
    ("42", Decision.MISCONFIGURED),  # no such table, no right: the schema or the role is wrong, no record is
)

_KAFKA_WAIT: Final = (
    kafka_errors.KafkaConnectionError,
    kafka_errors.KafkaTimeoutError,
    kafka_errors.KafkaUnavailableError,
    kafka_errors.BrokerNotAvailableError,
    kafka_errors.ReplicaNotAvailableError,
    kafka_errors.CorruptRecordException,  # seen to heal by itself
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.NodeNotReadyError,
    kafka_errors.StaleMetadata,
    kafka_errors.InvalidTimestampError,  # a clock is ahead: a record's time is ours or the database's
)
_KAFKA_MISCONFIGURED: Final = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.UnsupportedCodecError,
    kafka_errors.UnsupportedVersionError,
    kafka_errors.IncompatibleBrokerVersion,
    kafka_errors.InconsistentGroupProtocolError,
    kafka_errors.InvalidReplicationFactorError,
    kafka_errors.InvalidTopicError,
)

#: First match wins, so the order is part of the meaning.
_CLASSES: Final[tuple[tuple[tuple[type[BaseException], ...], Decision], ...]] = (
    ((Transient,), Decision.WAIT),
    ((Conflict,), Decision.WAIT),
    ((Poison,), Decision.DEAD_LETTER),
    ((Misconfigured,), Decision.MISCONFIGURED),
    # A plan made before a migration: the next try makes a new one.
    ((asyncpg.InvalidCachedStatementError, asyncpg_base.OutdatedSchemaCacheError), Decision.WAIT),
    # asyncpg's own refusal to encode a value: the record's fault, as class 22 is.
    ((asyncpg_base.DataError,), Decision.DEAD_LETTER),
    # What asyncpg or this server cannot do it cannot do tomorrow: the program and the database do not fit.
    (
        (
            asyncpg_base.ClientConfigurationError,
            asyncpg_base.UnsupportedClientFeatureError,
            asyncpg_base.UnsupportedServerFeatureError,
        ),
        Decision.MISCONFIGURED,
    ),
    # A backend that died inside a transaction shows as InterfaceError and hides the cause.
    ((asyncpg_base.InterfaceError, asyncpg.TargetServerAttributeNotMatched), Decision.WAIT),
    # asyncpg is at odds with itself or with the protocol: no record's fault (E10), and waited for it may last for ever,
    # as when the pool has lost count of a connection. A few tries have other connections, a new process a new pool.
    ((asyncpg_base.InternalClientError,), Decision.UNEXPECTED),
    ((kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError), Decision.DEAD_LETTER),
    (_KAFKA_MISCONFIGURED, Decision.MISCONFIGURED),
    (_KAFKA_WAIT, Decision.WAIT),
    ((ssl.SSLCertVerificationError,), Decision.MISCONFIGURED),
    ((OSError, TimeoutError), Decision.WAIT),
)


#: A backend that was ended has said so, and the end of its connection is not read yet: asyncpg blames itself.
_SAID_GOODBYE: Final = "cannot switch to state "


def decide(exc: BaseException) -> Decision:
    """Return what to do about a failure; total, never raises."""
    if isinstance(exc, asyncpg_base.InternalClientError) and str(exc).startswith(_SAID_GOODBYE):
        return Decision.WAIT
    if isinstance(exc, asyncpg.PostgresError) and not isinstance(exc, asyncpg.InvalidCachedStatementError):
        return _by_sqlstate(exc.sqlstate or "")
    for classes, decision in _CLASSES:
        if isinstance(exc, classes):
            return decision
    if isinstance(exc, kafka_errors.KafkaError) and exc.retriable:
        return Decision.WAIT
    return Decision.UNEXPECTED


def _by_sqlstate(state: str) -> Decision:
    for prefix, decision in _SQLSTATES:
        if state.startswith(prefix):
            return decision
    return Decision.UNEXPECTED


def reason(exc: BaseException) -> str:
    """Return a short slug for metrics and dead letters: our own reason, a SQLSTATE or the class name."""
    if isinstance(exc, TrackfoldError):
        return exc.reason
    if isinstance(exc, asyncpg.PostgresError):
        return f"postgres_{exc.sqlstate}"
    return type(exc).__name__


def describe(exc: BaseException) -> str:
    """Return what may be logged or shown about a failure: no words of a foreign exception, they may hold data."""
    if isinstance(exc, TrackfoldError):
        return exc.message
    if isinstance(exc, asyncpg.PostgresError):
        return f"{type(exc).__name__} (SQLSTATE {exc.sqlstate})"
    if isinstance(exc, pydantic.ValidationError):
        return f"{exc.title}: {'; '.join(_places(exc))}"
    if isinstance(exc, OSError) and exc.strerror:
        return f"{type(exc).__name__}: {exc.strerror}"
    return type(exc).__name__


def _places(exc: pydantic.ValidationError) -> list[str]:
    # A place may be a key of the input, and so somebody's data: only names of our own fields are shown.
    ours = _field_names(pydantic.BaseModel)
    errors = exc.errors(include_input=False, include_url=False, include_context=False)[:5]
    shown = ([str(part) if isinstance(part, int) or part in ours else "*" for part in error["loc"]] for error in errors)
    return [f"{'.'.join(parts)}: {error['type']}" for parts, error in zip(shown, errors, strict=True)]


def _field_names(model: type[pydantic.BaseModel]) -> set[str]:
    below = (_field_names(one) for one in model.__subclasses__())
    return set(model.model_fields).union(*below)


def not_the_record(exc: Exception) -> Exception:
    """Return a failure that nobody may take for the record's fault: there is nowhere left to put the record."""
    if decide(exc) is Decision.DEAD_LETTER:
        return RuntimeError(describe(exc))
    return exc


def exit_code(exc: BaseException) -> ExitCode:
    """Return the code a process ends with when this failure reaches its top."""
    if isinstance(exc, Exit):
        return exc.code
    if isinstance(exc, TrackfoldError) and exc.exit_code is not ExitCode.FAILED:
        return exc.exit_code
    by_decision = {Decision.WAIT: ExitCode.UNAVAILABLE, Decision.MISCONFIGURED: ExitCode.CONFIG}
    return by_decision.get(decide(exc), ExitCode.TRY_AGAIN)


class Waits(Protocol):
    """What patience needs of a process (`life.Life`; a test gives its own)."""

    @property
    def health(self) -> Health:
        """Where waiting is shown."""

    async def rest(self, seconds: float) -> None:
        """Sleep that long; raises Stopping when the process drains."""


class Patience:
    """Waits between the tries of one piece of work, and knows when to stop trying."""

    def __init__(self, life: Waits, what: str, *, heart: Heart | None = None) -> None:
        """Take what is being done, in words for `/readyz` and the log (`status.apply`)."""
        self._life = life
        self._what = what
        self._heart = heart
        self._attempt = 0
        self._surprises = 0

    async def after(self, exc: Exception) -> None:
        """Wait after a failure and return to try again; or raise what ends the trying.

        Raises Exit (75 or 78), Stopping when the process drains, or the failure itself when it is the record's fault.
        """
        if isinstance(exc, Exit | Stopping):
            raise exc
        decision = decide(exc)
        if decision is Decision.DEAD_LETTER:
            raise exc
        if decision is Decision.MISCONFIGURED:
            hint = exc.hint if isinstance(exc, TrackfoldError) else ""
            raise Exit(ExitCode.CONFIG, reason(exc), f"{self._what}: {describe(exc)}", hint=hint) from exc
        if decision is Decision.UNEXPECTED:
            self._surprise(exc)
        await self._wait(exc)

    def over(self) -> None:
        """Say that the work was done: the next failure starts from the shortest wait again."""
        if self._attempt:
            log.info("works again", what=self._what, tries=self._attempt + 1)
        self._attempt = self._surprises = 0
        self._life.health.works(self._what)

    def _surprise(self, exc: Exception) -> None:
        self._surprises += 1
        log.error("unexpected failure", what=self._what, tries=self._surprises, exc_info=exc)
        if self._surprises >= UNEXPECTED_TRIES:
            text = f"{self._what}: {describe(exc)}, {self._surprises} times"
            raise Exit(ExitCode.TRY_AGAIN, reason(exc), text) from exc

    async def _wait(self, exc: Exception) -> None:
        delay = backoff.full_jitter(self._attempt, random.random)
        if self._attempt % _LOUD_EVERY == 0:
            log.warning("waiting", what=self._what, why=describe(exc), tries=self._attempt + 1)
        self._attempt += 1
        metrics.RETRIES.labels(self._what, reason(exc)).inc()
        self._life.health.waiting(self._what, describe(exc))
        if self._heart is not None:
            self._heart.beat()
        await self._life.rest(delay)
        if self._heart is not None:
            self._heart.beat()


async def persist(work: Callable[[], Awaitable[T]], *, life: Waits, what: str, heart: Heart | None = None) -> T:
    """Do the work until it is done: as long as the world is at fault, a few times when nobody knows whose fault it is.

    Raises what `Patience.after` raises. `work` is a whole: it is run again from its beginning.
    """
    patience = Patience(life, what, heart=heart)
    while True:
        try:
            result = await work()
        except Exception as exc:  # noqa: BLE001 - the one place that decides
            await patience.after(exc)
        else:
            patience.over()
            return result
