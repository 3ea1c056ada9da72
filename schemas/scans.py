"""Scans: one thing a carrier said of a parcel, in our words (topic `carrier.scans.v1`).

A scan carries our reading (stage, leg, sub-status, conditions) beside the raw code, the version of the map that read
it, and when ingest was told (`told_at`), so that the fold needs no clock and a remap can tell what changed.
`event_key` is the scan's identity (rule R1), made by the provider's file from the scan itself.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from schemas.base import Identifier, Instant, LongText, Model, ShortText, Word
from schemas.keys import reference_key, shipment_key
from schemas.order_events import Author, Window
from schemas.vocabulary import TimeKind, TimePrecision

EventKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:._+-]{1,128}$")]


MAX_PROOFS: Final = 10
"""Proofs that one scan refers to at most."""


class Proof(Model):
    """A photo, signature or letter of a carrier: where it lies, never what it shows."""

    kind: Word
    """`photo`, `signature` or `letter`."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the bytes in the store of proofs: their name there. After retention or erasure nothing lies under it."""
    media_type: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9.+-]{1,64}$")]
    """Found by the bytes, as in `image/jpeg`."""
    bytes: Annotated[int, Field(ge=1, le=100_000_000)]


class Place(Model):
    """Where a scan happened, as far as the carrier told."""

    city: ShortText | None = None
    region: ShortText | None = None
    postcode: ShortText | None = None
    country: ShortText | None = None
    time_zone: ShortText | None = None
    """IANA name of the place's zone, where it is known."""


class ScanContent(Model):
    """What a scan says of a parcel, in our words: the same in a record and in a `standard` webhook."""

    number: ShortText | None = None
    references: dict[Word, Identifier] = Field(default_factory=dict, max_length=20)
    stage: Word | None = None
    """None: informational, or unmapped (`substatus` says which)."""
    leg: Word = "outbound"
    substatus: Word | None = None
    conditions_set: tuple[Word, ...] = Field(default=(), max_length=20)
    conditions_cleared: tuple[Word, ...] = Field(default=(), max_length=20)
    place: Place | None = None
    description: LongText | None = None
    """The carrier's wording, for people; never part of the identity."""
    pod: tuple[Word, ...] = Field(default=(), max_length=10)
    """Kinds of proof of delivery that exist: `signature`, `photo`, `pin`. Never a name."""
    window: Window | None = None
    """The expected delivery."""
    unique_id: Identifier | None = None
    """The carrier's own id of the shipment, where it uses numbers again (FedEx): another id is another box (R18)."""
    piece: Identifier | None = None
    """Which of several pieces under one number, as the carrier names it; None: all of them (rule R22)."""


class Scan(ScanContent):
    """One reading of one scan, summary, estimate, void, time event, override or remap."""

    kind: Word
    """`scan`, `summary`, `estimate`, `void`, `time`, `override` or `remap`; another word is kept and moves nothing."""
    event_key: EventKey
    provider: Word
    """Who told us: a provider id as in `easypost`."""
    carrier: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    """Canonical slug."""
    occurred_at: Instant
    """The carrier's wall clock and offset; `+00:00` where no zone is known."""
    occurred_at_text: ShortText | None = None
    """The time as it was sent."""
    # Plain words, as they are read: members of a class take five times as long to be written again.
    time_precision: Word = TimePrecision.SECOND.value
    time_kind: Word = TimeKind.OFFSET.value
    raw_code: ShortText | None = None
    proofs: tuple[Proof, ...] = Field(default=(), max_length=MAX_PROOFS)
    """What the carrier sent along and the store of proofs has."""
    voids: EventKey | None = None
    """The event key that is withdrawn, on kind `void`."""
    rule: Word | None = None
    basis: Identifier | None = None
    due_at: Instant | None = None
    limit: ShortText | None = None
    """`rule`, `basis`, `due_at` and `limit` belong to kind `time` (rule E15)."""
    by: Author | None = None
    reason: LongText | None = None
    until: Instant | None = None
    pinned: bool | None = None
    """`by`, `reason`, `until` and `pinned` belong to kind `override`: an agent's word, ended by one without a stage
    (rule R17)."""
    told_at: Instant
    """When ingest was told; the clamp of future times."""
    map_version: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @property
    def key(self) -> str:
        """The Kafka key this scan must carry: its shipment key, or its first reference where it has no number."""
        if self.number is not None:
            return shipment_key(self.carrier, self.number)
        if not self.references:
            message = "a scan has a number or a reference"
            raise ValueError(message)
        kind, value = min(self.references.items())
        return reference_key(kind, value)


class StandardScan(ScanContent):
    """The body of a `standard` webhook: our own scan format for integrators and tests (docs/carriers/standard.md)."""

    type: Literal["tracking.scan"] = "tracking.scan"
    carrier: ShortText
    occurred_at: ShortText
    """RFC 3339; without an offset the zone is not known."""
    code: ShortText | None = None


SCAN: Final[TypeAdapter[Scan]] = TypeAdapter(Scan)
