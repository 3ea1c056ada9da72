"""An order at its limits is counted in a moment: it is folded again for every record that touches it."""

import time

from schemas.order_events import MAX_LINES, MAX_PARCELS
from schemas.vocabulary import Bucket
from services.status.inputs import OrderIn, read
from services.status.order import fold_order
from tests.records import placed, record, shipment

LONGEST_S = 1.5


def test_many_parcels_of_many_lines_are_counted_in_a_moment() -> None:
    lines = [{"line": str(number), "quantity": 1} for number in range(MAX_LINES)]
    bodies = [placed(lines=lines), *(shipment(f"B{n}", parcel=f"P{n}", lines=lines) for n in range(MAX_PARCELS))]
    items = [read(record(body)) for body in bodies]
    events = [item.stored for item in items if isinstance(item, OrderIn)]
    began = time.process_time()
    document = fold_order("main:1001", events, {})
    assert time.process_time() - began < LONGEST_S
    assert len(document["parcels"]) == MAX_PARCELS
    assert all(line["buckets"] == {Bucket.OPEN: 1} for line in document["lines"])
