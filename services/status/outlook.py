"""What the rules of time see of a shipment's state (rule E15). Pure.

The fold asks it whether a time event still counts at its place, the timer when to look again: both see the same.
"""

from datetime import UTC, datetime

from schemas.scans import Scan
from schemas.vocabulary import Stage
from services.status.corrections import overlaid
from services.status.expectations import Estimate, Mark, ShipmentOutlook, Until
from services.status.sequence import instant, known_zone, local_zone
from services.status.shipment import Route, ShipmentState


def outlook_of(state: ShipmentState, zone: str | None, route: Route) -> ShipmentOutlook:
    """Return what silence is measured by; `zone` is the destination's."""
    shown = overlaid(state)
    own = shown.override is None
    return ShipmentOutlook(
        stage=shown.stage,
        leg=shown.leg,
        conditions=frozenset(shown.conditions),
        last=_mark(shown.last) or route.handed_over,
        entered=_mark(shown.entered) if own else None,
        confirmed=_mark(shown.confirmed) if own else None,
        confirmed_zone=None if shown.confirmed is None else local_zone(shown.confirmed, zone),
        zone=known_zone(zone) or UTC,
        estimate=_estimate(shown.window),
        pickup_until=_pickup_until(shown.entered) if own else None,
        override=_until(shown),
        since=shown.open_since,
    )


def _mark(scan: Scan | None) -> Mark | None:
    return None if scan is None else Mark(scan.event_key, instant(scan))


def _estimate(scan: Scan | None) -> Estimate | None:
    if scan is None or scan.window is None:
        return None
    return Estimate(scan.event_key, instant(scan), scan.window)


def _until(state: ShipmentState) -> Until | None:
    override = state.override
    return None if override is None else Until(override.key, override.at, override.until)


def _pickup_until(scan: Scan | None) -> datetime | None:
    """Return until when it waits at the carrier's point: the window of the scan that brought it there."""
    if scan is None or scan.stage != Stage.AVAILABLE_FOR_PICKUP or scan.window is None:
        return None
    return scan.window.ends
