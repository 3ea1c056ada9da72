"""A load of parcels: orders of one to three, their scans repeated and out of order, in the order of sending. Pure.

Everything follows from the seed. A parcel is scanned ten times, as EasyPost tells it (their codes, read by the
product's own map). 5 % of the scans are told twice, 10 % only after the scan that follows them. The parcels of an order
lie on different partitions of the topic. In the profile `repeating` each webhook tells the parcel's history so far.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.envelope import ce_headers
from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN, Scan
from services.ingest.carriers.easypost_codes import meaning_of
from services.ingest.carriers.shipment import Shipment
from services.ingest.carriers.times import read_time
from services.runtime.placement import partition_of

SCANS: Final = "carrier.scans.v1"
ORDER_EVENTS: Final = "order.events.v1"
PARTITIONS: Final = 8
TOLD_TWICE: Final = 0.05
OUT_OF_ORDER: Final = 0.10
CARRIER: Final = "royal-mail"

START: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
"""When the first orders may be placed."""
_PLACED_WITHIN_S: Final = 86_400
_BETWEEN_SCANS: Final = timedelta(hours=5)
_UNTIL_TOLD: Final = timedelta(minutes=4)
_LATE: Final = timedelta(hours=6)
"""Later than the next scan, which is at most 5:59 hours away."""
_TOLD_AGAIN: Final = timedelta(minutes=30)

#: (status, detail, wording) of EasyPost.
Step = tuple[str, str | None, str]
_LABEL: Final = ("pre_transit", "label_created", "Shipping label created, sender preparing item")
_ACCEPTED: Final = ("in_transit", "received_at_origin_facility", "We have your item")
_ARRIVED: Final = ("in_transit", "arrived_at_facility", "Item received at mail centre")
_DEPARTED: Final = ("in_transit", "departed_facility", "Item leaving the mail centre")
_AT_OFFICE: Final = ("in_transit", "arrived_at_destination", "Item at delivery office")
_OUT: Final = ("out_for_delivery", "out_for_delivery", "Your item is out for delivery")
_DELIVERED: Final = ("delivered", "arrived_at_destination", "Delivered")
_PORCH: Final = ("delivered", "arrived_at_destination", "Delivered, front door")
_NOBODY: Final = ("failure", "delivery_exception", "We tried to deliver your item: nobody in")
_DELAYED: Final = ("in_transit", "delayed", "Your item is delayed")
_WEATHER: Final = ("in_transit", "weather_delay", "Delayed by severe weather")
_WAITING: Final = ("available_for_pickup", "arrived_at_destination", "Ready to collect at Post Office")
_COLLECTED: Final = ("delivered", "arrived_at_destination", "Picked up at Post Office")

_TO_THE_OFFICE: Final = (_LABEL, _ACCEPTED, _ARRIVED, _DEPARTED, _ARRIVED)
#: How many of a hundred parcels live so, and how.
LIVES: Final[tuple[tuple[int, tuple[Step, ...]], ...]] = (
    (70, (*_TO_THE_OFFICE, _DEPARTED, _ARRIVED, _AT_OFFICE, _OUT, _PORCH)),
    (12, (*_TO_THE_OFFICE, _AT_OFFICE, _OUT, _NOBODY, _OUT, _DELIVERED)),
    (10, (*_TO_THE_OFFICE, _DEPARTED, _AT_OFFICE, _NOBODY, _WAITING, _COLLECTED)),
    (8, (*_TO_THE_OFFICE, _WEATHER, _DELAYED, _AT_OFFICE, _OUT, _DELIVERED)),
)
SCANS_OF_A_PARCEL: Final = 10
_PLACES: Final = (
    ("Bath", "BA1 1AA"), ("Leeds", "LS1 1BA"), ("Derby", "DE1 1AA"), ("York", "YO1 7HH"), ("Truro", "TR1 1AA"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """One record as it will be produced; `at` only gives its place in the order of sending."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """How the load is told."""

    seed: int = 1
    repeating: bool = False
    """Each webhook tells the parcel's whole history so far, as EasyPost's do."""
    first_order: int = 100_000
    """Loads of different numbers share no order and no parcel."""


@dataclass(frozen=True, slots=True)
class _Webhook:
    """What a carrier tells at one moment: scans of one parcel."""

    at: datetime
    scans: tuple[Scan, ...]


def records(orders: int, profile: Profile | None = None) -> list[Sent]:
    """Return the records of so many orders in the order of sending."""
    profile = profile or Profile()
    chance = random.Random(profile.seed)  # noqa: S311 - a load, no secret
    found: list[Sent] = []
    for number in range(profile.first_order, profile.first_order + orders):
        found += _order(number, chance, repeating=profile.repeating)
    found.sort(key=lambda one: one.at)
    return found


def _order(number: int, chance: random.Random, *, repeating: bool) -> Iterator[Sent]:
    """Give the records of one order: placed, its parcels created, and their scans."""
    placed_at = START + timedelta(seconds=round(chance.uniform(0, _PLACED_WITHIN_S)))
    parcels = _numbers(number, chance.choice((1, 2, 3)))
    yield event_sent(number, 0, placed_at, _placed(len(parcels)))
    for place, parcel in enumerate(parcels, 1):
        made = placed_at + timedelta(hours=2, minutes=place)
        created = {
            "type": "shipment_created",
            "shipment": f"s{place}",
            "carrier": CARRIER,
            "number": parcel,
            "lines": [{"line": str(place), "quantity": 1}],
        }
        yield event_sent(number, place, made, created)
        told = _told(parcel, made, chance)
        for webhook in _repeating(told) if repeating else told:
            yield from (_scan(scan.model_copy(update={"told_at": webhook.at})) for scan in webhook.scans)


def _numbers(order: int, parcels: int) -> list[str]:
    """Return tracking numbers of which each lies on a partition of its own."""
    found: dict[int, str] = {}
    candidates = (f"AB{order * 100 + index:09d}GB" for index in range(100))
    while len(found) < parcels:
        number = next(candidates)
        found.setdefault(partition_of(f"{CARRIER}:{number}".encode(), PARTITIONS), number)
    return list(found.values())


def _placed(lines: int) -> dict[str, Any]:
    return {
        "type": "placed",
        "lines": [
            {"line": str(place), "name": f"Thing {place}", "sku": f"SKU-{place}", "quantity": 1}
            for place in range(1, lines + 1)
        ],
        "time_zone": "Europe/London",
        "destination": {"country": "GB", "postcode": "BA1 1AA", "city": "Bath"},
    }


def _told(parcel: str, made: datetime, chance: random.Random) -> list[_Webhook]:
    """Return what is told of a parcel, one scan a webhook."""
    shares = [share for share, _ in LIVES]
    life = chance.choices([steps for _, steps in LIVES], shares)[0]
    found = []
    for index, step in enumerate(life):
        at = made + timedelta(hours=1, minutes=chance.randint(0, 59)) + index * _BETWEEN_SCANS
        told_at = at + _UNTIL_TOLD + (_LATE if chance.random() < OUT_OF_ORDER else timedelta())
        scan = _read(parcel, step, at, place=chance.choice(_PLACES), told_at=told_at)
        found.append(_Webhook(told_at, (scan,)))
        if chance.random() < TOLD_TWICE:
            found.append(_Webhook(told_at + _TOLD_AGAIN, (scan,)))
    return found


def _repeating(told: Sequence[_Webhook]) -> Iterator[_Webhook]:
    """Give each webhook with everything that was told before it."""
    known: dict[str, Scan] = {}
    for webhook in sorted(told, key=lambda one: one.at):
        known |= {scan.event_key: scan for scan in webhook.scans}
        yield _Webhook(webhook.at, tuple(sorted(known.values(), key=lambda scan: scan.occurred_at)))


def _read(parcel: str, step: Step, at: datetime, *, place: tuple[str, str], told_at: datetime) -> Scan:
    """Return a scan as the door makes it of EasyPost's words."""
    status, detail, wording = step
    shipment = Shipment(provider="easypost", map_version=3, told_at=told_at, carrier=CARRIER, number=parcel)
    where = shipment.place(city=place[0], region=None, postcode=place[1], country="GB")
    told = read_time(at.isoformat(), zone="Europe/London")
    meaning = meaning_of(status, detail, carrier=CARRIER, code=None, wording=wording)
    return shipment.scan(told, f"{status}/{detail}", meaning, place=where, wording=wording)


def _scan(scan: Scan) -> Sent:
    headers = ce_headers(
        SCANS, "scan", event_id=scan.event_key, source="trackfold/ingest", subject=scan.key, time=scan.told_at
    )
    return Sent(SCANS, scan.key.encode(), SCAN.dump_json(scan, exclude_defaults=True), tuple(headers), scan.told_at)


def event_sent(order: int, place: int, at: datetime, body: dict[str, Any]) -> Sent:
    """Return an order event as the shop tells it; `place` tells it from the others of its order."""
    event = ORDER_EVENT.validate_python({"shop": "main", "order": str(order), "occurred_at": at, **body})
    headers = ce_headers(
        ORDER_EVENTS, event.type, event_id=f"{order}-{place}", source="benchmark/shop", subject=event.key, time=at
    )
    value = ORDER_EVENT.dump_json(event, exclude_defaults=True)
    return Sent(ORDER_EVENTS, event.key.encode(), value, tuple(headers), at)
