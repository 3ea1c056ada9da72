"""All SQL of expiry: shipments that no order claims are taken, looked at again under their locks, and deleted."""

from typing import Final

from services.runtime.postgres import Connection

# Skips what a batch holds: whoever works on a shipment is about to make it younger or claimed.
TAKE_UNCLAIMED: Final = """
select shipment from status.shipment s
where created_at < now() - make_interval(days => $1)
    and (closed_through is null or exists (select from status.ledger l where l.shipment = s.shipment))
    and not exists (select from status.ledger l where l.shipment = s.shipment and l.claimed_by is not null)
    and not exists (select from status.ledger l
                    where l.shipment = s.shipment and l.received_at >= now() - make_interval(days => $1))
order by shipment limit $2 for update skip locked
"""
# Asked again under the locks: a batch that committed between that statement's snapshot and its lock is not in the
# snapshot, and Postgres looks again at the row it locked, not at the ledger.
STILL_UNCLAIMED: Final = """
select shipment from unnest($2::text[]) as taken (shipment)
where not exists (select from status.ledger l where l.shipment = taken.shipment
                  and (l.claimed_by is not null or l.received_at >= now() - make_interval(days => $1)))
"""
PROVIDERS_OF: Final = """
select body ->> 'provider' as provider, count(distinct shipment) as shipments
from status.ledger where shipment = any($1::text[]) group by 1
"""
DELETE_LEDGER: Final = """
with gone as (delete from status.ledger where shipment = any($1::text[]))
update status.shipment set revision = revision + 1 where shipment = any($1::text[])
"""
# The mark of a parcel that was closed before stays: purging forgets it when its time has come (rule E8).
DELETE_SHIPMENTS: Final = "delete from status.shipment where shipment = any($1::text[]) and closed_through is null"


async def expire(connection: Connection, *, days: int, limit: int) -> dict[str, int]:
    """Delete shipments that no order claimed and nobody scanned for so long; return how many per provider."""
    locked = [row["shipment"] for row in await connection.fetch(TAKE_UNCLAIMED, days, limit)]
    taken = [row["shipment"] for row in await connection.fetch(STILL_UNCLAIMED, days, locked)]
    if not taken:
        return {}
    counted = await connection.fetch(PROVIDERS_OF, taken)
    await connection.execute(DELETE_LEDGER, taken)
    await connection.execute(DELETE_SHIPMENTS, taken)
    return {row["provider"]: row["shipments"] for row in counted}
