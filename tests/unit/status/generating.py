"""Sets of scans and order events as strangers send them: few names, times and ids, so that everything collides."""

from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from schemas.order_events import EVENT_TYPES
from schemas.scans import Scan
from schemas.vocabulary import Condition, Leg, ScanKind, Stage, TimeKind, TimePrecision
from services.status.expectations import Rule
from services.status.order_facts import StoredEvent
from services.status.shipment import Override
from tests.builders import after, line, make_scan
from tests.unit.status.choices import Choices, Maker, among, drawn
from tests.unit.status.making import told

ORDERS = ("main:1001", "main:1002", "books:1001")
NUMBERS = ("AB123456785GB", "ab 1234 5678 5gb", "CD999999999GB", "no number!", None)
ALIASES = ({"carrier": "Owl Post", "number": "CD999999999GB"}, {"carrier": "---", "number": "no number!"})
REFERENCES: tuple[dict[str, str], ...] = (
    {}, {}, {"easypost": "trk_1"}, {"easypost": "trk_1", "shopify": "7"}, {"bad.kind": "x"},
)  # fmt: skip
SUBSTATUSES = (
    None, "signed", "unmapped", "handed_to_partner", "not_really_attempted", "received_by_sender", "redirected",
)  # fmt: skip
BATH, LEEDS = {"country": "GB", "city": "Bath"}, {"country": "GB", "city": "Leeds"}
SYDNEY = {"country": "AU", "time_zone": "Australia/Sydney"}
PLACES = (None, {"city": "Bath"}, LEEDS, BATH, {"time_zone": "Pacific/Auckland"}, {"time_zone": "Europe"})
PIECES = (None, None, "1", "2")
CONDITIONS = (*Condition, "soggy")
EITHER = (False, True)
ZONES = (UTC, timezone(timedelta(hours=11)), timezone(timedelta(hours=-8)))
TIMES = tuple(
    after(days=days).astimezone(zone) + timedelta(seconds=seconds)
    for days in (0, 0, 0.001, 0.5, 1, 1, 6.9, 29.9, 31, 45, 80)
    for seconds in (0, 0, 1, 61)
    for zone in ZONES
)
PERHAPS = (None, *TIMES[::2])
KINDS = (*EVENT_TYPES, "placed", "shipment_created", "shipment_created", "dispatched", "gift_wrapped")
SCAN_KINDS = (*[ScanKind.SCAN] * 7, *ScanKind, "prophecy")
SCAN_KEYS = {
    number: tuple(f"{number or 'ref'}:{index}" for index in range(10))
    for number in ("AB123456785GB", "CD999999999GB", None)
}
EVENT_SIZE, SCAN_SIZE = 32, 40

Keyed = tuple[str, StoredEvent]

times = st.sampled_from(TIMES)


def lines(choose: Choices) -> list[dict[str, Any]]:
    """Choose quantities of some lines; one can be named twice."""
    return [line(choose.number(4), name=choose.one("123")) for _ in range(choose.number(4))]


def packed(choose: Choices) -> list[dict[str, Any]]:
    """Choose what is in a parcel, and perhaps in which of its pieces."""
    return [one | {"piece": choose.one(PIECES)} for one in lines(choose)]


def ordered(choose: Choices) -> list[dict[str, Any]]:
    """Choose the lines of an order: one or two, of one seller or of two."""
    names = choose.one(("1", "12", "21", "2"))
    return [line(choose.number(4), name=name) | {"seller": choose.one((None, None, "Owl"))} for name in names]


_SHIPMENT: dict[str, Maker] = {
    "shipment": among("S1", "S2", "S3"),
    "carrier": among("Royal Mail", "royal_mail", "Owl Post", "---"),
    "number": among(*NUMBERS),
    "lines": packed,
    "references": among(*REFERENCES),
    "aliases": lambda choose: choose.some(ALIASES, most=2),
    "pieces": among(1, 1, 2, 3),
    "origin": among(None, BATH, LEEDS),
}
_LINES: dict[str, Maker] = {"lines": lines}
_TIME: dict[str, Maker] = {
    "rule": among("promise_missed", "never_dispatched", "override_expired", "silent", "unheard_of"),
    "basis": among("oms#p", "oms#a", "desk#b", "oms#c"),
    "due_at": among(*TIMES),
}
_FIELDS: dict[str, dict[str, Maker]] = {
    "placed": {
        "lines": ordered,
        "payment_awaited": among(*EITHER),
        "time_zone": among(None, "Australia/Sydney", "Europe", "Mars/X"),
        "destination": among(None, LEEDS),
        "collect_at": among(None, None, BATH),
        "promised": among(None, None, {"day": "2026-11-22"}),
    },
    "picking_started": _LINES,
    "packed": _LINES,
    "ready_to_collect": {"lines": lines, "until": among(*PERHAPS)},
    "collected": _LINES,
    "cancelled": _LINES,
    "shipment_created": _SHIPMENT,
    "shipment_corrected": {
        "shipment": _SHIPMENT["shipment"],
        "carrier": among(None, "Royal Mail", "Owl Post", "---"),
        "number": among(*NUMBERS),
        "references": among(None, *REFERENCES),
        "aliases": lambda choose: choose.one((None, [], [ALIASES[0]], ALIASES)),
    },
    "shipment_voided": {"shipment": _SHIPMENT["shipment"]},
    "dispatched": {"shipment": among(None, "S1", "S2", "S3")},
    "lines_edited": {"lines": ordered},
    "backordered": _LINES,
    "promise_changed": {"promised": among(None, {"day": "2026-11-25"})},
    "collection_extended": {"until": among(*TIMES)},
    "collection_expired": _LINES,
    "address_changed": {"destination": among({"country": "GB"}, SYDNEY, LEEDS)},
    "return_requested": _LINES,
    "return_shipment_created": _SHIPMENT,
    "returned": _LINES,
    "override_set": {
        "shipment": _SHIPMENT["shipment"],
        "stage": among(*Stage, "teleported"),
        "leg": among(*Leg, "sideways"),
        "until": among(*PERHAPS),
        "pinned": among(*EITHER),
    },
    "override_ended": {"shipment": _SHIPMENT["shipment"]},
    "time_reached": _TIME,
    "refunded": _LINES,
    "replaced": _LINES,
}


