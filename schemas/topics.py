"""Topics as records: key, model, partitions, retention, who writes and who reads.

`trackfold topics apply` creates what stands here; access rules and the AsyncAPI document follow from it. A change of a
name or a key is a new topic with a higher version.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from schemas.dead_letters import DEAD_LETTER
from schemas.notification_outcomes import NOTIFICATION_OUTCOME
from schemas.order_events import ORDER_EVENT
from schemas.order_status import ORDER_STATUS
from schemas.scans import SCAN

KIB: Final = 1024
PRODUCTION_PARTITIONS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic of the contract."""

    name: str
    key: str
    """What the key is, in words."""
    model: TypeAdapter[Any] | None
    """Validates a value; None where the value is the provider's raw body."""
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    retention: timedelta | None
    """None for a compacted topic."""
    cleanup: Literal["delete", "compact"] = "delete"
    partitions: int = PRODUCTION_PARTITIONS
    may_grow: bool = False
    """Inputs may get more partitions; keyed outputs keep their count, growth is a new version (rule E13)."""
    max_message_bytes: int = 256 * KIB
    restricted: bool = False
    """May hold personal data: narrow access rules, never shown unmasked."""

    @property
    def stem(self) -> str:
        """The name without its version: the folder of its schemas and examples."""
        return self.name.rpartition(".")[0]

    @property
    def version(self) -> int:
        """The version at the end of the name."""
        return int(self.name.rpartition(".v")[2])


_DAY: Final = timedelta(days=1)

_TOPICS: Final = (
    Topic(
        name="carrier.webhooks.v1",
        key="tracking number when cheap, else none",
        model=None,
        written_by=("ingest",),
        read_by=("ingest",),
        retention=30 * _DAY,
        may_grow=True,
        max_message_bytes=2560 * KIB,
        restricted=True,
    ),
    Topic(
        name="carrier.scans.v1",
        key="shipment key `carrier:number`, or `ref:kind:value`",
        model=SCAN,
        written_by=("ingest", "integrations", "status"),
        read_by=("status", "ingest"),
        retention=35 * _DAY,
        may_grow=True,
    ),
    Topic(
        name="order.events.v1",
        key="order key `shop:order number`",
        model=ORDER_EVENT,
        written_by=("shops", "order systems", "desk", "cli", "status"),
        read_by=("status", "notify"),
        retention=35 * _DAY,
        may_grow=True,
        restricted=True,
    ),
    Topic(
        name="order.status.v1",
        key="order key",
        model=ORDER_STATUS,
        written_by=("status",),
        # Status reads back what a database that became older has told (rule E7).
        read_by=("notify", "downstream", "status"),
        retention=35 * _DAY,
    ),
    Topic(
        name="order.snapshots.v1",
        key="order key",
        model=ORDER_STATUS,
        written_by=("status",),
        # Status reads back what a database that became older has shown (rule E7).
        read_by=("ingest", "downstream", "status"),
        retention=None,
        cleanup="compact",
    ),
    Topic(
        name="notification.outcomes.v1",
        key="order key",
        model=NOTIFICATION_OUTCOME,
        written_by=("notify",),
        # Notify reads back what a database that became older has told (rule E7).
        read_by=("status", "downstream", "notify"),
        retention=90 * _DAY,
    ),
    Topic(
        name="dead-letters.v1",
        key="source topic/partition/offset",
        model=DEAD_LETTER,
        written_by=("ingest", "status", "notify", "cli"),
        read_by=("operators",),
        retention=30 * _DAY,
        partitions=8,
        max_message_bytes=4096 * KIB,
        restricted=True,
    ),
)

TOPICS: Final = {topic.name: topic for topic in _TOPICS}
