"""Whole lives of simulated orders: what the shop says and what the carriers scan, in story time. Pure.

The same seed and number give the same story; nothing here knows a clock. `messages.py` writes a story's messages,
`disorder.py` decides how they arrive, `simulator.py` plays them.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.local.journeys import CARRIERS, TOWNS, PlannedScan, SimulatedCarrier, Town, plan_journey

HOUR_S: Final = 3600.0
SHOPS: Final = ("main", "studio")
SOURCE: Final = "simulator"

_FIRST_NAMES: Final = ("Alex", "Bea", "Chidi", "Dana", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jun")
_LAST_NAMES: Final = ("Archer", "Blum", "Castle", "Doyle", "Ekman", "Fox", "Gale", "Holt")
_GOODS: Final = ("Wool blanket", "Reading lamp", "Tea pot", "Oak shelf", "Linen shirt", "Garden chair", "Desk clock")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time inside an event's fields, in story seconds; becomes a real one when the event is written."""

    at_s: float
    day: bool = False
    """Whether only its day is told, as shops promise it."""


@dataclass(frozen=True, slots=True)
class ShopStep:
    """One order event: its type and fields, without shop, order and time."""

    at_s: float
    n: int
    type: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StoryParcel:
    """One parcel: who carries it, under which number, and everything that will be scanned."""

    shipment: str
    carrier: SimulatedCarrier
    number: str
    accepted_s: float
    town: Town
    scans: tuple[PlannedScan, ...]

    def scanned_s(self, scan: int) -> float:
        """Give the story second of a scan."""
        return self.accepted_s + self.scans[scan].at_h * HOUR_S


@dataclass(frozen=True, slots=True)
class Story:
    """One order from the click to the door."""

    index: int
    kind: str
    shop: str
    order: str
    steps: tuple[ShopStep, ...]
    parcels: tuple[StoryParcel, ...] = ()


def make_dice(seed: int, index: int) -> random.Random:
    """Give the random source of one story: the same for the same seed and number, whatever ran before."""
    return random.Random(f"{seed}/{index}")  # noqa: S311 -- a simulation must be repeatable


def make_story(seed: int, index: int, *, prefix: str) -> Story:
    """Tell the life of order number `index` of a run; the first one always travels to a door by EasyPost."""
    dice = make_dice(seed, index)
    kinds = {"parcel": 50, "split": 18, "pickup_point": 10, "collect": 12, "cancelled": 6, "unpaid": 4}
    kind = dice.choices(list(kinds), weights=list(kinds.values()))[0] if index else "parcel"
    # Every fifth order is another shop's, under the number of the order before it: two shops, one number, two orders.
    second_shop = index % 5 == 4  # noqa: PLR2004
    draft = _Draft(dice, f"{prefix}-{index if second_shop else index + 1:04d}", mark=f"{prefix}{index + 1:04d}")
    _TELLERS[kind](draft)
    steps = tuple(ShopStep(at_s, n, name, fields) for n, (at_s, name, fields) in enumerate(draft.steps, 1))
    return Story(index, kind, SHOPS[second_shop], draft.order, steps, tuple(draft.parcels))


class _Draft:
    """A story while it is being told."""

    def __init__(self, dice: random.Random, order: str, *, mark: str) -> None:
        self.dice = dice
        self.order = order
        self.mark = mark
        """Stands in tracking numbers: one per story, while two shops may share an order number."""
        self.first = order.endswith("-0001")
        self.town = dice.choice(TOWNS)
        goods = dice.sample(_GOODS, dice.randint(1, 3))
        self.lines = [(str(n), name, dice.randint(1, 3)) for n, name in enumerate(goods, 1)]
        self.steps: list[tuple[float, str, Mapping[str, object]]] = []
        self.parcels: list[StoryParcel] = []

    def say(self, after_h: float, event: str, /, **fields: object) -> None:
        jitter = self.dice.uniform(0, 0.2)
        self.steps.append(((after_h + jitter) * HOUR_S, event, fields))


def _place(draft: _Draft, method: str, *, arrives_h: float, payment_awaited: bool = True) -> None:
    place = _store(draft) if method == "click_and_collect" else "Northern warehouse"
    whose = {"seller": "Trackfold Demo Shop", "fulfilled_from": place}
    lines = [
        {"line": line, "name": name, "sku": f"SKU-{name[:2].upper()}", "quantity": quantity, **whose}
        for line, name, quantity in draft.lines
    ]
    draft.steps.append(
        (
            0.0,
            "placed",
            {
                "lines": lines,
                "delivery_method": method,
                "destination": {"country": "GB", "city": draft.town.city, "time_zone": "Europe/London"},
                "promised": {"day": Moment(arrives_h * HOUR_S, day=True)},
                "contacts": [_contact(draft)],
                "locale": "en-GB",
                "time_zone": "Europe/London",
                "preferences": {"email": True, "sms": draft.dice.random() < 0.5},  # noqa: PLR2004 -- every second
                "payment_awaited": payment_awaited,
            },
        )
    )