def event_of(choose: Choices, orders: tuple[str, ...] = ORDERS) -> Keyed:
    """Choose an order event beside its order's key; ids are few, so two contents under one id do occur."""
    key, kind = choose.one(orders), choose.one(KINDS)
    if kind == "erased" and choose.number(4):
        kind = "note"  # erasure absorbs everything: too many of them would leave little to compare
    shop, _, order = key.partition(":")
    stored = told(
        kind,
        event_id=choose.one("abcdefgh"),
        source=choose.one(("oms", "desk")),
        shop=shop,
        order=order,
        occurred_at=choose.one(TIMES),
        **{name: make(choose) for name, make in _FIELDS.get(kind, {}).items()},
    )
    return key, stored


def scan_of(choose: Choices) -> Scan:
    """Choose a scan of any kind; event keys are few, so several readings of one scan do occur."""
    number = choose.one(("AB123456785GB", "AB123456785GB", "CD999999999GB", None))
    keys = SCAN_KEYS[number]
    kind = choose.one(SCAN_KINDS)
    agent: dict[str, Any] = {}
    if kind == ScanKind.OVERRIDE:
        agent = {"by": {"kind": "agent"}, "until": choose.one(PERHAPS), "pinned": choose.one((None, False, True))}
    return make_scan(
        kind=kind,
        event_key=choose.one(keys),
        voids=choose.one((None, *keys)),
        rule=choose.one((*Rule, "full_moon")),
        basis=choose.one(keys),
        due_at=choose.one(PERHAPS),
        provider=choose.one(("easypost", "ups")),
        carrier=choose.one(("royal-mail", "royal-mail", "owl-post")),
        number=number,
        references={"easypost": "trk_1"} if number is None else {},
        piece=choose.one((*PIECES, None, None)),
        unique_id=choose.one((None, None, None, None, None, None, "u1", "u2")),
        occurred_at=choose.one(TIMES),
        told_at=choose.one(TIMES),
        stage=choose.one((*Stage, None, "teleported")),
        leg=choose.one(("outbound", "outbound", "outbound", "return")),
        substatus=choose.one(SUBSTATUSES),
        time_precision=choose.one(tuple(TimePrecision)),
        time_kind=choose.one((*TimeKind, "guessed")),
        conditions_set=choose.some(CONDITIONS, most=2),
        conditions_cleared=choose.some(CONDITIONS, most=2),
        place=choose.one(PLACES),
        pod=choose.some(("photo", "signature"), most=2),
        window=choose.one((None, {"day": "2026-11-24"}, {"ends": after(days=1)})),
        map_version=choose.number(3),
        **agent,
    )


def keyed_events(orders: tuple[str, ...] = ORDERS) -> st.SearchStrategy[Keyed]:
    """Return the strategy of order events."""
    return drawn(lambda choose: event_of(choose, orders), size=EVENT_SIZE)


def scans() -> st.SearchStrategy[Scan]:
    """Return the strategy of scans."""
    return drawn(scan_of, size=SCAN_SIZE)


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


def shuffled(draw: st.DrawFn, records: list[Any]) -> list[Any]:
    """Draw another order of records."""
    places = draw(st.binary(min_size=len(records), max_size=len(records)))
    return [record for _, record in sorted(zip(places, records, strict=True), key=lambda one: one[0])]


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

    def record_of(choose: Choices) -> Keyed | Scan:
        return scan_of(choose) if choose.number(3) else event_of(choose, orders)

    found = draw(st.lists(drawn(record_of, size=1 + SCAN_SIZE), max_size=12))
    once: list[Keyed | Scan] = [start, parcel, *found]
    repeats = [once[place % len(once)] for place in draw(st.binary(max_size=4))]
    return Telling(once, shuffled(draw, [*once, *repeats]))
