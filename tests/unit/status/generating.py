"""Sets of scans and order events as strangers send them: few names, times and ids, so that everything collides."""

from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from schemas.order_events import EVENT_TYPES
from schemas.scans import Scan
from schemas.vocabulary import Condition, Leg, ScanKind, Stage
from services.status.expectations import Rule
from services.status.order_facts import StoredEvent
from services.status.shipment import Override
from tests.builders import after, line, make_scan
from tests.unit.status.making import told

ORDERS = ("main:1001", "main:1002", "books:1001")
NUMBERS = ("AB123456785GB", "ab 1234 5678 5gb", "CD999999999GB", "no number!", None)
REFERENCES: tuple[dict[str, str], ...] = (
    {},
    {},
    {"easypost": "trk_1"},
    {"easypost": "trk_1", "shopify": "7"},
    {"bad.kind": "x"},
)
SUBSTATUSES = (None, "signed", "unmapped", "handed_to_partner", "not_really_attempted", "received_by_sender")
PLACES = (None, {"city": "Bath"}, {"city": "Leeds"}, {"time_zone": "Pacific/Auckland"}, {"time_zone": "Europe"})
DAYS = (0, 0, 0.001, 0.5, 1, 1, 6.9, 29.9, 31, 45, 80)
ZONES = (UTC, timezone(timedelta(hours=11)), timezone(timedelta(hours=-8)))

Keyed = tuple[str, StoredEvent]

times = st.builds(
    lambda days, seconds, zone: after(days=days).astimezone(zone) + timedelta(seconds=seconds),
    st.sampled_from(DAYS),
    st.sampled_from([0, 0, 1, 61]),
    st.sampled_from(ZONES),
)
lines = st.lists(st.builds(line, st.integers(0, 3), name=st.sampled_from("123")), max_size=3)
ordered_lines = st.lists(
    st.builds(line, st.integers(0, 3), name=st.sampled_from("12")),
    min_size=1,
    max_size=2,
    unique_by=lambda one: one["line"],
)
numbers = st.sampled_from(NUMBERS)
references = st.sampled_from(REFERENCES)
carriers = st.sampled_from(["Royal Mail", "royal_mail", "Owl Post", "---"])
shipments = st.sampled_from(["S1", "S2", "S3"])

_FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "placed": {
        "lines": ordered_lines,
        "payment_awaited": st.booleans(),
        "time_zone": st.sampled_from([None, "Australia/Sydney", "Europe", "Mars/X"]),
    },
    "picking_started": {"lines": lines},
    "packed": {"lines": lines},
    "ready_to_collect": {"lines": lines, "until": st.none() | times},
    "collected": {"lines": lines},
    "cancelled": {"lines": lines},
    "shipment_created": {
        "shipment": shipments, "carrier": carriers, "number": numbers, "lines": lines, "references": references,
    },
    "shipment_corrected": {
        "shipment": shipments, "carrier": st.none() | carriers, "number": numbers, "references": st.none() | references,
    },
    "shipment_voided": {"shipment": shipments},
    "dispatched": {"shipment": st.none() | shipments},
    "lines_edited": {"lines": ordered_lines},
    "backordered": {"lines": lines},
    "promise_changed": {"promised": st.sampled_from([None, {"day": "2026-11-25"}])},
    "collection_extended": {"until": times},
    "collection_expired": {"lines": lines},
    "address_changed": {
        "destination": st.sampled_from([{"country": "GB"}, {"country": "AU", "time_zone": "Australia/Sydney"}]),
    },
    "return_requested": {"lines": lines},
    "return_shipment_created": {
        "shipment": shipments, "carrier": carriers, "number": numbers, "lines": lines, "references": references,
    },
    "returned": {"lines": lines},
    "override_set": {
        "shipment": shipments,
        "stage": st.sampled_from([*Stage, "teleported"]),
        "leg": st.sampled_from([*Leg, "sideways"]),
        "until": st.none() | times,
        "pinned": st.booleans(),
    },
    "override_ended": {"shipment": shipments},
    "time_reached": {
        "rule": st.sampled_from(["promise_missed", "never_dispatched", "override_expired", "silent", "unheard_of"]),
        "basis": st.sampled_from(["oms#p", "oms#a", "desk#b", "oms#c"]),
        "due_at": times,
    },
    "refunded": {"lines": lines},
    "replaced": {"lines": lines, "replacement": st.just("1009")},
}  # fmt: skip


