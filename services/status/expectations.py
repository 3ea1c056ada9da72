"""What silence would mean: which rule, counted from which event, is due when (rule E15). Pure: no clock, no I/O.

The fold asks `expects()` whether a time event still counts at its place; the timer asks `expectations()` and
`order_expectations()` when to look at an order again. Both fill an outlook from their own state, so that this file
knows neither the machine nor the order. A new rule of time is its row in `LIMITS` and its few lines here.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from schemas.order_events import Window
from schemas.vocabulary import Condition, Leg, Stage
from services.status.dates import LATEST, next_day, whole_second, window_end


class Rule(StrEnum):
    """The rules of time, as they stand in `time_reached.rule` and in a time scan's `rule`."""

    SILENT = "silent"
    DELAYED = "delayed"
    PICKUP_EXPIRING = "pickup_expiring"
    EXPIRED_TRACKING = "expired_tracking"
    OVERRIDE_EXPIRED = "override_expired"
    DAY_ENDED = "day_ended"
    PROMISE_MISSED = "promise_missed"
    NEVER_DISPATCHED = "never_dispatched"


#: The limits (docs/state-model.md): how long after the basis, or before the date that the basis told. Limits that are
#: learned some day travel in the time event, so that a fold never depends on this table's past.
LIMITS: Final = MappingProxyType(
    {
        "silent": timedelta(days=3),
        "silent.in_customs": timedelta(days=5),
        "delayed": timedelta(0),
        "pickup_expiring.before_until": timedelta(hours=48),
        "pickup_expiring.after_arrival": timedelta(days=5),
        "expired_tracking": timedelta(days=45),
        "override_expired": timedelta(0),
        "day_ended.local_time": timedelta(hours=2),
        "promise_missed": timedelta(0),
        "never_dispatched.after_payment": timedelta(days=5),
        "never_dispatched.before_promise": timedelta(days=1),
    }
)

#: What a time event sets when it counts; an expired override ends instead and sets nothing.
SETS: Final = MappingProxyType(
    {
        Rule.SILENT: Condition.SILENT,
        Rule.DELAYED: Condition.DELAYED,
        Rule.DAY_ENDED: Condition.DELAYED,
        Rule.PICKUP_EXPIRING: Condition.PICKUP_EXPIRING,
        Rule.EXPIRED_TRACKING: Condition.EXPIRED_TRACKING,
        Rule.PROMISE_MISSED: Condition.DELAYED,
        Rule.NEVER_DISPATCHED: Condition.DELAYED,
    }
)

_ENDED: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED, Stage.DISPOSED, Stage.LOST})
_SILENT: Final = frozenset({Stage.ANNOUNCED, Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.ATTEMPTED})
_EVENT_KEY: Final = re.compile(r"[A-Za-z0-9:._+-]{1,128}")
_LONGEST_BASIS: Final = 128


@dataclass(frozen=True, slots=True)
class Expectation:
    """If nothing happens until `due_at` (UTC, whole seconds), `rule` is true of what began with the event `basis`."""

    rule: Rule
    basis: str
    due_at: datetime
    limit: str
    """The row of `LIMITS`, for those who ask why."""

    @property
    def identity(self) -> str:
        """The identity of its time event, a valid event key: whoever fires it, whenever, it is the same event."""
        at = self.due_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        told = f"time:{self.rule}:{self.basis}:{at}"
        return told if _EVENT_KEY.fullmatch(told) else f"time:{self.rule}:{_digest(self.basis)}:{at}"


