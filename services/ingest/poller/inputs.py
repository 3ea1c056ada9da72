"""From records to what the watching consumer understands: which parcels an order waits for, and what was told. Pure.

Order messages and scans are our own: what cannot be read is a mistake somewhere, and is set aside.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from schemas.envelope import header
from schemas.order_status import ORDER_STATUS, Parcel
from schemas.scans import SCAN, Scan
from schemas.vocabulary import ScanKind, TimeKind, TimePrecision
from schemas.webhooks import PULL, VIA
from services.ingest.poller.schedule import DONE
from services.ingest.poller.watched import Telling, Wanted
from services.runtime.errors import Poison
from services.runtime.kafka import Record

SNAPSHOTS: Final = "order.snapshots.v1"
SCANS: Final = "carrier.scans.v1"

_BY_PROVIDERS: Final = frozenset({ScanKind.SCAN, ScanKind.SUMMARY, ScanKind.ESTIMATE, ScanKind.VOID})
_KNOWN_ZONE: Final = frozenset({TimeKind.UTC, TimeKind.OFFSET})


@dataclass(frozen=True, slots=True)
class Order:
    """What one order waits for now; nothing, where it is gone."""

    key: str
    wanted: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a provider told of one parcel."""

    provider: str
    shipment: str | None
    """None where it was told of a reference: no API can be asked about it."""
    telling: Telling
    delay: timedelta | None
    """From the scan to us; None where the scan's time is too vague to say."""


def read_order(record: Record) -> Order:
    """Return what a snapshot says; raises Poison."""
    key = _text(record.key)
    if record.value is None:
        return Order(key)
    try:
        status = ORDER_STATUS.validate_json(record.value)
    except ValueError:
        raise Poison("unreadable", "a snapshot that is none") from None
    # A parcel may stand twice in an order; it is asked for once.
    wanted = {one.key: Wanted(key, one.key, one.stage) for one in status.parcels if one.key and _is_open(one)}
    return Order(key, tuple(wanted.values()))


def read_scan(record: Record) -> Told | None:
    """Return what a scan says; None where it is not a provider's word. Raises Poison."""
    if record.value is None:
        return None
    try:
        scan = SCAN.validate_json(record.value)
        key = scan.key
    except ValueError:
        raise Poison("unreadable", "a scan that is none") from None
    if scan.kind not in _BY_PROVIDERS:
        return None
    pulled = header(record.headers, VIA) == PULL
    telling = Telling(scan.told_at, scan.occurred_at, _hash(scan.event_key), pulled, scan.kind == ScanKind.SCAN)
    return Told(scan.provider, None if scan.number is None else key, telling, _delay(scan))


def _is_open(parcel: Parcel) -> bool:
    return parcel.number is not None and parcel.stage not in DONE


def _delay(scan: Scan) -> timedelta | None:
    if scan.kind != ScanKind.SCAN or scan.time_precision == TimePrecision.DAY or scan.time_kind not in _KNOWN_ZONE:
        return None
    return max(scan.told_at - scan.occurred_at, timedelta(0))


def _hash(event_key: str) -> int:
    return int.from_bytes(hashlib.blake2b(event_key.encode(), digest_size=8).digest(), signed=True)


def _text(key: bytes | None) -> str:
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise Poison("wrong_key", "a snapshot without its order's key")
    return text