@st.composite
def keyed_events(draw: st.DrawFn, orders: tuple[str, ...] = ORDERS) -> Keyed:
    """Draw an order event beside its order's key; ids are few, so two contents under one id do occur."""
    key = draw(st.sampled_from(orders))
    kinds = [*EVENT_TYPES, "placed", "shipment_created", "shipment_created", "dispatched", "gift_wrapped"]
    kind = draw(st.sampled_from(kinds))
    if kind == "erased" and draw(st.integers(0, 3)):
        kind = "note"  # erasure absorbs everything: too many of them would leave little to compare
    fields = {name: draw(strategy) for name, strategy in _FIELDS.get(kind, {}).items()}
    shop, _, order = key.partition(":")
    stored = told(
        kind,
        event_id=draw(st.sampled_from("abcdefgh")),
        source=draw(st.sampled_from(["oms", "desk"])),
        shop=shop,
        order=order,
        occurred_at=draw(times),
        **fields,
    )
    return key, stored


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    """Draw a scan of any kind; event keys are few, so several readings of one scan do occur."""
    number = draw(st.sampled_from(["AB123456785GB", "AB123456785GB", "CD999999999GB", None]))
    named = {"easypost": "trk_1"} if number is None else {}
    keys = st.integers(0, 9).map(lambda index: f"{number or 'ref'}:{index}")
    return make_scan(
        kind=draw(st.sampled_from([*ScanKind, *[ScanKind.SCAN] * 6, "prophecy"])),
        event_key=draw(keys),
        voids=draw(st.none() | keys),
        rule=draw(st.sampled_from([*Rule, "full_moon"])),
        basis=draw(keys),
        due_at=draw(st.none() | times),
        provider=draw(st.sampled_from(["easypost", "ups"])),
        carrier=draw(st.sampled_from(["royal-mail", "royal-mail", "owl-post"])),
        number=number,
        references=named,
        occurred_at=draw(times),
        told_at=draw(times),
        stage=draw(st.sampled_from([*Stage, None, "teleported"])),
        leg=draw(st.sampled_from(["outbound", "outbound", "outbound", "return"])),
        substatus=draw(st.sampled_from(SUBSTATUSES)),
        time_precision=draw(st.sampled_from(["second", "minute", "day"])),
        time_kind=draw(st.sampled_from(["utc", "offset", "unknown_zone", "guessed"])),
        conditions_set=draw(st.lists(st.sampled_from([*Condition, "soggy"]), max_size=2)),
        conditions_cleared=draw(st.lists(st.sampled_from([*Condition, "soggy"]), max_size=2)),
        place=draw(st.sampled_from(PLACES)),
        pod=draw(st.lists(st.sampled_from(["photo", "signature"]), max_size=2)),
        window=draw(st.sampled_from([None, {"day": "2026-11-24"}, {"ends": after(days=1)}])),
        map_version=draw(st.integers(0, 2)),
    )


overrides = st.builds(
    Override,
    key=st.sampled_from(["desk#1", "desk#2", "desk#3"]),
    at=times,
    stage=st.none() | st.sampled_from(list(Stage)),
    leg=st.sampled_from(list(Leg)),
    pinned=st.booleans(),
    until=st.none() | times,
)


@st.composite
def histories(draw: st.DrawFn, most: int = 10) -> list[Scan]:
    """Draw the scans of one parcel, each told once; time events name what is there, so that some are expected."""
    found = draw(st.lists(scans(), max_size=most))
    return [scan.model_copy(update={"event_key": f"{scan.event_key[:-1]}{index}"}) for index, scan in enumerate(found)]


@dataclass(frozen=True)
class Telling:
    """A set of records, and the same set told in another order with some of it repeated."""

    once: list[Keyed | Scan]
    otherwise: list[Keyed | Scan]


@st.composite
def tellings(draw: st.DrawFn, orders: tuple[str, ...] = ORDERS) -> Telling:
    """Draw a set with what makes an order whole, and tell it twice."""
    shop, _, order = orders[0].partition(":")
    start = (orders[0], told(event_id="p", shop=shop, order=order, lines=[line(2), line(1, name="2")]))
    parcel = (orders[0], told("shipment_created", event_id="s", shop=shop, order=order, occurred_at=after(minutes=1)))
    drawn = draw(st.lists(keyed_events(orders) | scans() | scans(), max_size=12))
    once: list[Keyed | Scan] = [start, parcel, *drawn]
    repeats = draw(st.lists(st.sampled_from(once), max_size=4))
    return Telling(once, draw(st.permutations([*once, *repeats])))
