"""What the fold of one shipment knows: its state, and the small facts in it. No rules here. Pure.

`machine.fold` builds a `ShipmentState`; the order, the pages and the timers only read it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, Milestone, Stage
from services.status.expectations import Mark

#: A parcel has at most so many of each milestone: a message has its limits.
MAX_OCCASIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Reached:
    """A milestone of a parcel.

    `occasion` is a local date, the key of the correction after which it was delivered again, or None where the claim
    itself is the occasion.
    """

    name: Milestone
    occasion: str | None
    event_key: str
    at: datetime
    inferred: bool = False


class Verdict(NamedTuple):
    """What the fold made of one scan, for those who ask why."""

    scan: Scan
    moved: bool
    reason: str
    """`moved`, `same_stage`, or why the stage stayed: `batch_noise`, `contradiction`, `illegal`, `superseded`, ..."""
    rule: str = ""
    """The rule of the state model that decided."""
    stage: Stage | None = None
    leg: Leg | None = None
    """Where it stood after this scan."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A condition from its beginning to its end; open while nothing cleared it."""

    name: str
    since: datetime
    reason: str
    source: str
    """The event key that set it."""
    cause: str
    """Whose problem it is: `carrier`, `customs`, `consignee`, `weather`, ..."""
    cleared_at: datetime | None = None
    cleared_by: str | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A delivery that was not true: from here on "delivered" is told again; the occasion is its number (R4, R15)."""

    key: str
    at: datetime
    reason: str
    """`reopened` by later scans, `voided` by the carrier, or an agent's word that ended (`override_ended`)."""


@dataclass(frozen=True, slots=True)
class Override:
    """An agent's word on where a parcel is (R17); without a stage it ends the one before."""

    key: str
    at: datetime
    stage: Stage | None
    leg: Leg = Leg.OUTBOUND
    substatus: str | None = None
    pinned: bool = False
    """A pinned override outlives later physical scans."""
    until: datetime | None = None
    author: str | None = None
    reason: str | None = None
    by_scan: bool = False
    """Told with the shipment's scans, not with an order's events: what ends it belongs there too."""


@dataclass(frozen=True, slots=True)
class Route:
    """What the shop told of a shipment's way: a place decides only with it (R6), and silence counts from it (E15)."""

    origin: Place | None = None
    destination: Place | None = None
    store: Place | None = None
    """A store chosen for collection."""
    handed_over: Mark | None = None
    """The event with which it left the warehouse, else its label: from then on the carrier should speak of it."""


@dataclass(slots=True)
class Custody:
    """Who held the parcel (R16): carriers that announced a handover, and those that a new holder has replaced."""

    handing_over: frozenset[str] = frozenset()
    former: frozenset[str] = frozenset()


@dataclass(slots=True)
class Attempts:
    """What `attempt_no` is counted from (fine point 5)."""

    number: int | None = None
    failed: bool = False
    """A real attempt failed since the number last rose."""
    day: str | None = None
    """The local date of that attempt."""


@dataclass(slots=True)
class ShipmentState:
    """The state of one shipment. Built by `fold`, then only read."""

    tellers: frozenset[str] = frozenset()
    """The providers that told scans, whenever: their summaries count for less (R23)."""
    stage: Stage = Stage.ANNOUNCED
    leg: Leg = Leg.OUTBOUND
    substatus: str | None = None
    conditions: dict[str, Scan] = field(default_factory=dict)
    """Open conditions and the event that set each."""
    episodes: list[Episode] = field(default_factory=list)
    """Every condition there was, with reason and source, and when it was cleared; in the order they began."""
    window: Scan | None = None
    """The estimate that holds."""
    pod: tuple[str, ...] = ()
    last: Scan | None = None
    first_physical: Scan | None = None
    milestones: list[Reached] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    entered: Scan | None = None
    """The scan that brought it into its stage."""
    confirmed: Scan | None = None
    """The last scan that told its stage."""
    delivery: Scan | None = None
    """The newest word of the delivery that stands: what later scans are measured against (R4)."""
    elsewhere: Scan | None = None
    """The first scan at another place since that delivery (R4)."""
    corrections: list[Correction] = field(default_factory=list)
    attempts: Attempts = field(default_factory=Attempts)
    custody: Custody = field(default_factory=Custody)
    override: Override | None = None
    """The agent's word that holds; `stage`, `leg` and `substatus` are then the agent's."""
    beneath: Stage | None = None
    """While an override holds: where the scans alone say it is."""
    newest: Scan | None = None
    """Of several pieces: the last scan of any of them, while `last` is that of the slowest (R22)."""
    open_since: datetime | None = None
    """Since when something is awaited of it again, after an end, the carrier's point or an agent's word (E15)."""
    unnamed: "ShipmentState | None" = None
    """Where the pieces are that nobody has named, while others have a name (R22)."""
    pieces: "dict[str, ShipmentState]" = field(default_factory=dict)
    """The states of the pieces that the carrier has named (R22)."""

    @property
    def attempt_no(self) -> int | None:
        """Which attempt to deliver this is; None before the first."""
        return self.attempts.number
