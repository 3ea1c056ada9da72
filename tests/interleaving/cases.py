"""The cases that matter: who can run into whom in the status service."""

from collections.abc import Mapping
from typing import Any, Final

from tests.interleaving.sessions import (
    BROKEN,
    EVENTS_ONLY,
    LAST_STEPS,
    RELAY_ROWS,
    UNCLAIMED,
    batch,
    expiring,
    purging,
    relaying,
    timing,
)
from tests.interleaving.stage import Case
from tests.records import event, placed, scan, shipment

ORDER: Final = "main:1001"
#: Years before every clock that a test may run on.
LONG_AGO: Final = -5_000_000


def _stages(documents: Mapping[str, Any]) -> list[str]:
    return [parcel["stage"] for parcel in documents[ORDER]["parcels"]]


TWO_PARCELS: Final = Case(
    "two parcels of one order in two partitions",
    (
        batch("one", scan("delivered", minutes=60, number="A1"), part=0),
        batch("two", scan("delivered", minutes=61, number="B1"), part=1),
    ),
    before=(placed(), shipment("A1", parcel="A"), shipment("B1", parcel="B")),
    shows=lambda documents: _stages(documents) == ["delivered", "delivered"],
)
CLAIM: Final = Case(
    "a claim against a scan of its number",
    (
        batch("claim", shipment("A1"), part=0),
        batch("scan", scan("in_transit", minutes=60, number="A1"), part=1),
    ),
    before=(placed(), scan("announced", minutes=5, number="A1")),
    shows=lambda documents: _stages(documents) == ["in_transit"],
)
GROWN: Final = Case(
    "two owners of one parcel after partitions grew",
    (
        batch("old", scan("in_transit", minutes=60, number="A1"), part=0),
        batch("new", scan("delivered", minutes=90, number="A1"), part=3),
    ),
    before=(placed(), shipment("A1")),
    shows=lambda documents: _stages(documents) == ["delivered"],
)
CORRECTED: Final = Case(
    "two owners of one order's events after partitions grew",
    (
        batch("old", shipment("A1"), part=0),
        batch("new", event("shipment_corrected", minutes=20, shipment="S1", number="B1"), part=3),
    ),
    before=(placed(), scan("in_transit", minutes=60, number="B1")),
    shows=lambda documents: _stages(documents) == ["in_transit"],
)
ZOMBIE: Final = Case(
    "a zombie against the new owner of its partition",
    (
        batch("zombie", BROKEN, scan("in_transit", minutes=60, number="A1"), part=0),
        batch(
            "owner",
            BROKEN,
            scan("in_transit", minutes=60, number="A1"),
            scan("delivered", minutes=90, number="A1"),
            part=0,
        ),
    ),
    before=(placed(), shipment("A1")),
    shows=lambda documents: _stages(documents) == ["delivered"],
)
RELAYS: Final = Case(
    "a relay against a relay",
    (relaying("one"), relaying("two")),
    before=(placed(), shipment("A1"), scan("delivered", minutes=60, number="A1")),
)
RELAY_AND_BATCH: Final = Case(
    "a relay against a batch",
    (relaying("relay"), batch("batch", scan("delivered", minutes=60, number="A1"), part=0)),
    before=(placed(), shipment("A1")),
)
ERASURE: Final = Case(
    "erasure against a scan",
    (
        batch("erasure", event("erased", minutes=70), part=0, points=EVENTS_ONLY),
        batch("scan", scan("delivered", minutes=60, number="A1"), part=1),
    ),
    before=(placed(), shipment("A1")),
    shows=lambda documents: documents[ORDER]["state"] == "erased",
)
ERASURE_AND_EVENT: Final = Case(
    "erasure against an event of the order after partitions grew",
    (
        batch("erasure", event("erased", minutes=70), part=0, points=EVENTS_ONLY),
        batch("event", shipment("A1"), part=3),
    ),
    before=(placed(),),
    shows=ERASURE.shows,
)
TIMER: Final = Case(
    "a timer against a scan",
    (timing("timer"), batch("scan", scan("in_transit", minutes=LONG_AGO + 9000, number="A1"), part=0)),
    before=(
        placed(minutes=LONG_AGO),
        shipment("A1", minutes=LONG_AGO),
        scan("in_transit", minutes=LONG_AGO + 60, number="A1"),
    ),
)
EXPIRY: Final = Case(
    "expiry against a scan",
    (expiring("expiry"), batch("scan", scan("in_transit", minutes=60, number="A1"), part=0, points=UNCLAIMED)),
    before=(scan("announced", minutes=1, number="A1"),),
    prepare=(
        "update status.shipment set created_at = now() - interval '61 days'",
        "update status.ledger set received_at = now() - interval '61 days'",
    ),
)
PURGE: Final = Case(
    "purge against a scan",
    (purging("purge"), batch("scan", scan("returned", minutes=90, number="A1"), part=0)),
    before=(placed(), shipment("A1"), scan("delivered", minutes=60, number="A1")),
    prepare=("update status.orders set updated_at = now() - interval '400 days'",),
)