@dataclass(frozen=True, slots=True)
class Mark:
    """An event that others are counted from, and the instant at which it *stands* in the fold (R3, R14)."""

    event_key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Until(Mark):
    """A mark that tells a date: an override and its expiry."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Estimate(Mark):
    """A mark that tells a window: the carrier's estimate, or the shop's promise."""

    window: Window


@dataclass(frozen=True, slots=True)
class ShipmentOutlook:
    """What the rules of time need of a shipment's state (one group of claims), at any place of its fold."""

    stage: Stage
    leg: Leg
    conditions: Collection[str]
    last: Mark | None
    """The last scan of the carrier, whatever it said (not a time event, not an estimate), else the handover."""
    entered: Mark | None = None
    """The first scan of the stage it is in, since it entered it."""
    confirmed: Mark | None = None
    """The last scan that told the stage it is in; `entered` where it was told once."""
    confirmed_zone: tzinfo | None = None
    """The zone of `confirmed`'s local date: as `machine.local_date` chooses it; None: the offset of `confirmed.at`."""
    zone: tzinfo = UTC
    """The destination's zone: the end of an estimate that names a day."""
    estimate: Estimate | None = None
    pickup_until: datetime | None = None
    """Until when it waits at the carrier's point, where the carrier told it."""
    override: Until | None = None
    since: datetime | None = None
    """Since when it is open again, after an end, the carrier's point or an agent's word: nothing was awaited before."""


@dataclass(frozen=True, slots=True)
class OrderOutlook:
    """What the rules of time need of an order's state, at any place of its fold."""

    open: bool
    """Some unit has not reached its end (delivered, collected, returned, lost, cancelled), and it is not erased."""
    started: bool
    """Some unit is shipped or beyond, or ready at the store or collected."""
    conditions: Collection[str] = ()
    """The order's own conditions so far, not those of its parcels."""
    free: Mark | None = None
    """The event since which nothing holds the warehouse back: payment, else *placed*, or a release from hold; None
    while the money is awaited, or on hold."""
    promise: Estimate | None = None
    """The promise that holds, and the event that made it."""
    overrides: Sequence[Until] = ()
    """Overrides in force that an order event set."""
    zone: tzinfo = UTC
    """The destination's zone."""
    since: datetime | None = None
    """Since when it is open again, as of the last of its parcels that is."""


def expectations(outlook: ShipmentOutlook) -> list[Expectation]:
    """Return what silence would mean for a shipment in this state, by due date. What is true already is left out."""
    found = [_override(outlook.override)]
    if outlook.stage not in _ENDED:
        rules = (_silent, _delayed, _pickup_expiring, _expired, _day_ended)
        found += [rule(outlook) for rule in rules]
    return _pending(found, outlook.conditions, outlook.since)


def order_expectations(outlook: OrderOutlook) -> list[Expectation]:
    """Return what silence would mean for an order in this state, by due date. What is true already is left out."""
    found = [_override(one) for one in outlook.overrides]
    if outlook.open:
        found += [_promise_missed(outlook), _never_dispatched(outlook)]
    return _pending(found, outlook.conditions, outlook.since)


def expects(outlook: ShipmentOutlook | OrderOutlook, rule: str | None, basis: str | None) -> bool:
    """Tell whether a state expects `rule` from `basis`: the one question of the fold to a time event.

    A time event stands at its `due_at`, after everything else of that instant (then by event key). Its own `due_at` is
    not compared: limits may have been others when it was fired.
    """
    found = expectations(outlook) if isinstance(outlook, ShipmentOutlook) else order_expectations(outlook)
    return any(one.rule == rule and one.basis == basis for one in found)


def basis_of(event_key: str) -> str:
    """Return an event key as a basis: itself, or its digest where a record could not carry it."""
    return event_key if len(event_key) <= _LONGEST_BASIS else _digest(event_key)


def _silent(outlook: ShipmentOutlook) -> Expectation | None:
    # A label for a return that nobody used yet is no silence: the customer still has the parcel.
    unused = outlook.leg is Leg.RETURN and outlook.stage is Stage.ANNOUNCED
    if outlook.stage not in _SILENT or outlook.last is None or unused:
        return None
    limit = "silent.in_customs" if Condition.CUSTOMS_HOLD in outlook.conditions else "silent"
    return _after(Rule.SILENT, outlook.last, limit)


def _delayed(outlook: ShipmentOutlook) -> Expectation | None:
    # What waits at the carrier's point has come; what comes back is late for nobody.
    arrived = outlook.leg is Leg.RETURN or outlook.stage is Stage.AVAILABLE_FOR_PICKUP
    if arrived or outlook.estimate is None:
        return None
    return _past(Rule.DELAYED, outlook.estimate, window_end(outlook.estimate.window, outlook.zone), "delayed")


