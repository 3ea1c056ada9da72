"""Parts of an order's state document: its conditions, lines, the store where it waits, each seller's share. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from schemas.envelope import utc_text
from schemas.order_events import Backordered, Line, ReadyToCollect, TimeReached
from schemas.vocabulary import Bucket, Condition, OrderState, Stage
from schemas.words import NOT_COLLECTED, NOT_REALLY_ATTEMPTED, ORDER_WORDS
from services.status.drawn import Document, Said
from services.status.expectations import Rule, basis_of
from services.status.order_facts import OrderFacts, Quantities, StoredEvent
from services.status.parcel_document import plain
from services.status.positions import ParcelPosition
from services.status.shipment import ShipmentState
from services.status.units import NOT_STARTED, TO_COME, buckets_of, order_state

Folded = Sequence[tuple[ParcelPosition, ShipmentState | Said]]
Lines = Mapping[str, Mapping[Bucket, int]]

#: Conditions of a parcel that show as the order's `exception` badge (docs/state-model.md).
EXCEPTIONS: Final = frozenset(
    {
        Condition.DAMAGED, Condition.REFUSED, Condition.ADDRESS_PROBLEM, Condition.DOCUMENTS_MISSING,
        Condition.PAYMENT_DUE, Condition.CUSTOMS_HOLD, Condition.HELD, Condition.CONTRADICTION,
        Condition.ACTION_REQUIRED,
    }
)  # fmt: skip

DELAYED: Final = "delayed"
EXCEPTION: Final = "exception"
BACKORDERED: Final = "backordered"
RETURN_REQUESTED: Final = "return_requested"

#: Words as plain text, looked up once.
_BUCKETS: Final = {bucket: bucket.value for bucket in Bucket}

_RETURNABLE: Final = frozenset({Bucket.DELIVERED, Bucket.COLLECTED})


def conditions(facts: OrderFacts, lines: Lines, folded: Folded) -> list[str]:
    """Return the order's conditions, always in one order."""
    counts = condition_counts(folded)
    found = (
        (DELAYED, DELAYED in counts or _promise_missed(facts, lines) or _never_dispatched(facts, lines)),
        (EXCEPTION, EXCEPTION in counts),
        (BACKORDERED, _some_backordered(facts, lines)),
        (RETURN_REQUESTED, _return_requested(facts, lines)),
    )
    return [name for name, holds in found if holds]


def condition_counts(folded: Folded) -> dict[str, int]:
    """Return how many open parcels are delayed, and how many need attention."""
    named = [frozenset(state.conditions) for position, state in folded if state.conditions and position.open]
    if not named:
        return {}
    counts = {
        DELAYED: sum(Condition.DELAYED in names for names in named),
        EXCEPTION: sum(bool(names & EXCEPTIONS) for names in named),
    }
    return {name: count for name, count in counts.items() if count}


def _reached(facts: OrderFacts, rule: Rule, since: StoredEvent) -> bool:
    """Tell whether a time that counts from this event has passed: any other basis is not awaited any more (E15)."""
    basis = basis_of(since.key)
    events = (stored.event for stored in facts.times if stored.key not in facts.unexpected)
    return any(isinstance(event, TimeReached) and event.rule == rule and event.basis == basis for event in events)


def _promise_missed(facts: OrderFacts, lines: Lines) -> bool:
    if not facts.times or facts.promise is None or not _units(lines.values(), TO_COME):
        return False
    return _reached(facts, Rule.PROMISE_MISSED, facts.promise.made_by)


def _never_dispatched(facts: OrderFacts, lines: Lines) -> bool:
    if not facts.times:
        return False
    active = sum(sum(buckets.values()) - buckets.get(Bucket.CANCELLED, 0) for buckets in lines.values())
    if facts.free is None or not active or _units(lines.values(), NOT_STARTED) != active:
        return False
    return _reached(facts, Rule.NEVER_DISPATCHED, facts.free)


def _return_requested(facts: OrderFacts, lines: Lines) -> bool:
    """Tell whether units that somebody wants to send back have not moved yet."""
    asked = facts.return_requested
    if asked.last is None:
        return False
    for line, buckets in lines.items():
        wanted = asked.of(line, sum(buckets.values())) - buckets.get(Bucket.RETURNING, 0)
        if wanted > buckets.get(Bucket.RETURNED, 0) and _units([buckets], _RETURNABLE):
            return True
    return False


