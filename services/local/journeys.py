"""What parcels go through in the simulation: carriers, towns, the scans of a journey. Data and pure choices only.

Each scan is written down once, with what our own format and what EasyPost's says of it, so that the same journey can
be told by either. Times are hours of story time; the player scales them.
"""

import random
from dataclasses import dataclass
from typing import Final, Literal

Provider = Literal["easypost", "standard"]


@dataclass(frozen=True, slots=True)
class Town:
    """A place where parcels are scanned."""

    city: str
    region: str
    postcode: str


@dataclass(frozen=True, slots=True)
class SimulatedCarrier:
    """A carrier as the shop names it, as the provider names it, and how its numbers start."""

    shop_name: str
    provider: Provider
    provider_name: str
    number_prefix: str
    service: str


@dataclass(frozen=True, slots=True)
class ScanKind:
    """One kind of scan: in our words, and in EasyPost's (status, status_detail, carrier_code)."""

    stage: str
    easypost: tuple[str, str, str]
    text: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """One scan of a journey, `at_h` hours after the carrier took the parcel."""

    kind: str
    at_h: float
    town: Town


CARRIERS: Final = (
    SimulatedCarrier("Royal Mail", "easypost", "RoyalMail", "RM", "Tracked 48"),
    SimulatedCarrier("UPS", "easypost", "UPS", "1ZTF", "Standard"),
    SimulatedCarrier("FedEx", "easypost", "FedEx", "78", "International Economy"),
    SimulatedCarrier("Evri", "standard", "Evri", "H00", "Next Day"),
    SimulatedCarrier("DPD UK", "standard", "dpd_uk", "155", "DPD Local"),
    SimulatedCarrier("Demo Carrier", "standard", "demo", "DEMO", "Same day"),
)

SCANS: Final = {
    "label": ScanKind("announced", ("pre_transit", "label_created", "OC"), "Shipment information received"),
    "picked_up": ScanKind("accepted", ("in_transit", "received_at_origin_facility", "PU"), "Picked up"),
    "departed": ScanKind("in_transit", ("in_transit", "departed_facility", "DP"), "Departed from facility"),
    "arrived": ScanKind("in_transit", ("in_transit", "arrived_at_facility", "AR"), "Arrived at facility"),
    "weather": ScanKind("in_transit", ("in_transit", "weather_delay", "SE"), "Delayed by weather", ("weather",)),
    "out": ScanKind("out_for_delivery", ("out_for_delivery", "out_for_delivery", "OD"), "Out for delivery"),
    "attempted": ScanKind("attempted", ("failure", "delayed", "DE"), "Delivery exception (Customer not available)"),
    "pickup": ScanKind(
        "available_for_pickup",
        ("available_for_pickup", "arrived_at_pickup_location", "HL"),
        "Ready for collection at the pickup point",
    ),
    "delivered": ScanKind("delivered", ("delivered", "arrived_at_destination", "DL"), "Delivered"),
}

TOWNS: Final = (
    Town("Leeds", "West Yorkshire", "LS1 4DY"),
    Town("Bristol", "Bristol", "BS1 5TR"),
    Town("Norwich", "Norfolk", "NR2 1TF"),
    Town("Cardiff", "Cardiff", "CF10 1EP"),
    Town("Glasgow", "Glasgow City", "G2 1DY"),
    Town("Exeter", "Devon", "EX4 3LS"),
)
HUBS: Final = (Town("Daventry", "Northamptonshire", "NN6 7GX"), Town("Warrington", "Cheshire", "WA2 8TT"))

#: Hours after acceptance, kind, place ("from", "hub" or "to").
_ROUTES: Final[dict[str, tuple[tuple[float, str, str], ...]]] = {
    "home": (
        (0, "picked_up", "from"),
        (4, "departed", "from"),
        (9, "arrived", "hub"),
        (14, "departed", "hub"),
        (19, "arrived", "to"),
        (22, "out", "to"),
        (29, "delivered", "to"),
    ),
    "weather": (
        (0, "picked_up", "from"),
        (5, "departed", "from"),
        (10, "weather", "hub"),
        (18, "arrived", "to"),
        (22, "out", "to"),
        (30, "delivered", "to"),
    ),
    "second_try": (
        (0, "picked_up", "from"),
        (8, "arrived", "hub"),
        (16, "out", "to"),
        (20, "attempted", "to"),
        (26, "out", "to"),
        (32, "delivered", "to"),
    ),
    "pickup_point": (
        (0, "picked_up", "from"),
        (7, "arrived", "hub"),
        (15, "arrived", "to"),
        (20, "pickup", "to"),
        (33, "delivered", "to"),
    ),
}
_HOME_ROUTES: Final = ("home", "home", "home", "weather", "second_try")


def plan_journey(dice: random.Random, to: Town, *, route: str | None = None) -> tuple[PlannedScan, ...]:
    """Choose a route (`pickup_point`, `home`, ...; none: any to the door) and give its scans, oldest first."""
    places = {"from": dice.choice(TOWNS), "hub": dice.choice(HUBS), "to": to}
    steps = _ROUTES[route or dice.choice(_HOME_ROUTES)]
    label = PlannedScan("label", -2.0, places["from"])
    moves = (PlannedScan(kind, at_h + dice.uniform(0, 1.5), places[place]) for at_h, kind, place in steps)
    return (label, *moves)
