"""The stepper: how far an order is, on the way to the door or to the counter. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.order_status import OrderStatus, ReachedMilestone
from schemas.vocabulary import Milestone, OrderState
from schemas.words import COLLECTION_STEPS, DELIVERY_STEPS, ORDER_WORDS, POINT_STEPS
from services.status.web.moments import Clock

CLICK_AND_COLLECT: Final = "click_and_collect"

#: On which step a state stands; a state that names a step stands on that. One that is in neither (cancelled, lost, on
#: its way back) is no step of the way.
_AT_DELIVERY: Final[dict[str, OrderState]] = {
    OrderState.PARTIALLY_SHIPPED: OrderState.SHIPPED,
    OrderState.IN_TRANSIT: OrderState.SHIPPED,
    OrderState.ATTEMPTED: OrderState.OUT_FOR_DELIVERY,
    OrderState.PARTIALLY_DELIVERED: OrderState.DELIVERED,
    OrderState.COLLECTED: OrderState.DELIVERED,
}
_AT_COLLECTION: Final[dict[str, OrderState]] = {
    # On its way to the store: packed, and not there yet.
    OrderState.PARTIALLY_SHIPPED: OrderState.PICKING,
    OrderState.SHIPPED: OrderState.PICKING,
    OrderState.IN_TRANSIT: OrderState.PICKING,
    OrderState.OUT_FOR_DELIVERY: OrderState.PICKING,
    OrderState.PARTIALLY_DELIVERED: OrderState.COLLECTED,
    OrderState.DELIVERED: OrderState.COLLECTED,
}
_ALL_DONE: Final = frozenset({OrderState.DELIVERED, OrderState.COLLECTED})
_AT_THE_DOOR: Final = frozenset({OrderState.OUT_FOR_DELIVERY, OrderState.ATTEMPTED})


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `done`, `now` or `ahead`."""

    name: str
    position: str
    current: bool
    """The step to announce: the last one that was reached."""
    note: str | None
    """The state's own name where it says more, else the day."""


def steps(status: OrderStatus, clock: Clock) -> tuple[Step, ...]:
    """Return the steps, or none where the order has left both ways."""
    collecting = status.delivery_method == CLICK_AND_COLLECT
    way = COLLECTION_STEPS if collecting else _by_way(status)
    at = _at(status.state, way, _AT_COLLECTION if collecting else _AT_DELIVERY)
    if at is None:
        return ()
    days = _days(status, clock)
    done = status.state in _ALL_DONE
    return tuple(
        Step(
            name=ORDER_WORDS[state].status,
            position="done" if index < at or (index == at and done) else "now" if index == at else "ahead",
            current=index == at,
            note=_note(status, state, days) if index <= at else None,
        )
        for index, state in enumerate(way)
    )


def _at(state: str, way: Sequence[OrderState], table: Mapping[str, OrderState]) -> int | None:
    """Return the index of the step, -1 before the first one; None where the state is no step of this way."""
    if state == OrderState.AWAITING_PAYMENT:
        return -1
    return next((index for index, step in enumerate(way) if step == table.get(state, state)), None)


def _by_way(status: OrderStatus) -> tuple[OrderState, ...]:
    """Return the steps of a delivery; a parcel that waits at a counter was never out for delivery."""
    reached = {milestone.name for parcel in status.parcels for milestone in parcel.milestones}
    fetched = Milestone.AVAILABLE_FOR_PICKUP in reached and Milestone.OUT_FOR_DELIVERY not in reached
    at_the_point = fetched and status.state not in _AT_THE_DOOR
    return POINT_STEPS if status.state == OrderState.READY_TO_COLLECT or at_the_point else DELIVERY_STEPS


def _note(status: OrderStatus, step: OrderState, days: Mapping[OrderState, str]) -> str | None:
    partly = {OrderState.PARTIALLY_SHIPPED: OrderState.SHIPPED, OrderState.PARTIALLY_DELIVERED: OrderState.DELIVERED}
    if partly.get(OrderState(status.state)) == step:
        return "partly"
    return days.get(step)


def _days(status: OrderStatus, clock: Clock) -> dict[OrderState, str]:
    """Return on which day each step was reached: the first parcel's, but the last one's for the end."""
    found = {
        OrderState.PROCESSING: _first(status.milestones, Milestone.CONFIRMED),
        OrderState.SHIPPED: _first(_of_parcels(status), Milestone.SHIPPED),
        OrderState.OUT_FOR_DELIVERY: _last(_of_parcels(status), Milestone.OUT_FOR_DELIVERY),
        OrderState.READY_TO_COLLECT: _first(status.milestones, Milestone.READY_TO_COLLECT)
        or _first(_of_parcels(status), Milestone.AVAILABLE_FOR_PICKUP),
        OrderState.DELIVERED: _last(_of_parcels(status), Milestone.DELIVERED),
        OrderState.COLLECTED: _last(status.milestones, Milestone.COLLECTED),
    }
    return {step: clock.shortest_day(datetime.fromisoformat(at)) for step, at in found.items() if at is not None}


def _of_parcels(status: OrderStatus) -> tuple[ReachedMilestone, ...]:
    return tuple(milestone for parcel in status.parcels for milestone in parcel.milestones if not milestone.inferred)


def _times(milestones: tuple[ReachedMilestone, ...], name: Milestone) -> list[str]:
    return sorted((entry.at for entry in milestones if entry.name == name), key=datetime.fromisoformat)


def _first(milestones: tuple[ReachedMilestone, ...], name: Milestone) -> str | None:
    return next(iter(_times(milestones, name)), None)


def _last(milestones: tuple[ReachedMilestone, ...], name: Milestone) -> str | None:
    return next(reversed(_times(milestones, name)), None)
