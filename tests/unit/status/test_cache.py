"""What is kept between batches: taken out, put back, forgotten when the batch failed, and bounded in bytes."""

import gc
import json
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest

from services.status.cache import Cache, KnownOrder, KnownShipment, Stamp
from services.status.claims import Claim
from services.status.inputs import OrderIn, Refused, ScanIn, read
from services.status.kept import KeptOrder
from services.status.loaded import Loaded
from services.status.order_facts import OrderFacts
from services.status.parcel_fold import History
from services.status.replay import World
from services.status.replayed import OrderRow
from services.status.repository import StoredOrder
from tests.builders import START, make_scan
from tests.records import placed, record, scan, shipment

STAMP: Final = Stamp(START, 0, 1)
ROOM: Final = 10**9
STAGES: Final = (
    "announced", "accepted", "in_transit", "in_transit", "in_transit", "in_transit", "out_for_delivery", "attempted",
    "out_for_delivery", "delivered",
)  # fmt: skip
ORDERS: Final = 40
PARCELS: Final = 3


def is_known(cache: Cache, shipment: str) -> bool:
    """Tell whether a shipment is in there."""
    return shipment in cache._shipments  # noqa: SLF001 - to take it out would change what is looked at


def parcel(*, claimants: int = 1) -> KnownShipment:
    """Return a parcel with one scan."""
    one = make_scan()
    claims = {(f"main:{n}", "S1"): Claim(START, f"main:{n}", "S1") for n in range(claimants)}
    return KnownShipment(STAMP, History({(one.event_key, "c"): one}, claims), {order for order, _ in claims})


def order(*keys: str) -> KnownOrder:
    """Return an order that claims these parcels."""
    return KnownOrder(1, 1, {"state": "processing"}, {}, set(keys))


def keep(cache: Cache, name: str, *keys: str) -> None:
    """Put an order and its parcels, as a batch does that was committed."""
    cache.begin()
    cache.take_orders([name])
    cache.take_shipments(keys)
    cache.kept.orders[name] = KeptOrder(OrderFacts())
    cache.put({key: parcel() for key in keys}, {name: order(*keys)})


def known(cache: Cache) -> tuple[list[str], list[str]]:
    """Return which of some orders, and of some parcels, are in there."""
    names = "abcdefgh"
    return [one for one in names if cache.order(one)], [one for one in names.upper() if is_known(cache, one)]


def test_what_was_put_is_taken_out_once() -> None:
    cache = Cache(ROOM)
    keep(cache, "a", "A", "B")
    assert cache.weight == order("A", "B").weight + 2 * parcel().weight
    assert set(cache.take_shipments(["A", "B", "C"])) == {"A", "B"}
    assert set(cache.take_orders(["a", "b"])) == {"a"}
    assert (cache.take_shipments(["A"]), cache.take_orders(["a"]), cache.weight) == ({}, {}, 0)


def test_to_look_at_an_order_leaves_it_where_it_is() -> None:
    cache = Cache(ROOM)
    keep(cache, "a", "A")
    assert cache.order("a") is cache.order("a") is not None
    assert is_known(cache, "A")
    assert cache.order("b") is None
    assert not is_known(cache, "B")


def test_what_is_kept_of_a_batch_that_was_committed_stays() -> None:
    cache = Cache(ROOM)
    keep(cache, "a", "A")
    cache.begin()
    assert set(cache.kept.orders) == {"a"}


def test_what_is_kept_of_a_batch_that_failed_is_forgotten_by_the_next() -> None:
    cache = Cache(ROOM)
    keep(cache, "a", "A")
    keep(cache, "b", "B")
    cache.begin()
    cache.take_orders(["a", "c"])
    cache.kept.orders["c"] = KeptOrder(OrderFacts())
    cache.begin()
    assert set(cache.kept.orders) == {"b"}
    assert known(cache)[0] == ["b"]


def test_what_is_kept_of_an_order_that_was_not_put_back_is_forgotten() -> None:
    """One that was erased, or is purged."""
    cache = Cache(ROOM)
    cache.begin()
    cache.take_orders(["a", "b"])
    cache.kept.orders |= {name: KeptOrder(OrderFacts()) for name in "ab"}
    cache.put({}, {"b": order()})
    cache.begin()
    assert set(cache.kept.orders) == {"b"}


def test_the_order_used_longest_ago_goes_first_with_its_parcels_and_what_is_kept_of_it() -> None:
    one = order("A", "B").weight + 2 * parcel().weight
    cache = Cache(3 * one)
    for name, keys in (("a", "AB"), ("b", "CD"), ("c", "EF")):
        keep(cache, name, *keys)
    keep(cache, "a", "A", "B")  # used again
    keep(cache, "d", "G", "H")
    orders, parcels = known(cache)
    assert "b" not in orders
    assert not {"C", "D"} & set(parcels)
    assert {"a", "d"} <= set(orders)
    assert {"A", "B", "G", "H"} <= set(parcels)
    assert set(cache.kept.orders) == set(orders)
    assert cache.weight <= cache.limit_bytes


