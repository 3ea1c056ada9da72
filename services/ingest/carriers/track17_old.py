"""One tracked number of 17TRACK v1 to scans: one-letter fields, naive times, a state only for the whole parcel.

`z0` is the newest event, `z1` and `z2` the histories of the carriers `w1` and `w2`; an event has `a` (time), `c` and
`d` (place) and `z` (wording). v1 tells no code for an event, so events are kept and move nothing; `e` is the summary.
Pure. Called by `track17.py`.
"""

from datetime import datetime

from schemas.scans import Scan
from services.ingest.carriers.base import Reading
from services.ingest.carriers.documents import child, rows, text
from services.ingest.carriers.meanings import INFORMATION, NOT_MAPPED
from services.ingest.carriers.shipment import Shipment, carrier_of, joined, number_of, told_reading, told_scans
from services.ingest.carriers.times import read_time
from services.ingest.carriers.track17_codes import OLD_STATES


def read_old(told: dict[str, object], *, provider: str, map_version: int, told_at: datetime) -> Reading:
    """Return what is told of one number. Raises Poison where it names no parcel; a bad event costs only itself."""
    track = child(told, "track")
    shipment = Shipment(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=carrier_of(text(told, "carrier") or text(track, "w1"), provider=provider),
        number=number_of(text(told, "number")),
    )
    histories = [rows(track, name) for name in ("z1", "z2")]
    if not any(histories):
        histories = [[one] for one in (child(track, "z0"),) if one]
    history = joined(told_reading(*told_scans(events, lambda one: _scan(shipment, one))) for events in histories)
    state = text(track, "e")
    summary = shipment.summary(None, state, OLD_STATES.get(state or "", NOT_MAPPED))
    return told_reading(history.scans, history.problems, (summary,))


def _scan(shipment: Shipment, event: object) -> Scan:
    place = shipment.place(city=text(event, "c") or text(event, "d"))
    told = read_time(text(event, "a") or "", zone=place.time_zone if place else None)
    return shipment.scan(told, None, INFORMATION, place=place, wording=text(event, "z"))
