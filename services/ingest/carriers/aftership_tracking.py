"""An AfterShip tracking to scans: its checkpoints oldest first, then its own tag and its expected delivery.

Pure. Called by `aftership.py`.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.carriers import canonical_carrier
from schemas.order_events import Window
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, ScanKind, Stage, TimeKind, TimePrecision
from services.ingest.carriers.aftership_codes import meaning_of
from services.ingest.carriers.base import Reading
from services.ingest.carriers.countries import alpha_2
from services.ingest.carriers.documents import child, day, history, text
from services.ingest.carriers.meanings import RETURNED, RETURNING, SIGNED, Meaning
from services.ingest.carriers.shipment import (
    Shipment,
    carrier_told,
    number_of,
    signer_of,
    told_reading,
    told_scans,
)
from services.ingest.carriers.times import Told, read_time
from services.ingest.carriers.zones import zone_of

_NAIVE: Final = frozenset({TimeKind.ASSUMED_ZONE, TimeKind.UNKNOWN_ZONE})
_SKEW: Final = timedelta(minutes=5)
_ENDS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.LOST, Stage.CANCELLED, Stage.DISPOSED})
_ESTIMATES: Final = (
    "latest_estimated_delivery",
    "courier_estimated_delivery_date",
    "aftership_estimated_delivery_date",
    "first_estimated_delivery",
)


def read_tracking(
    tracking: dict[str, object], *, provider: str, map_version: int, told_at: datetime, sent: Told | None
) -> Reading:
    """Return what one tracking says; `sent` is the envelope's time. Raises Poison where it names no parcel."""
    number = number_of(text(tracking, "tracking_number"))
    shipment = Shipment(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=carrier_told(text(tracking, "slug"), number, provider=provider),
        number=number,
        signed_by=signer_of(text(tracking, "signed_by")),
    )
    checkpoints = history(tracking, "checkpoints") or [one for one in (child(tracking, "checkpoint"),) if one]
    in_utc = any(_proves_utc(shipment, one) for one in checkpoints)
    scans, problems = told_scans(checkpoints, lambda one: _scan(shipment, one, in_utc=in_utc))
    updated = _updated(tracking) or sent
    meaning = _meaning_of_the_whole(tracking, checkpoints)
    code = _code(tracking)
    whole = (shipment.summary(updated, code, meaning), _estimate(shipment, tracking, updated, meaning))
    return told_reading(scans, problems, whole)


def _scan(shipment: Shipment, checkpoint: object, *, in_utc: bool) -> Scan:
    place = _place(shipment, checkpoint)
    told = read_time(
        text(checkpoint, "checkpoint_time") or "", zone=None if in_utc else _zone(shipment, checkpoint, place)
    )
    wording = text(checkpoint, "message")
    meaning = meaning_of(text(checkpoint, "tag"), text(checkpoint, "subtag"), wording=wording)
    code = _code(checkpoint)
    refined = "/".join(filter(None, (code, text(checkpoint, "raw_tag"))))
    key = shipment.event_key(ScanKind.SCAN, _as_utc(told), refined, place=place)
    proof: dict[str, object] = {"pod": ("signature",)} if meaning is SIGNED else {}
    return shipment.scan(told, code, meaning, place=place, wording=wording, event_key=key, **proof)


def _as_utc(told: Told) -> Told:
    """Return a time as it stands in the identity: a naive one as if it were UTC (see the paragraph in aftership.py)."""
    if told.kind not in _NAIVE:
        return told
    return replace(told, at=told.at.replace(tzinfo=UTC), kind=TimeKind.UTC)


def _proves_utc(shipment: Shipment, checkpoint: object) -> bool:
    """Tell whether a naive time must be UTC: read as local, AfterShip would have known of it before it happened.

    `created_at`, when AfterShip added the checkpoint, is told with its offset. One such checkpoint speaks for all naive
    ones of its body, for a body is written in one way. Only the instant follows from it, never the identity.
    """
    place = _place(shipment, checkpoint)
    try:
        local = read_time(text(checkpoint, "checkpoint_time") or "", zone=_zone(shipment, checkpoint, place))
        added = read_time(text(checkpoint, "created_at") or "")
    except ValueError:
        return False
    if local.kind != TimeKind.ASSUMED_ZONE or local.precision == TimePrecision.DAY or added.kind in _NAIVE:
        return False
    return local.at.replace(tzinfo=UTC) <= added.at + _SKEW < local.at


