"""The messages of a simulated order: order events for Kafka, and webhooks as EasyPost and our own format send them.

Pure: the clock of a story is a start and a speed. Bodies are signed apart, because a signature has a time of its own.
Written from the documented shapes, not with ingest's code: a mistake there must not cancel out here.
"""

import base64
import hashlib
import hmac
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from schemas.envelope import ce_headers, utc_text
from schemas.keys import order_key
from services.local.journeys import SCANS, PlannedScan, Provider
from services.local.stories import SOURCE, Moment, ShopStep, Story, StoryParcel

TOPIC: Final = "order.events.v1"
_LONDON: Final = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class StoryClock:
    """Where story time meets the real one: it starts then, and runs so many times faster."""

    start: datetime
    speed: float

    def at(self, story_s: float) -> datetime:
        """Give the real time of a story second."""
        return self.start + timedelta(seconds=story_s / self.speed)


@dataclass(frozen=True, slots=True)
class KafkaMessage:
    """One order event or scan, ready to be produced."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    topic: str = TOPIC


@dataclass(frozen=True, slots=True)
class Webhook:
    """One body for one provider, with the id of its delivery."""

    provider: Provider
    delivery: str
    body: bytes


def order_event(story: Story, step: ShopStep, *, clock: StoryClock) -> KafkaMessage:
    """Write one step of the shop; repeating it gives the same bytes under the same id."""
    key, at = order_key(story.shop, story.order), clock.at(step.at_s)
    fields = {name: _real(value, clock) for name, value in step.fields.items()}
    body = {"type": step.type, "shop": story.shop, "order": story.order, "occurred_at": utc_text(at), **fields}
    headers = ce_headers(
        TOPIC, step.type, event_id=f"{key}/{step.n}", source=f"{SOURCE}/{story.shop}", subject=key, time=at
    )
    return KafkaMessage(key.encode(), json.dumps(body).encode(), headers)


def _real(value: object, clock: StoryClock) -> object:
    if isinstance(value, Moment):
        at = clock.at(value.at_s)
        return at.astimezone(_LONDON).date().isoformat() if value.day else utc_text(at)
    if isinstance(value, Mapping):
        return {name: _real(inner, clock) for name, inner in value.items()}
    return value


def webhook(story: Story, parcel: StoryParcel, *, scans: Sequence[int], clock: StoryClock) -> Webhook:
    """Write what the carrier of a parcel sends when it tells these scans (EasyPost: all so far; ours: one)."""
    digest = hashlib.sha256(f"{story.shop}/{parcel.number}/{list(scans)}".encode()).hexdigest()[:24]
    body = _easypost if parcel.carrier.provider == "easypost" else _standard
    document = body(parcel, scans, clock=clock, digest=digest)
    return Webhook(parcel.carrier.provider, f"msg_{digest}", json.dumps(document).encode())


def _standard(parcel: StoryParcel, scans: Sequence[int], *, clock: StoryClock, digest: str) -> dict[str, object]:
    """Write our own format: one scan, with the carrier's wall clock and offset."""
    del digest  # our format has its delivery id in a header
    (index,) = scans
    scan = parcel.scans[index]
    kind = SCANS[scan.kind]
    at = clock.at(parcel.scanned_s(index)).astimezone(_LONDON)
    place = {"city": scan.town.city, "region": scan.town.region, "postcode": scan.town.postcode, "country": "GB"}
    return {
        "type": "tracking.scan",
        "carrier": parcel.carrier.provider_name,
        "number": parcel.number,
        "occurred_at": at.isoformat(timespec="seconds"),
        "code": scan.kind.upper(),
        "stage": kind.stage,
        "conditions_set": list(kind.conditions),
        "place": place,
        "description": kind.text,
    }


def _easypost(parcel: StoryParcel, scans: Sequence[int], *, clock: StoryClock, digest: str) -> dict[str, object]:
    """Write EasyPost's event around a tracker with the whole history so far."""
    details = [_easypost_detail(parcel.scans[n], clock.at(parcel.scanned_s(n))) for n in scans]
    created, updated = (_z(clock.at(parcel.scanned_s(n))) for n in (scans[0], scans[-1]))
    before = details[-2]["status"] if len(details) > 1 else "unknown"
    number = parcel.number
    tracker = {
        "id": f"trk_{hashlib.sha256(number.encode()).hexdigest()[:32]}",
        "object": "Tracker",
        "mode": "production",
        "tracking_code": number,
        "status": details[-1]["status"],
        "status_detail": details[-1]["status_detail"],
        "created_at": created,
        "updated_at": updated,
        "signed_by": None,
        "weight": 614.4,
        "est_delivery_date": None,
        "shipment_id": None,
        "carrier": parcel.carrier.provider_name,
        "tracking_details": details,
        "carrier_detail": {"object": "CarrierDetail", "service": parcel.carrier.service},
        "finalized": details[-1]["status"] == "delivered",
        "is_return": False,
    }
    return {
        "description": "tracker.created" if len(details) == 1 else "tracker.updated",
        "mode": "production",
        "previous_attributes": {"status": before},
        "created_at": updated,
        "pending_urls": [],
        "completed_urls": [],
        "updated_at": updated,
        "id": f"evt_{digest}",
        "user_id": "user_simulator",
        "status": "pending",
        "object": "Event",
        "result": tracker,
    }


def _easypost_detail(scan: PlannedScan, at: datetime) -> dict[str, object]:
    kind = SCANS[scan.kind]
    status, detail, code = kind.easypost
    town = scan.town
    return {
        "object": "TrackingDetail",
        "message": kind.text,
        "description": kind.text,
        "status": status,
        "status_detail": detail,
        "datetime": _z(at),
        "source": "simulator",
        "carrier_code": code,
        "tracking_location": {
            "object": "TrackingLocation",
            "city": town.city.upper(),
            "state": town.region,
            "country": "GB",
            "zip": town.postcode,
        },
    }


def _z(at: datetime) -> str:
    return utc_text(at)[:19] + "Z"


def sign(message: Webhook, secret: str, *, at: datetime) -> dict[str, str]:
    """Give the headers under which a provider would send this body at this moment."""
    content = {"content-type": "application/json"}
    if message.provider == "easypost":
        key = unicodedata.normalize("NFKD", secret).encode()
        digest = hmac.new(key, message.body, hashlib.sha256).hexdigest()
        return content | {"x-hmac-signature": f"hmac-sha256-hex={digest}"}
    seconds = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message.delivery.encode(), seconds.encode(), message.body))
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return content | {
        "webhook-id": message.delivery,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature}",
    }