def _some_backordered(facts: OrderFacts, lines: Lines) -> bool:
    if facts.backordered.last is None:
        return False
    return any(_backordered(facts, line, buckets) for line, buckets in lines.items())


def _backordered(facts: OrderFacts, line: str, buckets: Mapping[Bucket, int]) -> int:
    return facts.backordered.of(line, buckets.get(Bucket.OPEN, 0))


def _units(lines: Iterable[Mapping[Bucket, int]], buckets: Collection[Bucket]) -> int:
    return sum(counts.get(bucket, 0) for counts in lines for bucket in buckets)


def substatus(
    state: OrderState, facts: OrderFacts, lines: Lines, *, positions: Sequence[ParcelPosition], folded: Folded
) -> str | None:
    """Return what says more of the order's state."""
    if state is OrderState.ATTEMPTED and _not_really_attempted(folded):
        return NOT_REALLY_ATTEMPTED
    return NOT_COLLECTED if _not_collected(facts, lines, positions) else None


def _not_really_attempted(folded: Folded) -> bool:
    """Tell whether the couriers say themselves that they tried none of the parcels that could not be delivered (R9)."""
    attempted = [one for one in folded if one[0].stage is Stage.ATTEMPTED and one[0].bucket is Bucket.SHIPPED]
    return bool(attempted) and all(state.substatus == NOT_REALLY_ATTEMPTED for _, state in attempted)


def _not_collected(facts: OrderFacts, lines: Lines, positions: Sequence[ParcelPosition]) -> bool:
    """Tell whether units waited at the store in vain, and nothing else waits: it would, had nothing expired."""
    if facts.expired.last is None or _units(lines.values(), (*NOT_STARTED, Bucket.READY)):
        return False
    return buckets_of(replace(facts, expired=Quantities()), positions) != lines


def line_states(facts: OrderFacts, lines: Lines) -> list[Document]:
    """Return the lines with their units per bucket; none where nobody has told them."""
    return [_line(facts, line, lines[line.line]) for line in facts.lines or ()]


def _line(facts: OrderFacts, line: Line, buckets: Mapping[Bucket, int]) -> Document:
    missing = _backordered(facts, line.line, buckets)
    last = facts.backordered.last
    expected = last.event.expected if missing and last is not None and isinstance(last.event, Backordered) else None
    return {
        "line": line.line,
        "name": line.name,
        "sku": line.sku,
        "seller": line.seller,
        "fulfilled_from": line.fulfilled_from,
        "ordered": line.quantity,
        "buckets": {_BUCKETS[bucket]: count for bucket, count in buckets.items()},
        "backordered": missing,
        "expected": None if expected is None else plain(expected),
    }


def collection(facts: OrderFacts, lines: Lines) -> Document | None:
    """Return where the goods wait at the shop's own store, while some do."""
    last = facts.ready.last
    if last is None or not isinstance(last.event, ReadyToCollect) or not _units(lines.values(), (Bucket.READY,)):
        return None
    until = facts.collection_until
    return {
        "store": last.event.store,
        "until": None if until is None else utc_text(until),
        "hours": last.event.hours,
    }


def sellers(facts: OrderFacts, lines: Lines, positions: Sequence[ParcelPosition]) -> list[Document]:
    """Return each seller's part, by name; nothing where one seller sells everything."""
    sold: dict[str | None, list[str]] = {}
    for line in facts.lines or ():
        sold.setdefault(line.seller or None, []).append(line.line)
    if len(sold) < 2:  # noqa: PLR2004 - one seller is no marketplace
        return []
    told = facts.placed.sellers if facts.placed is not None else ()
    helps: dict[str | None, str | None] = {one.seller: one.help for one in told}
    carriers = _carriers(positions)
    found = []
    for seller, own in sorted(sold.items(), key=lambda one: one[0] or ""):
        carrying = sorted({index for line in (*own, None) for index in carriers.get(line, ())})
        state = order_state(facts, {line: lines[line] for line in own}, [positions[index] for index in carrying])
        status = ORDER_WORDS[state].status
        found.append(
            {"seller": seller, "state": state.value, "status": status, "lines": own, "help": helps.get(seller)}
        )
    return found


def _carriers(positions: Sequence[ParcelPosition]) -> dict[str | None, list[int]]:
    """Return, per line, which parcels name it; under None those that name no line."""
    carriers: dict[str | None, list[int]] = {}
    for index, position in enumerate(positions):
        named: set[str | None] = {entry.line for entry in position.facts.lines}
        for line in named or {None}:
            carriers.setdefault(line, []).append(index)
    return carriers