def _place(shipment: Shipment, checkpoint: object) -> Place | None:
    """Return where a checkpoint was; names of fields as they were (`zip`, `country_iso3`) and are since 2025."""
    country = text(checkpoint, "country_region") or text(checkpoint, "country_iso3")
    return shipment.place(
        city=text(checkpoint, "city") or text(checkpoint, "location"),
        region=text(checkpoint, "state"),
        postcode=text(checkpoint, "postal_code") or text(checkpoint, "zip"),
        country=alpha_2(country) or text(checkpoint, "country_region_name") or text(checkpoint, "country_name"),
    )


def _zone(shipment: Shipment, checkpoint: object, place: Place | None) -> str | None:
    """Return the zone for a naive time: of the place, else of the courier that tells it, where it works in one."""
    slug = text(checkpoint, "slug")
    try:
        courier = shipment.carrier if slug is None else canonical_carrier(slug, provider=shipment.provider)
    except ValueError:
        return None
    return zone_of(courier, country=place.country if place else None, region=place.region if place else None)


def _meaning_of_the_whole(tracking: dict[str, object], checkpoints: list[object]) -> Meaning:
    """Return what the tag of the tracking says, in the light of its newest checkpoint under the same codes.

    Without one the shop said it ("mark as completed"), and the text of the subtag is all there is. `return_to_sender`
    wins over any other exception and over "delivered": what arrives on the way back is returned.
    """
    alike = [one for one in checkpoints if _code(one) == _code(tracking)]
    newest = max(alike, key=lambda one: text(one, "checkpoint_time") or "", default=None)
    wording = text(tracking, "subtag_message") if newest is None else text(newest, "message")
    meaning = meaning_of(text(tracking, "tag"), text(tracking, "subtag"), wording=wording)
    if tracking.get("return_to_sender") is not True or meaning.leg == Leg.RETURN:
        return meaning
    if meaning.stage == Stage.DELIVERED:
        return RETURNED
    return RETURNING if text(tracking, "tag") == "Exception" and meaning.stage not in _ENDS else meaning


def _estimate(shipment: Shipment, tracking: dict[str, object], updated: Told | None, meaning: Meaning) -> Scan | None:
    if meaning.stage in _ENDS or meaning.leg == Leg.RETURN:
        return None
    windows = (_window(child(tracking, name)) for name in _ESTIMATES)
    expected = day(tracking, "expected_delivery")
    window = next((one for one in windows if one is not None), None)
    if window is None and expected is not None:
        window = Window(day=expected)
    return None if window is None else shipment.estimate(updated, window)


def _window(told: dict[str, object]) -> Window | None:
    """Return an expected delivery: a span of instants where both ends are such, else the last local day it names."""
    low = text(told, "datetime_min") or text(told, "estimated_delivery_date_min")
    high = text(told, "datetime_max") or text(told, "estimated_delivery_date_max")
    starts, ends = _instant(low), _instant(high)
    if starts is not None and ends is not None and starts <= ends:
        return Window(starts=starts, ends=ends)
    for name in ("datetime", "estimated_delivery_date", "datetime_max", "estimated_delivery_date_max"):
        if (local := day(told, name)) is not None:
            return Window(day=local)
    return None


def _instant(written: str | None) -> datetime | None:
    try:
        told = read_time(written or "")
    except ValueError:
        return None
    return None if told.kind in _NAIVE else told.at


def _updated(tracking: dict[str, object]) -> Told | None:
    for name in ("updated_at", "last_updated_at"):
        try:
            return read_time(text(tracking, name) or "")
        except ValueError:
            continue
    return None


def _code(told: object) -> str | None:
    return "/".join(filter(None, (text(told, "tag"), text(told, "subtag")))) or None
