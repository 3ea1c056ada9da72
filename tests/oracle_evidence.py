"""What the oracle judges by: everything that was sent, and everything that can be read from outside. Plain values.

Nothing here or in the other `oracle*.py` imports anything of the services or the schemas: a mistake there must not
cancel out here. Topics are named without the prefix of a run, consumer groups too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SCANS: Final = "carrier.scans.v1"
ORDER_EVENTS: Final = "order.events.v1"
WEBHOOKS: Final = "carrier.webhooks.v1"
STATUS: Final = "order.status.v1"
SNAPSHOTS: Final = "order.snapshots.v1"
OUTCOMES: Final = "notification.outcomes.v1"
DEAD_LETTERS: Final = "dead-letters.v1"
TOPICS: Final = (WEBHOOKS, SCANS, ORDER_EVENTS, STATUS, SNAPSHOTS, OUTCOMES, DEAD_LETTERS)
SERVICES: Final = ("ingest", "status", "notify")


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant that does not hold: which, where, and what is wrong in a sentence."""

    invariant: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Event:
    """One event that must count once: of a shipment (`carrier:number`) or an order (`shop:number`)."""

    subject: str
    name: str
    """A scan's event key, or `instant|raw code` where ingest makes the key; an order event's `source/id`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the webhook door."""

    status: int
    retry_after: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing that was sent, from the ledger."""

    id: str
    topic: str
    """Where it belongs; a webhook belongs to `carrier.webhooks.v1`."""
    key: str
    sha256: str
    """Of the value, or of the body."""
    events: tuple[Event, ...] = ()
    poison: bool = False
    """Nobody can apply it: it belongs to the dead letters."""
    acks: tuple[tuple[int, int], ...] = ()
    """Partition and offset of every acknowledgement by Kafka."""
    answers: tuple[Answer, ...] = ()

    @property
    def promised(self) -> bool:
        """Whether somebody said that it is taken."""
        return bool(self.acks) or any(200 <= one.status < 300 for one in self.answers)


@dataclass(frozen=True, slots=True)
class Expected:
    """How an order must end, written by hand; any order of arrival ends so."""

    order: str
    """The order key `shop:number`."""
    state: str
    stages: Mapping[str, str]
    """The stage of each parcel, by the shop's shipment id."""
    recipient: str = ""
    """The address of its customer: nobody else's mails go there."""
    told: Mapping[str, int] = field(default_factory=dict)
    """Mails that must be sent, by milestone."""
    may_tell: Mapping[str, int] = field(default_factory=dict)
    """Mails that may be sent beside them, by milestone: whether news is overtaken depends on what came first."""
    tokens: tuple[str, ...] = ()
    """Words that only this order's page may show: its tracking numbers."""


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """One record as a topic has it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0

    @property
    def place(self) -> str:
        """Its coordinates, for a finding."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One event as the database counted it: a scan in `status.ledger`, or a row of `status.order_event`."""

    subject: str
    names: frozenset[str]
    """Every name the sender may know it by (see `Event.name`)."""
    kind: str = "scan"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order as the database of status has it."""

    order: str
    version: int
    state: str | None
    stages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One message to a customer as the database of notify has it."""

    id: str
    order: str
    milestone: str
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that the fake provider took, whether or not its answer arrived."""

    message_id: str
    recipient: str
    subject: str


@dataclass(frozen=True, slots=True)
class OffsetRow:
    """Where a service stands in a partition at a moment, by its own database."""

    service: str
    group: str
    topic: str
    partition: int
    next_offset: int
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class GapRow:
    """Records that a service says retention took."""

    service: str
    topic: str
    partition: int
    want: int
    got: int


@dataclass(frozen=True, slots=True)
class PageSample:
    """One look at the API for one order, from one process; `at` is monotonic."""

    at: float
    order: str
    http_status: int
    version: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """What one process held at a moment: `baseline` (ready, before the load), `load`, or `end` (quiet again)."""

    process: str
    service: str
    moment: str
    memory_mib: float
    files: int
    connections: int = 0
    """Its connections to Postgres."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """One life of a process that ended, and whether the test wanted exactly that."""

    process: str
    code: int
    wanted: bool = False
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ProcessNow:
    """A supervised process at the end: `running` and `ready` belong together."""

    process: str
    running: bool
    ready: bool
    expected_gone: bool = False


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took after healing until everything was quiet; None: it never was."""

    seconds: float | None
    limit_s: float = 60.0
    why: tuple[str, ...] = ()
    """What was not quiet yet at the end."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the judges look at; what was not gathered is empty and judged as such."""

    sent: tuple[Sent, ...] = ()
    expected: tuple[Expected, ...] = ()
    services: frozenset[str] = frozenset(SERVICES)
    """Which services took part: without notify nobody expects a mail."""
    topics: Mapping[str, tuple[TopicRecord, ...]] = field(default_factory=dict)
    log_starts: Mapping[tuple[str, int], int] = field(default_factory=dict)
    log_ends: Mapping[tuple[str, int], int] = field(default_factory=dict)
    counted: tuple[LedgerRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    notifications: tuple[NotificationRow, ...] = ()
    mails: tuple[Mail, ...] = ()
    unanswered: int = 0
    """Messages whose bytes the fake provider had, and of which it never said that it took them."""
    unknown_share: float = 0.5
    """What part of all messages may end `unknown` for the sake of a fault that leaves no other trace here, such as a
    slow database: a fault lasts for a part of the load."""
    offsets: tuple[OffsetRow, ...] = ()
    """Samples in the order in which they were taken, the last ones at the end."""
    gaps: tuple[GapRow, ...] = ()
    explained_gaps: frozenset[tuple[str, str, int]] = frozenset()
    """(service, topic, partition) whose records the test itself took away."""
    purged: frozenset[str] = frozenset()
    """Orders that the test let be purged: a tombstone stands where their snapshot was."""
    pages: tuple[PageSample, ...] = ()
    processes: tuple[ProcessSample, ...] = ()
    ends: tuple[ProcessEnd, ...] = ()
    now: tuple[ProcessNow, ...] = ()
    canaries: tuple[str, ...] = ()
    """Personal data that only the mails, `order.events.v1`, the webhooks and notify's own rows may hold."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Logs, metrics pages, rows of status: by place."""
    recovery: Recovery | None = None

    def records(self, topic: str) -> tuple[TopicRecord, ...]:
        """Return what a topic holds."""
        return self.topics.get(topic, ())
