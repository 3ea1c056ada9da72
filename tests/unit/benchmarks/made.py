"""A small load, and what a design that does everything right leaves behind of it."""

import json
from datetime import UTC, datetime
from typing import Final

from benchmarks.engine.designs.design import Design
from benchmarks.engine.load import Sent
from benchmarks.engine.oracle import Expected, Found
from benchmarks.engine.plain import Known
from services.runtime.kafka import Record
from services.status.inputs import OrderIn, Refused, ScanIn, read

AT: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FOLDING: Final = Design(
    name="folding", processes=1, pending_sql="", orders_sql="", history_sql="", snapshots=True
)  # fmt: skip
PARCELS_ONLY: Final = Design(
    name="parcels only", processes=1, pending_sql="", orders_sql="", history_sql="", folds_orders=False
)
STORING: Final = Design(
    name="storing", processes=2, pending_sql="", orders_sql="", history_sql="", publishes=False
)  # fmt: skip


def item_of(sent: Sent) -> ScanIn | OrderIn:
    """Return a record as status reads it."""
    item = read(Record(sent.topic, 0, 0, 0, sent.key, sent.value, sent.headers))
    assert not isinstance(item, Refused), item
    return item


def left_behind(load: list[Sent]) -> Found:
    """Return what a faultless design has stored and published."""
    known, found = Known(), Found(history=0)
    for sent in load:
        for version in known.take(item_of(sent)):
            message = version.message(AT)
            assert message.value is not None
            found.status.take(message.key, message.value)
            found.snapshots[version.order] = message.value
    found.history = sum(len(history.readings) for history in known.histories.values())
    found.orders = [(order, one.version, json.dumps(one.document)) for order, one in known.shown.items()]
    return found


def left_by_parcels(expected: Expected) -> Found:
    """Return what a faultless design without the order fold leaves behind: one message a parcel."""
    found = Found(history=expected.history)
    rows = []
    for shipment, state in expected.stages.items():
        value = f'{{"shipment": "{shipment}", "version": 1, "stage": "{state["stage"]}"}}'
        found.status.take(shipment.encode(), value.encode())
        rows.append((shipment, 1, f'{{"stage": "{state["stage"]}"}}'))
    found.orders = rows
    return found
