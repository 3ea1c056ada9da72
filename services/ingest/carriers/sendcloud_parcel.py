"""One Sendcloud parcel to scans: from a webhook, from the parcel object, from the history of the tracking API.

Every one names Sendcloud's own parcel id. It is the reference by which a parcel without a number is known, it is part
of every scan's identity, and it stays the same when the number comes. Pure. Called by `sendcloud.py`.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.keys import reference_key
from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import Stage, TimeKind
from services.ingest.carriers.base import Reading
from services.ingest.carriers.documents import child, day, history, text
from services.ingest.carriers.sendcloud_codes import id_of, meaning_of
from services.ingest.carriers.shipment import (
    Shipment,
    carrier_of,
    carrier_told,
    number_of,
    told_reading,
    told_scans,
)
from services.ingest.carriers.times import Told, epoch_time, read_time
from services.runtime.errors import Poison

_REFERENCE: Final = "sendcloud"
#: Ten digits are seconds until the year 2286; Sendcloud's example has both units under one name.
_SECONDS: Final = 10
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_DATE: Final = re.compile(r"(\d\d)-(\d\d)-(\d{4})( .*)?", re.ASCII)
_LINKED: Final = re.compile(r"[?&]carrier=([A-Za-z0-9_-]{1,64})(?:&|$)", re.ASCII)
_OVER: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED})


class _Parcel(Shipment):
    """A parcel whose identity is Sendcloud's id of it."""

    @property
    def subject(self) -> str:
        """What the identity of a scan begins with: the parcel's id, before and after it has a number."""
        return reference_key(_REFERENCE, self.references[_REFERENCE])


def read_webhook(
    message: dict[str, object], parcel: dict[str, object], *, provider: str, map_version: int, told_at: datetime
) -> Reading:
    """Return the one scan of a message."""
    shipment = _shipment(parcel, provider=provider, map_version=map_version, told_at=told_at)
    number, name = _status(parcel)

    def tell(_: object) -> Scan:
        return shipment.scan(_instant(message), number, meaning_of(number, name), wording=name)

    scans, problems = told_scans([message], tell)
    return told_reading(scans, problems)


def read_object_of_api(parcel: object, *, provider: str, map_version: int, told_at: datetime) -> Reading:
    """Return the status of a parcel object as a summary (R23): when the status began is not told.

    `date_updated` is when anything of the parcel last changed, in a zone that is not told either: as the time of a scan
    it would tell a status a second time that a webhook has told before, and could move the parcel back.
    """
    shipment = _shipment(parcel, provider=provider, map_version=map_version, told_at=told_at)
    number, name = _status(parcel)
    summary = shipment.summary(_updated(parcel), number, meaning_of(number, name))
    return Reading(ignored="nothing_told") if summary is None else told_reading([], [], [summary])


def read_history(answer: dict[str, object], *, provider: str, map_version: int, told_at: datetime) -> Reading:
    """Return the history of the tracking API. Its statuses have names only; the id of each is known by its name."""
    shipment = _shipment(answer, provider=provider, map_version=map_version, told_at=told_at)
    scans, problems = told_scans(history(answer, "statuses"), lambda status: _past(shipment, status))
    expected = day(answer, "expected_delivery_date")
    over = bool(scans) and scans[-1].stage in _OVER
    estimate = None if expected is None or over or shipment.is_return else shipment.estimate(None, Window(day=expected))
    return told_reading(scans, problems, [estimate])


def _past(shipment: Shipment, status: object) -> Scan:
    name, words = text(status, "parent_status"), text(status, "carrier_message")
    number = id_of(name)
    told = _in_utc(read_time(text(status, "carrier_update_timestamp") or ""))
    return shipment.scan(told, number or name, meaning_of(number, name), wording=words or name)


def _shipment(parcel: object, *, provider: str, map_version: int, told_at: datetime) -> Shipment:
    """Return what a parcel's scans share. Raises Poison where its id is not told, or its number cannot be one."""
    told, known = text(parcel, "tracking_number"), text(parcel, "id") or text(parcel, "parcel_id")
    number, name = None if told is None else number_of(told), _carrier(parcel)
    if known is None or not _ID.fullmatch(known):
        raise Poison("no_number", "the parcel lacks its id")
    return _Parcel(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=(
            carrier_of(name or provider, provider=provider)
            if number is None
            else carrier_told(name, number, provider=provider)
        ),
        number=number,
        references={_REFERENCE: known},
        is_return=isinstance(parcel, dict) and parcel.get("is_return") is True,
    )


def _carrier(parcel: object) -> str | None:
    """Return the carrier's name: in its field, else in the link to Sendcloud's tracking page (`?carrier=postnl`)."""
    named = text(child(parcel, "carrier"), "code") or text(parcel, "carrier") or text(parcel, "carrier_code")
    linked = _LINKED.search(text(parcel, "tracking_url") or "")
    return named or (linked[1] if linked is not None else None)


def _status(parcel: object) -> tuple[str | None, str | None]:
    """Return id and name of the status. An id of 0 exists."""
    status = child(parcel, "status")
    return text(status, "id"), text(status, "message")


def _instant(message: dict[str, object]) -> Told:
    """Return when the status changed: as the carrier told it, else when Sendcloud sent the message."""
    for name in ("carrier_status_change_timestamp", "timestamp"):
        written = text(message, name)
        if written is not None and written != "0":
            return epoch_time(written, per_second=1 if len(written) <= _SECONDS else 1000)
    error = "no time"
    raise ValueError(error)


def _in_utc(told: Told) -> Told:
    """Return a time of the tracking API: it is documented to be in UTC, with or without an offset."""
    return replace(told, kind=TimeKind.UTC) if told.kind == TimeKind.UNKNOWN_ZONE else told


def _updated(parcel: object) -> Told | None:
    """Return `date_updated`, which Sendcloud writes day first; None where it cannot be read."""
    written = text(parcel, "date_updated") or ""
    found = _DATE.fullmatch(written)
    try:
        if found is None:
            return read_time(written)
        dated = read_time(f"{found[3]}-{found[2]}-{found[1]}{found[4] or ''}")
    except ValueError:
        return None
    return replace(dated, text=written)
