"""What the plain designs share: what one record changes, by the product's own pure functions. Pure.

A plain design reads an order's events, all its parcels' histories and what it showed last from its database into a
`Known`, takes a record in, and writes what came of it. The oracle holds everything ever sent in one `Known`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN, Scan
from services.status.changes import change_of
from services.status.claiming import wanted_claims
from services.status.claims import Claim
from services.status.inputs import OrderIn, ScanIn
from services.status.messages import Message, status_message
from services.status.order import Document, fold_order
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History

#: What a plain design keeps. `shipment` rows are there to be locked.
TABLES: Final = """
create table shipment (shipment text primary key);
create table history (
    shipment text not null, event_key text not null, content text not null, told_at timestamptz not null,
    body text not null, primary key (shipment, event_key, content)
);
create table claim (
    shipment text not null, order_key text not null, parcel text not null, start timestamptz not null,
    primary key (shipment, order_key, parcel)
);
create index claim_of_order on claim (order_key);
create table order_event (
    order_key text not null, source text not null, id text not null, content text not null, body text not null,
    primary key (order_key, source, id)
);
create table orders (order_key text primary key, version int not null default 0, document text);
"""
ORDERS: Final = "select order_key, version, document from orders where version > 0"
HISTORY: Final = "select count(*) from history"

#: What they lock and read, whatever they do with it.
CREATE_SHIPMENTS: Final = "insert into shipment select unnest($1::text[]) on conflict do nothing"
LOCK_SHIPMENTS: Final = "select from shipment where shipment = any($1::text[]) order by shipment for update"
LOCK_ORDERS: Final = """
select order_key, version, document from orders where order_key = any($1::text[]) order by order_key for update
"""
EVENTS: Final = "select order_key, source, id, content, body from order_event where order_key = any($1::text[])"
CLAIMS: Final = """
select shipment, order_key, parcel, start from claim
where shipment in (select shipment from claim where order_key = any($1::text[]))
"""
READINGS: Final = "select shipment, content, body from history where shipment = any($1::text[])"


@dataclass(slots=True)
class Shown:
    """What an order showed last."""

    version: int = 0
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an order, to be stored and published."""

    order: str
    version: int
    document: Document
    change: Document

    def message(self, at: datetime) -> Message:
        """Return its status message."""
        return status_message(self.order, self.document, self.change, at=at, traceparent=None)

    def text(self) -> str:
        """Return the document as it is stored."""
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class Known:
    """What is known of orders and shipments: read from a database, or all there is."""

    events: defaultdict[str, dict[tuple[str, str], StoredEvent]] = field(default_factory=lambda: defaultdict(dict))
    """By order; an event by its source and id."""
    histories: defaultdict[str, History] = field(default_factory=lambda: defaultdict(History))
    """By shipment."""
    shown: defaultdict[str, Shown] = field(default_factory=lambda: defaultdict(Shown))
    """By order."""

    def read_event(self, order: str, stored: tuple[str, str, str, str]) -> None:
        """Take in a row of `order_event`: source, id, content, body."""
        source, event_id, content, body = stored
        self.events[order][source, event_id] = StoredEvent(source, event_id, ORDER_EVENT.validate_json(body), content)

    def read_scan(self, shipment: str, content: str, body: str) -> None:
        """Take in a row of `history`."""
        scan = SCAN.validate_json(body)
        self.histories[shipment].readings[scan.event_key, content] = scan

    def read_claim(self, shipment: str, claim: Claim) -> None:
        """Take in a row of `claim`."""
        self.histories[shipment].claims[claim.order, claim.parcel] = claim

    def read_order(self, order: str, version: int, document: str | None) -> None:
        """Take in a row of `orders`."""
        self.shown[order] = Shown(version, None if document is None else json.loads(document))

    def add(self, item: ScanIn | OrderIn) -> set[str]:
        """Add what a record says; returns the orders it touches: none where it was known."""
        return self._add_scan(item) if isinstance(item, ScanIn) else self._add_event(item)

    def take(self, item: ScanIn | OrderIn) -> list[Version]:
        """Add what a record says, fold the orders it touches, and return those versions that show something new."""
        return [version for order in sorted(self.add(item)) if (version := self._next(order, item)) is not None]

    def fold(self, order: str) -> Document:
        """Return the document of an order as all that is known says it."""
        return fold_order(order, self.events[order].values(), self.histories)

    def _add_scan(self, item: ScanIn) -> set[str]:
        history = self.histories[item.shipment]
        slot = item.scan.event_key, item.content
        held = history.readings.get(slot)
        if held is not None and held.told_at <= item.scan.told_at:
            return set()
        history.readings[slot] = item.scan
        return {order for order, _ in history.claims}

    def _add_event(self, item: OrderIn) -> set[str]:
        events = self.events[item.order]
        identity = item.stored.source, item.stored.id
        held = events.get(identity)
        if held is not None and held.content <= item.stored.content:
            return set()
        events[identity] = item.stored
        for shipment, claim in claims_of(item.order, events):
            self.read_claim(shipment, claim)
        return {item.order}

    def _next(self, order: str, item: ScanIn | OrderIn) -> Version | None:
        shown, document = self.shown[order], self.fold(order)
        if document == shown.document:
            return None
        change = change_of(item, document, version=shown.version + 1, previous=shown.document)
        shown.version, shown.document = shown.version + 1, document
        return Version(order, shown.version, document, change)


def claims_of(order: str, events: Mapping[tuple[str, str], StoredEvent]) -> Iterable[tuple[str, Claim]]:
    """Return the claims of an order in the order in which their shipments are to be locked."""
    return sorted(wanted_claims(order, events.values()))


def scan_text(scan: Scan) -> str:
    """Return a scan as it is stored."""
    return scan.model_dump_json(exclude_defaults=True)


def event_text(stored: StoredEvent) -> str:
    """Return an order event as it is stored."""
    return stored.event.model_dump_json(exclude_defaults=True)
