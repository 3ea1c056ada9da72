"""The story of an order as models: what `explain` answers, whether as JSON, as a page or in plain text.

Every time has its text beside it, so that all three say the same. No contact stands here: status never has any.
"""

from pydantic import Field

from schemas.base import Identifier, LongText, Model, ShortText, Word
from schemas.order_status import Change, OverrideState, PieceState, Time


class When(Model):
    """An instant, and how it reads."""

    at: Time
    """RFC 3339, with the offset that counts at its place."""
    text: ShortText
    """With its zone, at the precision that was told; `zone not told` where nobody knows it."""


class Because(Model):
    """Why: the record, the reason in a word and in a sentence, the rule and what it says."""

    event: ShortText
    why: Word
    sentence: LongText
    rule: ShortText
    rule_says: LongText


class ConditionStory(Model):
    """A condition from its beginning to its end."""

    name: Word
    title: ShortText
    sentence: LongText
    since: When
    set_by: ShortText
    reason: ShortText
    """A sub-status, a carrier's code, or what else raised it; `because` says it in words."""
    because: LongText
    cause: Word
    """Whose problem it is."""
    cleared_at: When | None
    """None: it is open."""
    cleared_by: ShortText | None


class ScanStory(Model):
    """One scan, what was made of it, and how it came here."""

    event_key: ShortText
    kind: Word
    at: When
    """Where it stands."""
    told_at: When
    """When the provider told us first."""
    as_written: ShortText | None
    """The time as the carrier wrote it."""
    clamped: bool
    """It told a time in the future, and stands where we were told of it (R14)."""
    code: ShortText | None
    stage: Word | None
    leg: Word
    substatus: Word | None
    conditions_set: tuple[Word, ...]
    conditions_cleared: tuple[Word, ...]
    piece: Identifier | None
    place: ShortText | None
    description: LongText | None
    provider: Word
    carrier: Word
    moved: bool
    """It moved the stage."""
    set_aside: bool
    """It changed nothing at all."""
    because: Because
    left_at: Word | None
    """The stage after it."""
    late: bool
    """Another scan that stands later had come before it: a fact of the path."""
    repeated: int
    """How often the very same reading was told again."""
    readings: int
    """How many different readings of it there are; they are merged."""


class OverrideStory(OverrideState):
    """An agent's word, who gave it and why."""

    stage: Word
    stage_says: ShortText
    beneath_says: ShortText
    author: ShortText | None
    reason: LongText | None
    since_text: ShortText
    until_text: ShortText | None


class CorrectionStory(Model):
    """A delivery that was taken back."""

    event: ShortText
    at: When
    why: Word
    sentence: LongText


class ParcelStory(Model):
    """A parcel: where it is and why, and everything that was ever said of it."""

    shipment: Identifier | None
    """None: no order claims the number."""
    key: ShortText | None
    carrier_name: ShortText
    number: ShortText | None
    is_return: bool
    stage: Word
    leg: Word
    substatus: Word | None
    status: ShortText
    """The stage in words, and what that means."""
    definition: LongText
    next: LongText
    acts: Word
    set_by: Because | None
    """What brought it here; None while nobody told anything."""
    since: When | None
    attempt_no: int | None
    override: OverrideStory | None
    conditions: tuple[ConditionStory, ...]
    """Open ones first, then those that were cleared."""
    corrections: tuple[CorrectionStory, ...]
    pieces: int
    pieces_delivered: int
    piece_states: tuple[PieceState, ...]
    scans: tuple[ScanStory, ...]
    """In the order in which they count."""
    left_out: int = 0
    """How many older scans do not stand here; the parcel's own history has them all."""


class EventStory(Model):
    """One of the order's own events, and what it did."""

    event: ShortText
    type: Word
    at: When
    about: ShortText | None
    """Which shipment, lines or other order."""
    by: ShortText | None
    """Who, where a person or a named system acted."""
    reason: LongText | None
    """As it was given."""
    says: LongText
    """What such an event does."""
    set_aside: Because | None
    """Why it did nothing; None where it counted."""
    repeated: int


class LineStory(Model):
    """An order line and where its units are."""

    line: Identifier
    name: ShortText | None
    ordered: int
    where: LongText


class ChangeStory(Change):
    """What the newest version changed, with its reason in words."""

    sentence: LongText | None
    """Why it corrects what was said before; None where it only goes on."""


class Story(Model):
    """Why an order shows what it shows."""

    shop: Word
    order: Identifier
    printed: ShortText | None
    """The number that customers know, where it is not `order`."""
    state: Word
    status: ShortText
    definition: LongText
    row: Word
    """The row of the order's fold that matched first."""
    because: LongText
    """That row in words."""
    next: LongText
    acts: Word
    """Who acts next: `nobody`, `shop`, `carrier` or `customer`."""
    action_required: bool
    """Nothing goes on unless they do."""
    conditions: tuple[Word, ...]
    lines: tuple[LineStory, ...]
    parcels: tuple[ParcelStory, ...]
    events: tuple[EventStory, ...]
    """In the order in which they count."""
    change: ChangeStory | None
    """The newest published version; None while there is none."""
    unpublished: bool = Field(default=False)
    """The rules read more in the history than was published: the order's next event publishes it."""
