"""A load without an end in which orders of all ages live beside each other: the mix never changes. Pure.

A scan of an old parcel costs more than a first one: its history is longer, and so is what its order shows. In a load
in which all orders begin together the first minute is cheaper than the last, and rates of the two do not compare. Here
some orders are placed every two hours of their own time, and live through their scans while others begin.
"""

import heapq
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Final

from benchmarks.engine.load import START, Profile, Sent, records

_EVERY: Final = timedelta(hours=2)
_LIVES_FOR: Final = timedelta(hours=24 + 55)
"""From the first of those that are placed on one day to the last scan of the last of them."""
RECORDS_OF_AN_ORDER: Final = 24
"""About: an event for the order and each of its parcels, and their scans."""


def stream(orders: int, *, first_order: int = 100_000) -> Iterator[Sent]:
    """Give the records in the order of sending; so many orders begin every two hours."""
    held: list[tuple[timedelta, int, Sent]] = []
    numbers = count()
    for portion in count():
        shift = portion * _EVERY
        load = records(orders, Profile(seed=portion + 1, first_order=first_order + portion * orders))
        for one in load:
            heapq.heappush(held, (one.at - START + shift, next(numbers), one))
        while held and held[0][0] < shift + _EVERY:
            yield heapq.heappop(held)[2]


def records_until_even(orders: int) -> int:
    """Return after how many records the first orders of a stream are delivered: then there are orders of all ages."""
    return round(_LIVES_FOR / _EVERY) * orders * RECORDS_OF_AN_ORDER // 2
