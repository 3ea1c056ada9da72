"""The stepper: how far an order is, on the way to the door or to the counter. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.order_status import OrderStatus, ReachedMilestone
from schemas.vocabulary import Milestone, OrderState
from services.status.web.moments import Clock

CLICK_AND_COLLECT: Final = "click_and_collect"

_DELIVERY: Final = ("Processing", "Picking", "Shipped", "Out for Delivery", "Delivered")
_COLLECTION: Final = ("Processing", "Picking", "Ready to Collect", "Collected")

#: Which step a state stands on. A state without a row (cancelled, lost, on its way back) is no step of either way.
_AT_DELIVERY: Final[dict[str, int]] = {
    OrderState.AWAITING_PAYMENT: -1,
    OrderState.PROCESSING: 0,
    OrderState.PICKING: 1,
    OrderState.PARTIALLY_SHIPPED: 2,
    OrderState.SHIPPED: 2,
    OrderState.IN_TRANSIT: 2,
    OrderState.OUT_FOR_DELIVERY: 3,
    OrderState.ATTEMPTED: 3,
    OrderState.READY_TO_COLLECT: 3,
    OrderState.PARTIALLY_DELIVERED: 4,
    OrderState.DELIVERED: 4,
    OrderState.COLLECTED: 4,
}
_AT_COLLECTION: Final[dict[str, int]] = {
    OrderState.AWAITING_PAYMENT: -1,
    OrderState.PROCESSING: 0,
    OrderState.PICKING: 1,
    # On its way to the store: packed, and not there yet.
    OrderState.PARTIALLY_SHIPPED: 1,
    OrderState.SHIPPED: 1,
    OrderState.IN_TRANSIT: 1,
    OrderState.OUT_FOR_DELIVERY: 1,
    OrderState.READY_TO_COLLECT: 2,
    OrderState.PARTIALLY_DELIVERED: 3,
    OrderState.DELIVERED: 3,
    OrderState.COLLECTED: 3,
}
_ALL_DONE: Final = frozenset({OrderState.DELIVERED, OrderState.COLLECTED})


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
    at = (_AT_COLLECTION if collecting else _AT_DELIVERY).get(status.state)
    if at is None:
        return ()
    names = _COLLECTION if collecting else _by_way(status)
    days = _days(status, clock)
    done = status.state in _ALL_DONE
    return tuple(
        Step(
            name=name,
            position="done" if index < at or (index == at and done) else "now" if index == at else "ahead",
            current=index == at,
            note=_note(status, name, days) if index <= at else None,
        )
        for index, name in enumerate(names)
    )


def _by_way(status: OrderStatus) -> tuple[str, ...]:
    """Return the steps of a delivery; a parcel that waits at a counter was never out for delivery."""
    reached = {milestone.name for parcel in status.parcels for milestone in parcel.milestones}
    fetched = Milestone.AVAILABLE_FOR_PICKUP in reached and Milestone.OUT_FOR_DELIVERY not in reached
    if status.state == OrderState.READY_TO_COLLECT or fetched:
        return (*_DELIVERY[:3], "Ready to Collect", _DELIVERY[4])
    return _DELIVERY


def _note(status: OrderStatus, name: str, days: Mapping[str, str]) -> str | None:
    partly = {OrderState.PARTIALLY_SHIPPED: "Shipped", OrderState.PARTIALLY_DELIVERED: "Delivered"}
    if partly.get(OrderState(status.state)) == name:
        return "partly"
    return days.get(name)


def _days(status: OrderStatus, clock: Clock) -> dict[str, str]:
    """Return on which day each step was reached: the first parcel's, but the last one's for the end."""
    found = {
        "Processing": _first(status.milestones, Milestone.CONFIRMED),
        "Shipped": _first(_of_parcels(status), Milestone.SHIPPED),
        "Out for Delivery": _last(_of_parcels(status), Milestone.OUT_FOR_DELIVERY),
        "Ready to Collect": _first(status.milestones, Milestone.READY_TO_COLLECT)
        or _first(_of_parcels(status), Milestone.AVAILABLE_FOR_PICKUP),
        "Delivered": _last(_of_parcels(status), Milestone.DELIVERED),
        "Collected": _last(status.milestones, Milestone.COLLECTED),
    }
    return {name: clock.shortest_day(datetime.fromisoformat(at)) for name, at in found.items() if at is not None}


def _of_parcels(status: OrderStatus) -> tuple[ReachedMilestone, ...]:
    return tuple(milestone for parcel in status.parcels for milestone in parcel.milestones if not milestone.inferred)


def _times(milestones: tuple[ReachedMilestone, ...], name: Milestone) -> list[str]:
    return sorted((entry.at for entry in milestones if entry.name == name), key=datetime.fromisoformat)


def _first(milestones: tuple[ReachedMilestone, ...], name: Milestone) -> str | None:
    return next(iter(_times(milestones, name)), None)


def _last(milestones: tuple[ReachedMilestone, ...], name: Milestone) -> str | None:
    return next(reversed(_times(milestones, name)), None)