def _pickup_expiring(outlook: ShipmentOutlook) -> Expectation | None:
    if outlook.stage is not Stage.AVAILABLE_FOR_PICKUP or outlook.entered is None:
        return None
    if outlook.pickup_until is None:
        return _after(Rule.PICKUP_EXPIRING, outlook.entered, "pickup_expiring.after_arrival")
    limit = "pickup_expiring.before_until"
    return _at(Rule.PICKUP_EXPIRING, outlook.entered, outlook.pickup_until.astimezone(UTC) - LIMITS[limit], limit)


def _expired(outlook: ShipmentOutlook) -> Expectation | None:
    return None if outlook.last is None else _after(Rule.EXPIRED_TRACKING, outlook.last, "expired_tracking")


def _day_ended(outlook: ShipmentOutlook) -> Expectation | None:
    mark = outlook.confirmed or outlook.entered
    if outlook.stage is not Stage.OUT_FOR_DELIVERY or mark is None:
        return None
    zone = outlook.confirmed_zone or mark.at.tzinfo or UTC
    limit = "day_ended.local_time"
    return _at(Rule.DAY_ENDED, mark, next_day(mark.at.astimezone(zone).date(), zone, LIMITS[limit]), limit)


def _promise_missed(outlook: OrderOutlook) -> Expectation | None:
    if outlook.promise is None:
        return None
    latest = window_end(outlook.promise.window, outlook.zone)
    return _past(Rule.PROMISE_MISSED, outlook.promise, latest, "promise_missed")


def _never_dispatched(outlook: OrderOutlook) -> Expectation | None:
    if outlook.started or outlook.free is None:
        return None
    paid = _after(Rule.NEVER_DISPATCHED, outlook.free, "never_dispatched.after_payment")
    latest = None if outlook.promise is None else window_end(outlook.promise.window, outlook.zone)
    if latest is None:
        return paid
    limit = "never_dispatched.before_promise"
    promised = _at(Rule.NEVER_DISPATCHED, outlook.free, latest - LIMITS[limit], limit)
    return min((one for one in (paid, promised) if one is not None), key=_by_date, default=None)


def _override(override: Until | None) -> Expectation | None:
    if override is None:
        return None
    return _past(Rule.OVERRIDE_EXPIRED, override, override.until, "override_expired")


def _after(rule: Rule, mark: Mark, limit: str) -> Expectation | None:
    return _at(rule, mark, mark.at.astimezone(UTC) + LIMITS[limit], limit)


def _past(rule: Rule, mark: Mark, date_told: datetime | None, limit: str) -> Expectation | None:
    """Return the expectation of a date that passes, with what the table grants beyond it."""
    return _at(rule, mark, None if date_told is None else date_told + LIMITS[limit], limit)


def _at(rule: Rule, mark: Mark, due_at: datetime | None, limit: str) -> Expectation | None:
    """Return the expectation; never due before its basis: at that place nothing would expect it yet."""
    if due_at is None:
        return None
    due_at = whole_second(max(due_at.astimezone(UTC), mark.at.astimezone(UTC)))
    return Expectation(rule, basis_of(mark.event_key), due_at, limit) if due_at < LATEST else None


def _pending(
    found: Sequence[Expectation | None], conditions: Collection[str], since: datetime | None
) -> list[Expectation]:
    """Return what is not true yet, none due in a time of which nothing was awaited: there it would be set aside."""
    open_ones = (one for one in found if one is not None and SETS.get(one.rule) not in conditions)
    if since is None:
        return sorted(open_ones, key=_by_date)
    earliest = whole_second(since.astimezone(UTC))
    moved = (one if one.rule is Rule.OVERRIDE_EXPIRED or one.due_at >= earliest else replace(one, due_at=earliest)
             for one in open_ones)  # fmt: skip
    return sorted(moved, key=_by_date)


def _by_date(one: Expectation) -> tuple[datetime, str, str]:
    return one.due_at, one.rule, one.basis


def _digest(text: str) -> str:
    return f"sha256-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
