"""Seeded streams of records in which everything happens that can change what was kept of an order or a parcel."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from services.runtime.kafka import Record
from tests.records import event, placed, record, scan, shipment

ORDERS: Final = ("1001", "1002", "1003", "1004", "1005")
STAGES: Final = (
    "announced", "accepted", "in_transit", "out_for_delivery", "attempted", "ready_for_pickup", "delivered",
    "returning",
)  # fmt: skip
DAY: Final = 24 * 60


def stream(seed: int) -> list[list[Record]]:
    """Return one stream, cut in batches."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    told = list(_told(dice))
    _late(dice, told)
    batches, place = [], 0
    while place < len(told):
        size = dice.choice((1, 1, 2, 3, 5, 12))
        batches.append(told[place : place + size])
        place += size
    return batches


def _late(dice: random.Random, told: list[Record]) -> None:
    """Let some records come later than they were told, and some twice."""
    for _ in range(len(told) // 5):
        told.insert(dice.randrange(len(told)), told.pop(dice.randrange(len(told))))
    for _ in range(len(told) // 10):
        one = dice.choice(told)
        told.insert(dice.randrange(len(told)), replace(one, offset=one.offset + 1_000_000))


def _told(dice: random.Random) -> Iterator[Record]:
    stories = [list(_story(dice, place, order)) for place, order in enumerate(ORDERS)]
    while stories:
        story = dice.choice(stories)
        yield story.pop(0)
        stories = [one for one in stories if one]


def _story(dice: random.Random, place: int, order: str) -> Iterator[Record]:
    """Tell one order: the third has the first one's number again after 60 days, the fourth the second one's box."""
    start = 60 * DAY if place == 2 else place
    yield record(placed(order=order, minutes=start))
    numbers = {
        f"P{part}": f"N{ {2: 0, 3: 1}.get(place, place) if part == 0 else 10 * place + part }" for part in range(3)
    }
    parcels = dict(list(numbers.items())[: 1 + place % 3])
    for parcel, number in parcels.items():
        body = shipment(number, parcel=parcel, order=order, minutes=start + 10)
        yield record(body, event_id=f"{order}-{parcel}")
        if dice.random() < 0.3:  # the other content under the same id
            other = shipment(f"X{number}", parcel=parcel, order=order, minutes=start + 10)
            yield record(other, event_id=f"{order}-{parcel}")
    scans = [one for parcel, number in parcels.items() for one in _scans(dice, start, parcel, number)]
    dice.shuffle(scans) if dice.random() < 0.3 else scans.sort(key=lambda one: one["occurred_at"])
    for step, body in enumerate(scans):
        yield record(body)
        if dice.random() < 0.1:
            yield record(_word(dice, order, start, list(parcels), step), event_id=f"{order}-w{step}")
    if place == 4 and dice.random() < 0.5:
        yield record(event("erased", order=order, minutes=start + 20 * DAY))


def _word(dice: random.Random, order: str, start: int, parcels: Sequence[str], number: int) -> dict[str, Any]:
    """Return something that a shop says in between."""
    minutes = start + 100 + number
    parcel = dice.choice(parcels)
    words = (
        event("note", order=order, minutes=minutes, text="asked for a call"),
        event("shipment_corrected", order=order, minutes=minutes, shipment=parcel, number=f"Y{order}{parcel}"),
        event("shipment_corrected", order=order, minutes=minutes, shipment=parcel, references={"label": f"L{order}"}),
        event("on_hold", order=order, minutes=minutes),
        event("shipment_voided", order=order, minutes=minutes, shipment=parcel),
        shipment(f"Y{order}{parcel}", parcel="P9", order=order, minutes=minutes),
    )
    return dice.choice(words)


def _scans(dice: random.Random, start: int, parcel: str, number: str) -> Iterator[dict[str, Any]]:
    piece = {"piece": dice.choice(("1", "2"))} if dice.random() < 0.1 else {}
    keys = []
    for step in range(dice.randrange(4, 10)):
        minutes = start + 60 + step * 300 + dice.randrange(200)
        body = scan(dice.choice(STAGES), minutes=minutes, number=number, **(piece if dice.random() < 0.5 else {}))
        keys.append(body["event_key"])
        yield body
        yield from _again(dice, body, keys, minutes)
    if dice.random() < 0.2:
        at = start + 5000
        yield scan("in_transit", minutes=at, number=None, references={"label": f"L{parcel}"})


def _again(dice: random.Random, body: dict[str, Any], keys: Sequence[str], minutes: int) -> Iterator[dict[str, Any]]:
    """Tell a scan once more: earlier, in other words, or not to be one."""
    what = dice.random()
    if what < 0.15:
        earlier = datetime.fromisoformat(body["told_at"]) - timedelta(minutes=dice.randrange(1, 500))
        yield {**body, "told_at": earlier.isoformat()}
    elif what < 0.25:
        yield {**body, "stage": dice.choice(STAGES), "raw_code": "other", "provider": "aftership"}
    elif what < 0.32:
        void = scan(None, minutes=minutes + 1, number=body["number"])
        yield {**void, "kind": "void", "voids": dice.choice(keys)}