TWO: Final = (
    TWO_PARCELS,
    CLAIM,
    GROWN,
    CORRECTED,
    ZOMBIE,
    RELAYS,
    RELAY_AND_BATCH,
    ERASURE,
    ERASURE_AND_EVENT,
    TIMER,
    EXPIRY,
    PURGE,
)

MORE_PARCELS: Final = Case(
    "two parcels and a new one of the same order",
    (*TWO_PARCELS.scripts, batch("event", shipment("C1", parcel="C", minutes=30), part=0)),
    before=TWO_PARCELS.before,
    shows=lambda documents: sorted(_stages(documents)) == ["announced", "delivered", "delivered"],
)
CLAIM_AND_SCANS: Final = Case(
    "a claim against two owners of its number",
    (*CLAIM.scripts, batch("grown", scan("delivered", minutes=90, number="A1"), part=3)),
    before=(placed(),),
    shows=lambda documents: _stages(documents) == ["delivered"],
)
ZOMBIE_AND_SIBLING: Final = Case(
    "a zombie, the new owner, and a sibling parcel",
    (*ZOMBIE.scripts, batch("sibling", scan("delivered", minutes=61, number="B1"), part=1)),
    before=TWO_PARCELS.before,
    shows=lambda documents: _stages(documents) == ["delivered", "delivered"],
)
RELAYS_AND_BATCH: Final = Case(
    "a relay against the one that took over, and a batch",
    (
        relaying("old"),
        relaying("new"),
        batch("batch", scan("delivered", minutes=60, number="A1"), part=0, points=LAST_STEPS),
    ),
    before=RELAY_AND_BATCH.before,
    prepare=(
        "insert into status.relay_position (topic, part, next_offset, owner) values ('order.status.v1', 0, 0, 'old')",
    ),
)
RELAY_AND_BATCHES: Final = Case(
    "a relay and batches of two orders",
    (
        relaying("relay", RELAY_ROWS),
        batch("one", scan("delivered", minutes=60, number="A1"), part=0, points=LAST_STEPS),
        batch("two", placed(order="2002"), part=1, points=LAST_STEPS),
    ),
    before=RELAY_AND_BATCH.before,
)
ERASURE_RELAYED: Final = Case(
    "erasure, a scan and a relay",
    (*ERASURE.scripts, relaying("relay")),
    before=ERASURE.before,
    shows=ERASURE.shows,
)
TIMERS_AND_SCAN: Final = Case(
    "two timer workers and a scan",
    (*TIMER.scripts, timing("other timer")),
    before=TIMER.before,
)
EXPIRY_AND_CLAIM: Final = Case(
    "expiry, a scan and a claim",
    (*EXPIRY.scripts, batch("claim", placed(), shipment("A1"), part=0)),
    before=EXPIRY.before,
    prepare=EXPIRY.prepare,
    shows=lambda documents: _stages(documents) == ["in_transit"],
)
CROSSED: Final = Case(
    "three owners of two parcels",
    (
        batch("one", scan("accepted", minutes=50, number="A1"), scan("accepted", minutes=50, number="B1"), part=0),
        batch("two", scan("in_transit", minutes=60, number="B1"), scan("in_transit", minutes=60, number="A1"), part=1),
        batch("three", scan("delivered", minutes=90, number="A1"), part=2),
    ),
    before=TWO_PARCELS.before,
    shows=lambda documents: _stages(documents) == ["delivered", "in_transit"],
)

THREE: Final = (
    MORE_PARCELS,
    CLAIM_AND_SCANS,
    ZOMBIE_AND_SIBLING,
    RELAYS_AND_BATCH,
    RELAY_AND_BATCHES,
    ERASURE_RELAYED,
    TIMERS_AND_SCAN,
    EXPIRY_AND_CLAIM,
    CROSSED,
)
