"""One order as a test tells it: its records by hand, in the documented shapes, and the end they must come to.

Nothing of our own code writes keys or bodies here, so that a mistake there shows. All times are of the last two hours:
older news is told to nobody.
"""

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.oracle_evidence import ORDER_EVENTS, SCANS, WEBHOOKS, Event, Expected, Sent

CANARY_BOX: Final = "canary.person"
CANARY_NAME: Final = "Canary Featherstone"
CANARIES: Final = (CANARY_BOX, CANARY_NAME)
SECRET: Final = "a secret shared with EasyPost"
#: EasyPost's status, detail and carrier code for a stage; what is not here goes to Kafka directly.
EASYPOST: Final[Mapping[str, tuple[str, str, str]]] = {
    "accepted": ("in_transit", "received_at_origin_facility", "PU"),
    "in_transit": ("in_transit", "departed_facility", "DP"),
    "out_for_delivery": ("out_for_delivery", "out_for_delivery", "OD"),
    "attempted": ("failure", "delayed", "DE"),
    "delivered": ("delivered", "arrived_at_destination", "DL"),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One thing to send: a record for Kafka, or a webhook."""

    sent: Sent
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    first: bool = False
    """Whether it must be on its way before the other letters of its order."""
    copies: int = 1


def letter(
    topic: str, key: str, value: bytes, *, id_: str, headers: Mapping[str, str] | None = None, **facts: Any
) -> Letter:
    """Return a record to send; `facts` are `events`, `poison`, `first` and `copies`."""
    first, copies = facts.pop("first", False), facts.pop("copies", 1)
    sent = Sent(id_, topic, key, hashlib.sha256(value).hexdigest(), **facts)
    lines = tuple((name, text.encode()) for name, text in (headers or {}).items())
    return Letter(sent, value, lines, first, copies)


def signature(body: bytes) -> str:
    """Return EasyPost's header over a body, from the published scheme."""
    key = unicodedata.normalize("NFKD", SECRET).encode()
    return "hmac-sha256-hex=" + hmac.new(key, body, hashlib.sha256).hexdigest()


@dataclass
class Story:
    """An order while it is being told; `at` is when it was placed."""

    number: str
    at: datetime
    by_webhook: bool = False
    letters: list[Letter] = field(default_factory=list)
    _details: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    _count: int = 0

    @property
    def order(self) -> str:
        """The order key."""
        return f"main:{self.number}"

    @property
    def recipient(self) -> str:
        """The address of its customer."""
        return f"{CANARY_BOX}+{self.number.lower()}@example.com"

    def tracking(self, parcel: str) -> str:
        """Return the tracking number of a parcel."""
        return f"RM{self.number.replace('-', 'Z')}{parcel}"

    def placed(self, *, lines: int = 1) -> None:
        """Tell that the customer ordered so many articles, one of each."""
        articles = [{"line": str(n + 1), "name": "Lamp", "quantity": 1} for n in range(lines)]
        contacts = [{"role": "buyer", "name": CANARY_NAME, "email": self.recipient}]
        self.event("placed", 0, lines=articles, contacts=contacts, locale="en-GB", time_zone="Europe/London")

    def ship(self, parcel: str, minutes: float = 10, **fields: Any) -> None:
        """Tell that a parcel exists."""
        carrier = {"carrier": "Royal Mail", "number": self.tracking(parcel)}
        self.event("shipment_created", minutes, **{"shipment": parcel} | carrier | fields)

    def event(self, type_: str, minutes: float, **fields: Any) -> None:
        """Tell an event of the order."""
        self._count += 1
        at = _text(self.at + timedelta(minutes=minutes))
        body = {"type": type_, "shop": "main", "order": self.number, "occurred_at": at, **fields}
        id_ = f"{self.number}-{self._count}"
        headers = {"ce_id": id_, "ce_source": "oms", "ce_type": f"trackfold.order.events.{type_}.v1"}
        events = (Event(self.order, f"oms/{id_}"),)
        self.letters.append(
            letter(ORDER_EVENTS, self.order, _bytes(body), id_=f"event {id_}", headers=headers, events=events)
        )

    def scan(self, stage: str, minutes: float, parcel: str = "A", *, early: bool = False, **fields: Any) -> None:
        """Tell what a carrier scanned; `early` scans come before their order, `copies` tells one again and again."""
        at = self.at + timedelta(minutes=minutes)
        if self.by_webhook and stage in EASYPOST and not fields:
            self._by_webhook(parcel, stage, at)
            return
        copies = fields.pop("copies", 1)
        carrier, number = fields.pop("carrier", "royal-mail"), fields.pop("number", self.tracking(parcel))
        name = f"{number}-{stage}-{minutes}"
        body = {
            "kind": "scan", "event_key": name, "provider": "easypost", "carrier": carrier, "number": number,
            "occurred_at": _text(at), "stage": stage, "raw_code": f"{stage}/by_hand",
            "told_at": _text(at + timedelta(minutes=1)), "map_version": 1, **fields,
        }  # fmt: skip
        key = f"{carrier}:{number}"
        headers = {"ce_id": name, "ce_source": "test", "ce_type": "trackfold.carrier.scans.scan.v1"}
        facts = {"events": (Event(key, name),), "first": early, "copies": copies}
        self.letters.append(letter(SCANS, key, _bytes(body), id_=f"scan {name}", headers=headers, **facts))

    def ends(
        self,
        state: str,
        stages: Mapping[str, str],
        *,
        told: Mapping[str, int] | None = None,
        may_tell: Mapping[str, int] | None = None,
    ) -> Expected:
        """Return how it must end, whatever the order of arrival."""
        tokens = tuple(self.tracking(parcel) for parcel in stages)
        return Expected(self.order, state, dict(stages), self.recipient, told or {}, may_tell or {}, tokens)

    def _by_webhook(self, parcel: str, stage: str, at: datetime) -> None:
        """Tell all scans so far in one body, as EasyPost does."""
        number = self.tracking(parcel)
        told = self._details.setdefault(number, [])
        told.append((at, stage))
        events = tuple(
            Event(f"royal-mail:{number}", f"{_text(when)}|{'/'.join(EASYPOST[what])}") for when, what in told
        )
        body = _bytes(_tracker(number, told))
        self.letters.append(letter(WEBHOOKS, number, body, id_=f"webhook {number} {len(told)}", events=events))


def _tracker(number: str, told: list[tuple[datetime, str]]) -> dict[str, object]:
    digest = hashlib.sha256(f"{number}/{len(told)}".encode()).hexdigest()
    updated, (status, detail, _) = _text(told[-1][0]), EASYPOST[told[-1][1]]
    tracker = {
        "id": f"trk_{hashlib.sha256(number.encode()).hexdigest()[:32]}", "object": "Tracker", "mode": "production",
        "tracking_code": number, "status": status, "status_detail": detail, "created_at": _text(told[0][0]),
        "updated_at": updated, "signed_by": None, "est_delivery_date": None, "carrier": "RoyalMail",
        "tracking_details": [_detail(at, stage) for at, stage in told], "is_return": False,
    }  # fmt: skip
    return {
        "id": f"evt_{digest[:24]}", "object": "Event", "description": "tracker.updated", "mode": "production",
        "status": "pending", "created_at": updated, "updated_at": updated, "result": tracker,
    }  # fmt: skip


def _detail(at: datetime, stage: str) -> dict[str, object]:
    status, detail, code = EASYPOST[stage]
    place = {"object": "TrackingLocation", "city": "LEEDS", "state": None, "country": "GB", "zip": "LS1 4DY"}
    return {
        "object": "TrackingDetail", "message": stage, "description": stage, "status": status, "status_detail": detail,
        "datetime": _text(at), "source": "test", "carrier_code": code, "tracking_location": place,
    }  # fmt: skip


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bytes(body: Mapping[str, object]) -> bytes:
    return json.dumps(body).encode()
