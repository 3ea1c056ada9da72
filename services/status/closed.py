"""What is left of an order or a parcel that was purged (rule E8) or erased (rule E9), and what it still says. Pure.

Their rows stay as marks without content: `replay.py` asks here what comes after the end, and readers what to show.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from schemas.envelope import utc_text
from schemas.keys import split_order_key
from schemas.order_events import ORDER_EVENT
from schemas.vocabulary import OrderState
from services.status.changes import Document, action
from services.status.inputs import ORDER_EVENTS
from services.status.messages import SOURCE
from services.status.order import fold_order
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History

#: Words of `status.orders.closed`, and of the metric.
ERASED: Final = OrderState.ERASED.value
PURGED: Final = "purged"
#: A scan of a parcel whose history is gone.
SCAN: Final = "scan"


def erased_event(order: str, at: datetime) -> StoredEvent:
    """Return the mark of an erased order as the one event it is read from: the shop's own was deleted with the rest."""
    shop, number = split_order_key(order)
    event = ORDER_EVENT.validate_python({"type": ERASED, "shop": shop, "order": number, "occurred_at": at})
    return StoredEvent(SOURCE, ERASED, event, "")


def erased_status(order: str, at: datetime, *, version: int) -> Document:
    """Return the last status of an erased order: that it existed, and nothing of it."""
    event = erased_event(order, at)
    document = fold_order(order, [event], {})
    required, acts = action(document)
    cause = {"topic": ORDER_EVENTS, "type": ERASED, "event": event.key, "at": utc_text(at)}
    change = {
        "version": version, "previous": None, "cause": cause, "reason": ERASED, "state": ERASED,
        "action_required": required, "action_by": acts,
    }  # fmt: skip
    return {**document, "change": change}


def leave(histories: Mapping[str, History], order: str, closed: Collection[str]) -> tuple[set[str], set[str]]:
    """Take an order's claims out of the histories it shares.

    Returns the parcels that no order claims any more but some of `closed`, and the orders that go on with the others:
    with a claim gone, the groups of a number (rule E3) can be others.
    """
    alone: set[str] = set()
    sharing: set[str] = set()
    for shipment, history in histories.items():
        own = [identity for identity in history.claims if identity[0] == order]
        for identity in own:
            del history.claims[identity]
        others = {other for other, _ in history.claims if other not in closed}
        if own and not others:
            history.claims.clear()
            alone.add(shipment)
        elif own:
            sharing |= others
    return alone, sharing


def end_of(history: History, at: datetime) -> datetime:
    """Return until when a parcel is over that was erased `at`: what is known of it can have happened later."""
    return max((at, *(scan.occurred_at for scan in history.readings.values())))
