"""The load without an end: orders of all ages beside each other, each record once and in its order."""

from collections import Counter
from itertools import islice

from benchmarks.engine.load import ORDER_EVENTS, SCANS, Profile, Sent, records
from benchmarks.full.lives import records_until_even, stream

ORDERS = 4
EVEN = records_until_even(ORDERS)
LOAD = list(islice(stream(ORDERS), EVEN * 3))


def test_no_record_is_lost_or_made_up() -> None:
    first = records(ORDERS, Profile(seed=1))
    assert not set(first) - set(LOAD)
    assert max(Counter(LOAD).values()) <= 2, "only what is told again comes again"


def test_the_records_of_a_key_come_in_the_order_of_one_load() -> None:
    first = records(ORDERS, Profile(seed=1))
    for key in {one.key for one in first}:
        assert [one for one in LOAD if one.key == key] == [one for one in first if one.key == key]


def test_from_when_it_is_even_as_many_orders_begin_as_end() -> None:
    halves = [LOAD[EVEN : EVEN * 2], LOAD[EVEN * 2 :]]
    begun = [sum(b'"type":"placed"' in one.value for one in half) for half in halves]
    assert all(EVEN / 24 * 0.8 <= count <= EVEN / 24 * 1.25 for count in begun), begun


def test_the_mix_stays_the_same() -> None:
    shares = [share(LOAD[EVEN : EVEN * 2]), share(LOAD[EVEN * 2 :])]
    assert all(abs(one - shares[0]) < 0.05 for one in shares)
    assert {one.topic for one in LOAD} == {SCANS, ORDER_EVENTS}


def share(load: list[Sent]) -> float:
    """Return the share of scans of a delivery."""
    return sum(b'"stage":"delivered"' in one.value for one in load) / len(load)
