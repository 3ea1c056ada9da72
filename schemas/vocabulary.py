"""The words of a state: stages, legs, conditions, order states, buckets and milestones (docs/state-model.md).

A new status starts here; its rows in the machine, its line in the notifier's policy and its words follow, and the type
checker and tests point at each place.
"""

from enum import StrEnum


class Stage(StrEnum):
    """Where a parcel is. Position only: problems are conditions, direction is the leg."""

    NOT_FOUND = "not_found"
    ANNOUNCED = "announced"
    ACCEPTED = "accepted"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPTED = "attempted"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    DISPOSED = "disposed"
    LOST = "lost"


class Leg(StrEnum):
    """Which way a parcel travels. A return ends in `returned`, never in `delivered`."""

    OUTBOUND = "outbound"
    RETURN = "return"


class Condition(StrEnum):
    """A problem or circumstance that overlays the stage and never moves it."""

    DELAYED = "delayed"
    SILENT = "silent"
    HELD = "held"
    CUSTOMS_HOLD = "customs_hold"
    ADDRESS_PROBLEM = "address_problem"
    PAYMENT_DUE = "payment_due"
    DOCUMENTS_MISSING = "documents_missing"
    DAMAGED = "damaged"
    REFUSED = "refused"
    MISSORTED = "missorted"
    WEATHER = "weather"
    REDIRECT_PENDING = "redirect_pending"
    REDIRECTED = "redirected"
    APPOINTMENT_BOOKED = "appointment_booked"
    ACTION_REQUIRED = "action_required"
    CONTRADICTION = "contradiction"
    INVESTIGATION_OPEN = "investigation_open"
    PICKUP_EXPIRING = "pickup_expiring"
    EXPIRED_TRACKING = "expired_tracking"


class OrderState(StrEnum):
    """The state of an order: a pure function of its lines, its events and its shipments."""

    AWAITING_PAYMENT = "awaiting_payment"
    ON_HOLD = "on_hold"
    PROCESSING = "processing"
    PICKING = "picking"
    READY_TO_COLLECT = "ready_to_collect"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    PARTIALLY_DELIVERED = "partially_delivered"
    DELIVERED = "delivered"
    COLLECTED = "collected"
    ATTEMPTED = "attempted"
    RETURNING = "returning"
    PARTIALLY_RETURNED = "partially_returned"
    RETURNED = "returned"
    LOST = "lost"
    CANCELLED = "cancelled"
    CLOSED_SHORT = "closed_short"
    ERASED = "erased"


class Bucket(StrEnum):
    """Where a unit of an order line is. Each unit is in exactly one bucket; together they are what was ordered."""

    OPEN = "open"
    PICKING = "picking"
    READY = "ready"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COLLECTED = "collected"
    RETURNING = "returning"
    RETURNED = "returned"
    LOST = "lost"
    CANCELLED = "cancelled"


class Milestone(StrEnum):
    """What a customer can be told about, once per occasion."""

    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPTED = "attempted"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELIVERED = "delivered"
    RETURNED = "returned"
    LOST = "lost"
    READY_TO_COLLECT = "ready_to_collect"
    COLLECTED = "collected"
    CANCELLED = "cancelled"


class TimePrecision(StrEnum):
    """How exactly the source told the time."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"


class TimeKind(StrEnum):
    """How the zone of a time is known: told as UTC, told with an offset, assumed by rule R14, or not known at all."""

    UTC = "utc"
    OFFSET = "offset"
    ASSUMED_ZONE = "assumed_zone"
    UNKNOWN_ZONE = "unknown_zone"


class ScanKind(StrEnum):
    """What a record on `carrier.scans.v1` says."""

    SCAN = "scan"
    SUMMARY = "summary"
    ESTIMATE = "estimate"
    VOID = "void"
    TIME = "time"
    REMAP = "remap"
    OVERRIDE = "override"
