"""Carrier names that nobody listed: each became a slug of its own, and an operator should see it (`carriers unknown`).

A typing mistake of a shop splits a parcel from its scans: *shipment corrected* mends the order, an alias in
`schemas/carrier_table.py` mends it for all.
"""

import json
from collections.abc import Iterable, Mapping

import typer

from schemas.carriers import is_known
from services.runtime import postgres
from services.runtime.settings import OperatorSettings
from services.status import repository


def carrier_of(shipment: str) -> str | None:
    """Return the slug in a shipment key; None for a reference, which names no carrier."""
    slug, _, rest = shipment.partition(":")
    return None if slug == "ref" and ":" in rest else slug


def count_new(next_n: Mapping[str, int]) -> int:
    """Return how many shipments that have no row yet belong to a carrier nobody listed."""
    return sum(n == 1 and not _listed(shipment) for shipment, n in next_n.items())


def _listed(shipment: str) -> bool:
    slug = carrier_of(shipment)
    return slug is None or is_known(slug)


async def find(settings: OperatorSettings) -> list[dict[str, object]]:
    """Return the unknown slugs with how many shipments they have and one example number each."""
    async with postgres.connect(settings.postgres, "trackfold-carriers") as connection:
        rows = await repository.carriers_seen(connection)
    return [dict(row) for row in rows if not is_known(row["carrier"])]


def show(found: Iterable[Mapping[str, object]], *, as_json: bool) -> None:
    """Print the listing."""
    rows = list(found)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo("every carrier that was named is a known one")
    for row in rows:
        typer.echo(f"{row['carrier']:30} {row['shipments']:>8} shipments, as in {row['example']}")
