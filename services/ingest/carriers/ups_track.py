"""The Track API's answer to scans: every package's activities oldest first, its own status, its expected delivery.

Pure. Called by `ups.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from schemas.scans import Place, Proof, Scan
from schemas.vocabulary import Stage
from services.ingest.carriers.base import Reading
from services.ingest.carriers.documents import child, history, proof, rows, text
from services.ingest.carriers.shipment import Shipment, joined, number_of, told_reading, told_scans
from services.ingest.carriers.ups_alert import place_of, pods, signed_by, status_of
from services.ingest.carriers.ups_reading import OWN_NUMBER, Network, meaning_of, network_of
from services.ingest.carriers.ups_times import Clock, day_of, window_of
from services.ingest.carriers.zones import zone_of

#: The newest promise counts: rescheduled before scheduled.
_EXPECTED: Final = ("RDD", "SDD")
#: Hours by kind: windows, and the time it is committed for.
_WINDOWS: Final = frozenset({"EDW", "CDW", "IDW", "CMT"})


@dataclass(frozen=True, slots=True)
class _Package:
    shipment: Shipment
    told: dict[str, object]
    network: Network

    @property
    def delivery(self) -> dict[str, object]:
        return child(self.told, "deliveryInformation")

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Of the delivery as a whole: the answer does not say which activity they belong to."""
        found = (
            proof(child(self.delivery, "deliveryPhoto"), "photo"),
            proof(child(self.delivery, "signature"), "image"),
            proof(child(self.delivery, "pod"), "content"),
        )
        return tuple(one for one in found if one is not None)

    @property
    def has_photo(self) -> bool:
        return text(child(self.delivery, "deliveryPhoto"), "photo") is not None


def read_answer(answer: dict[str, object], shipment: Shipment) -> Reading:
    """Return what an answer says of its packages. `shipment` is the pattern: each package gets its own number."""
    readings = [_read(package) for package in _packages(child(answer, "trackResponse"), shipment)]
    # An unknown number is answered with 200 and nothing but a warning.
    return joined(readings) if readings else Reading(ignored="not_found")


def _packages(response: dict[str, object], pattern: Shipment) -> Iterator[_Package]:
    """Yield the packages: each under its own number where there are several, a single one under what was asked for.

    A single package's `trackingNumber` can be the post's that delivers it, which is a number nobody asked for.
    """
    for told in rows(response, "shipment"):
        asked = text(told, "inquiryNumber")
        packages = [one for one in rows(told, "package") if isinstance(one, dict)]
        for package in packages:
            own = text(package, "trackingNumber")
            is_own = own is not None and (
                asked is None or (len(packages) > 1 and OWN_NUMBER.fullmatch(own) is not None)
            )
            number = number_of(own if is_own else asked)
            signer = signed_by(child(package, "deliveryInformation"))
            named = replace(pattern, number=number, signed_by=signer)
            yield _Package(named, package, network_of(asked, own))


def _read(package: _Package) -> Reading:
    scans, problems = told_scans(history(package.told, "activity"), lambda one: _scan(package, one))
    return told_reading(scans, problems, (_summary(package), _estimate(package, scans)))


def _scan(package: _Package, activity: object) -> Scan:
    address = child(child(activity, "location"), "address")
    place = place_of(package.shipment, address)
    status = status_of(child(activity, "status"), description_code="statusCode")
    meaning = meaning_of(status, package.network)
    arrived = meaning.stage == Stage.DELIVERED
    return package.shipment.scan(
        _clock(activity).told(_zone(place)),
        status.raw_code,
        meaning,
        place=place,
        wording=status.wording,
        pod=pods(meaning.stage, signed=bool(package.shipment.signed_by), photo=arrived and package.has_photo),
        proofs=package.proofs if arrived else (),
    )


def _summary(package: _Package) -> Scan | None:
    """Return the package's own status (R23). No time is told with it, so it stands when we were told."""
    status = status_of(child(package.told, "currentStatus"), description_code="statusCode")
    meaning = meaning_of(status, package.network)
    if status.type is None and status.code is None and status.description_code is None:
        return None
    return package.shipment.summary(None, status.raw_code.strip("/"), meaning)


def _estimate(package: _Package, scans: list[Scan]) -> Scan | None:
    """Return the expected delivery where it lies not before the newest scan, and nothing was delivered."""
    days = {text(one, "type"): day_of(text(one, "date")) for one in rows(package.told, "deliveryDate")}
    day = next((days[kind] for kind in _EXPECTED if days.get(kind) is not None), None)
    newest = scans[-1].occurred_at.date() if scans else None
    if day is None or days.get("DEL") is not None or (newest is not None and day < newest):
        return None
    hours = child(package.told, "deliveryTime")
    hours = hours if text(hours, "type") in _WINDOWS else {}
    window = window_of(day, text(hours, "startTime"), text(hours, "endTime"), _receivers_zone(package))
    return package.shipment.estimate(None, window)


def _receivers_zone(package: _Package) -> str | None:
    """Return the zone of the address it goes to, by country and state."""
    for address in rows(package.told, "packageAddress"):
        if "DEST" in (text(address, "type") or "").upper():
            where = child(address, "address")
            country = text(where, "country") or text(where, "countryCode")
            return zone_of(package.shipment.carrier, country=country, region=text(where, "stateProvince"))
    return None


def _clock(activity: object) -> Clock:
    return Clock(
        local_date=text(activity, "date"),
        local_time=text(activity, "time"),
        gmt_date=text(activity, "gmtDate"),
        gmt_time=text(activity, "gmtTime"),
        offset=text(activity, "gmtOffset"),
    )


def _zone(place: Place | None) -> str | None:
    return None if place is None else place.time_zone