def test_no_more_goes_than_has_to() -> None:
    one = order("A").weight + parcel().weight
    cache = Cache(3 * one)
    for name in "abcd":
        keep(cache, name, name.upper())
    assert known(cache) == (["b", "c", "d"], ["B", "C", "D"])


def test_an_order_outlives_parcels_that_nobody_claims_and_that_were_used_before_it() -> None:
    cache = Cache(order("A").weight + 4 * parcel().weight)
    for key in "BCD":
        cache.put({key: parcel(claimants=0)}, {})
    keep(cache, "a", "A")
    for key in "EF":
        cache.put({key: parcel(claimants=0)}, {})
    assert known(cache) == (["a"], ["A", "D", "E", "F"])


def test_without_room_nothing_stays() -> None:
    cache = Cache(0)
    keep(cache, "a", "A")
    assert known(cache) == ([], [])
    assert not cache.kept.orders
    assert cache.weight == 0


def test_cleared_it_holds_nothing() -> None:
    cache = Cache(ROOM)
    keep(cache, "a", "A")
    cache.take_orders(["b"])
    cache.clear()
    assert known(cache) == ([], [])
    assert (cache.weight, cache.kept.orders) == (0, {})
    keep(cache, "a", "A")
    cache.begin()
    assert set(cache.kept.orders) == {"a"}


def test_claims_weigh() -> None:
    """Shops can write one word for a number they do not know: all of their orders claim it."""
    gc.collect()
    tracemalloc.start()
    try:
        crowded = parcel(claimants=5_000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert crowded.weight >= held


@pytest.mark.parametrize("parcels", [0, 1, PARCELS])
def test_the_weight_is_true_to_life(parcels: int) -> None:
    """Never less than is held, and at most three times as much; most orders are placed long before anything is sent."""
    fill(Cache(ROOM), first=1, count=3, parcels=parcels)  # what is made once
    cache = Cache(ROOM)
    gc.collect()
    tracemalloc.start()
    try:
        fill(cache, first=1000, count=ORDERS, parcels=parcels)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(one.parcels) for one in cache.kept.orders.values()) == ORDERS * parcels
    assert held <= cache.weight <= 3 * held, f"{cache.weight / held:.2f}"


def fill(cache: Cache, *, first: int, count: int, parcels: int) -> None:
    """Replay orders through worlds that keep, and put back what they leave as if it had been read in between."""
    for number in range(first, first + count):
        name, keys = f"main:{number}", [f"royal-mail:N{number}-{part}" for part in range(parcels)]
        cache.begin()
        cache.take_orders([name])
        world = World(
            histories={key: History() for key in keys},
            next_n=dict.fromkeys(keys, 1),
            events={name: {}},
            orders={name: OrderRow()},
            kept=cache.kept,
        )
        for item in items(str(number), parcels):
            world.apply(item)
        # As it comes from the database: its words are its own.
        world.orders[name].document = json.loads(json.dumps(world.orders[name].document))
        stamps = {key: Stamp(START + timedelta(seconds=number), 0, 1) for key in keys}
        Loaded(world, stamps, {}, {name: StoredOrder()}, {name: set(keys)}).put_back(cache)


def items(number: str, parcels: int) -> Iterator[ScanIn | OrderIn]:
    """Return an order of three lines with its parcels, ten scans each."""
    lines = [{"line": str(line), "name": f"Lamp {line} of {number}", "quantity": 2} for line in range(3)]
    bodies = [placed(order=number, lines=lines, destination={"country": "GB", "city": "Bath"})]
    for part in range(parcels):
        tracking = f"N{number}-{part}"
        packed = [{"line": str(part), "quantity": 2}]
        bodies.append(shipment(tracking, parcel=f"P{part}", order=number, lines=packed))
        bodies += [_seen(place, stage, part, tracking) for place, stage in enumerate(STAGES)]
    for body in bodies:
        item = read(record(body))
        assert not isinstance(item, Refused)
        yield item


def _seen(place: int, stage: str, part: int, number: str) -> dict[str, Any]:
    where = {"city": f"Town {place}", "region": "Somerset", "country": "GB"}
    said = f"Your parcel was seen at depot {place} on its way"
    return scan(stage, minutes=60 + 60 * place + part, number=number, place=where, description=said)


def test_of_another_database_nothing_is_kept() -> None:
    """Rule E7: a restored one can have gone another way to the same stamps."""
    cache = Cache(ROOM)
    cache.begin("one")
    cache.put({"a:1": parcel()}, {})
    cache.begin("one")
    assert is_known(cache, "a:1")
    cache.begin("two")
    assert not is_known(cache, "a:1")


def test_a_ledger_grew_from_a_stamp_only_where_rows_were_appended() -> None:
    before = Stamp(START, 1, 5)
    assert before.grew_from(before)
    assert Stamp(START, 1, 7).grew_from(before)
    assert not Stamp(START, 1, 4).grew_from(before)
    assert not Stamp(START, 2, 7).grew_from(before)
    assert not Stamp(START + timedelta(days=1), 1, 7).grew_from(before)
