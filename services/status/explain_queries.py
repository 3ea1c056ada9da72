"""What `explain` reads: an order's events, its parcels' histories and how both came here, as of one instant.

Read-only. Nothing is decided: `explain.py` folds and words it. Called by the API, the agents' page and the command.
"""

from collections.abc import Collection, Sequence
from typing import Final

from schemas.order_status import Change
from services.runtime.postgres import Connection, Pool
from services.status import repository
from services.status.closed import ERASED, erased_event, erased_status
from services.status.explain import Evidence
from services.status.explain_parcel import Path
from services.status.order_facts import gather
from services.status.parcel_fold import History
from services.status.queries import READ_ORDER, at_one_instant, told

READ_PATH: Final = """
select shipment, event_key, min(n) as first_n, count(*) as readings, sum(repeats) as repeats
from status.ledger where shipment = any($1::text[]) and claimed_by is null group by shipment, event_key
"""
READ_REPEATS: Final = """
select source, id, repeats from status.order_event where order_key = $1 and repeats > 0
"""
# A mark that is left of a parcel is nothing to explain.
# References have colons of their own: their second part is their kind, and no number.
FIND_NUMBER: Final = """
select shipment from status.shipment s
where split_part(shipment, ':', 2) = $1 and shipment not like 'ref:%:%'
    and (closed_through is null or exists (select from status.ledger l where l.shipment = s.shipment))
order by shipment limit 20
"""
FIND_KEYS: Final = """
select shipment from status.shipment s where shipment = any($1::text[])
    and (closed_through is null or exists (select from status.ledger l where l.shipment = s.shipment))
order by shipment
"""
# The index is on the events; whether a number is still shown is the document's say, and an erased order shows none.
FIND_PRINTED: Final = """
select distinct order_key from status.order_event e
where e.body ->> 'printed' is not null and e.body ->> 'printed' = any($1::text[]) and order_key > $2
order by order_key limit 20
"""
_PRINTED_AT_MOST: Final = 20


async def find_evidence(pool: Pool, key: str) -> Evidence | None:
    """Return what is known of an order, or None; raises Transient when the database does not answer."""
    return await at_one_instant(pool, lambda connection: read_evidence(connection, key), what="explain order")


async def read_evidence(connection: Connection, key: str) -> Evidence | None:
    """Return what is known of an order, or None when nothing was published of it."""
    row = await connection.fetchrow(READ_ORDER, key)
    if row is None:
        return None
    if row["closed"] == ERASED:
        at = row["closed_through"]
        change = erased_status(key, at, version=row["version"])["change"]
        return Evidence(key, [erased_event(key, at)], {}, change=Change.model_validate(change))
    facts = gather((await repository.events(connection, [key]))[key].values())
    keys = sorted({shipment for parcel in facts.parcels.values() for shipment in parcel.keys})
    return Evidence(
        key=key,
        events=facts.ordered,
        histories=await repository.histories(connection, keys),
        path=await _path(connection, keys, key),
        change=Change.model_validate(told(key, row["doc"], row["message"])["change"]),
    )


async def read_number(connection: Connection, key: str) -> tuple[History, Path]:
    """Return the history of a shipment key by itself."""
    return (await repository.histories(connection, [key]))[key], await _path(connection, [key], None)


async def keys_of(connection: Connection, *, keys: Collection[str], number: str | None) -> list[str]:
    """Return the shipment keys that exist: those of `keys`, and those of any carrier with this number."""
    found = {row["shipment"] for row in await connection.fetch(FIND_KEYS, list(keys))}
    if number is not None:
        found |= {row["shipment"] for row in await connection.fetch(FIND_NUMBER, number)}
    return sorted(found)


async def orders_printed(connection: Connection, numbers: Collection[str]) -> list[str]:
    """Return the keys of the orders, of all shops, on which one of these numbers is printed: there can be several."""
    found: list[str] = []
    last = ""
    while len(found) < _PRINTED_AT_MOST:
        named = [row["order_key"] for row in await connection.fetch(FIND_PRINTED, list(numbers), last)]
        if not named:
            break
        shown = await repository.documents(connection, named)
        found += [key for key in named if (document := shown.get(key)) and document.get("printed") in numbers]
        last = named[-1]
    return found[:_PRINTED_AT_MOST]


async def _path(connection: Connection, keys: Sequence[str], order: str | None) -> Path:
    rows = await connection.fetch(READ_PATH, keys)
    told_again = [] if order is None else await connection.fetch(READ_REPEATS, order)
    return Path(
        first_n={(row["shipment"], row["event_key"]): row["first_n"] for row in rows},
        readings={(row["shipment"], row["event_key"]): row["readings"] for row in rows},
        repeats={(row["shipment"], row["event_key"]): row["repeats"] for row in rows},
        events={(row["source"], row["id"]): row["repeats"] for row in told_again},
    )