def _store(draft: _Draft) -> str:
    return f"{draft.town.city} store"


def _contact(draft: _Draft) -> Mapping[str, object]:
    """Make up a person: an address of the domain that is nobody's, a phone number reserved for drama."""
    first, last = draft.dice.choice(_FIRST_NAMES), draft.dice.choice(_LAST_NAMES)
    return {
        "role": "buyer",
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{draft.order}@example.com".lower(),
        "phone": f"+44 7700 900{draft.dice.randrange(1000):03d}",
        "postcode": draft.town.postcode,
    }


def _prepare(draft: _Draft) -> None:
    draft.say(0.1, "payment_confirmed")
    draft.say(0.8, "picking_started")
    draft.say(1.6, "packed")


def _ship(draft: _Draft, part: int, *, route: str | None = None, lines: list[tuple[str, int]] | None = None) -> None:
    """Hand one parcel to a carrier: `part` counts from 0, and later parts leave later."""
    dice, shipment, leaves_h = draft.dice, f"S{part + 1}", 2.5 + 4 * part
    all_lines = [(line, quantity) for line, _, quantity in draft.lines]
    carrier = CARRIERS[0] if draft.first else dice.choice(CARRIERS)
    number = f"{carrier.number_prefix}{draft.mark}{part + 1}"
    printed = f"{number[:4]} {number[4:]}" if dice.random() < 0.2 else number  # noqa: PLR2004 -- some print gaps
    draft.say(
        leaves_h,
        "shipment_created",
        shipment=shipment,
        carrier=carrier.shop_name,
        service=carrier.service,
        number=printed,
        lines=[{"line": line, "quantity": quantity} for line, quantity in lines or all_lines],
    )
    draft.say(leaves_h + 1, "dispatched", shipment=shipment)
    wanted = "home" if draft.first else route
    scans = plan_journey(dice, draft.town, route=wanted)
    accepted_s = (leaves_h + 2.5) * HOUR_S
    draft.parcels.append(StoryParcel(shipment, carrier, number, accepted_s, draft.town, scans))


def _tell_parcel(draft: _Draft) -> None:
    _place(draft, draft.dice.choice(("standard", "express", "two_day")), arrives_h=34)
    _prepare(draft)
    _ship(draft, 0)


def _tell_split(draft: _Draft) -> None:
    """Tell of an order in two parcels, each line cut in two where it can be."""
    _place(draft, "standard", arrives_h=38)
    _prepare(draft)
    halves = [(line, quantity // 2, quantity - quantity // 2) for line, _, quantity in draft.lines]
    first = [(line, part) for line, part, _ in halves if part]
    _ship(draft, 0, lines=first or [(draft.lines[0][0], draft.lines[0][2])])
    rest = [(line, part) for line, _, part in halves] if first else [(line, n) for line, _, n in draft.lines[1:]]
    if rest:
        _ship(draft, 1, lines=rest)


def _tell_pickup_point(draft: _Draft) -> None:
    _place(draft, "carrier_specific", arrives_h=38)
    _prepare(draft)
    _ship(draft, 0, route="pickup_point")


def _tell_collect(draft: _Draft) -> None:
    """Tell of a click & collect order: no carrier, a store keeps it until somebody comes."""
    _place(draft, "click_and_collect", arrives_h=12)
    _prepare(draft)
    draft.say(8, "ready_to_collect", store=_store(draft), until=Moment(7 * 24 * HOUR_S), hours="Mon-Sat 9:00-18:00")
    draft.say(22, "collected", by={"kind": "customer"})


def _tell_cancelled(draft: _Draft) -> None:
    """Tell of an order that is called off while it is picked, or of one that loses its last line and ships."""
    _place(draft, "standard", arrives_h=34)
    draft.say(0.1, "payment_confirmed")
    draft.say(0.8, "picking_started")
    by = {"kind": "customer"}
    if len(draft.lines) == 1:
        draft.say(1.5, "cancelled", by=by, reason="changed my mind")
        return
    line, _, quantity = draft.lines[-1]
    draft.say(1.5, "cancelled", by=by, reason="no longer needed", lines=[{"line": line, "quantity": quantity}])
    draft.say(2, "packed")
    _ship(draft, 0, lines=[(line, quantity) for line, _, quantity in draft.lines[:-1]])


def _tell_unpaid(draft: _Draft) -> None:
    _place(draft, "standard", arrives_h=34)
    draft.say(0.2, "payment_failed")
    draft.say(12, "cancelled", by={"kind": "shop", "name": "payments"}, reason="not paid")


_TELLERS: Final[Mapping[str, Callable[[_Draft], None]]] = {
    "parcel": _tell_parcel,
    "split": _tell_split,
    "pickup_point": _tell_pickup_point,
    "collect": _tell_collect,
    "cancelled": _tell_cancelled,
    "unpaid": _tell_unpaid,
}
