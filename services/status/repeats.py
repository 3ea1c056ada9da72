"""How often a reading or an order event was told again: counted in the batch that saw it, read by `explain`.

Facts of the path. They change no state, and stand in the transaction that moves the fence, so that a record that is
polled twice counts once. The rows are those of shipments and orders whose locks the batch holds.
"""

from collections.abc import Mapping
from typing import Final

from services.runtime.postgres import Connection

Counts = Mapping[tuple[str, str, str], int]

COUNT_READINGS: Final = """
update status.ledger set repeats = repeats + again.times
from unnest($1::text[], $2::text[], $3::text[], $4::int[]) as again (shipment, event_key, content, times)
where ledger.shipment = again.shipment and ledger.event_key = again.event_key and ledger.content = again.content
"""
COUNT_EVENTS: Final = """
update status.order_event set repeats = repeats + again.times
from unnest($1::text[], $2::text[], $3::text[], $4::int[]) as again (order_key, source, id, times)
where order_event.order_key = again.order_key and order_event.source = again.source and order_event.id = again.id
"""


async def count(connection: Connection, readings: Counts, events: Counts) -> None:
    """Add what a batch heard again, if anything."""
    for statement, counts in ((COUNT_READINGS, readings), (COUNT_EVENTS, events)):
        if counts:
            rows = [(*slot, times) for slot, times in sorted(counts.items())]
            await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))
