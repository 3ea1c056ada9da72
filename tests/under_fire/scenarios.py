"""What happens to orders, and how each must end: written by hand, true for every order of arrival and every repeat.

Mails: `told` must be sent; `may_tell` depends on what arrived first (news that newer news overtook, or that was first
seen as skipped, is told to nobody).
"""

from collections.abc import Callable, Mapping
from typing import Final

from tests.oracle_evidence import Expected
from tests.under_fire.stories import Story

Scenario = Callable[[Story], Expected]
_ON_THE_WAY: Final = {"shipped": 1, "out_for_delivery": 1}


def plain_delivery(story: Story) -> Expected:
    """One parcel, scan by scan to the door."""
    story.placed()
    story.event("picking_started", 5)
    story.ship("A")
    story.scan("accepted", 20)
    story.scan("in_transit", 30)
    story.scan("out_for_delivery", 60)
    story.scan("delivered", 90)
    return story.ends("delivered", {"A": "delivered"}, told={"delivered": 1}, may_tell=_ON_THE_WAY)


def two_parcels(story: Story) -> Expected:
    """Two parcels, most likely on two partitions: whoever comes second must see the first one's part."""
    story.placed(lines=2)
    for line, parcel in enumerate("AB", 1):
        story.ship(parcel, 10, lines=[{"line": str(line), "quantity": 1}])
        story.scan("in_transit", 30, parcel)
        story.scan("out_for_delivery", 60, parcel)
        story.scan("delivered", 90, parcel)
    may = {"shipped": 2, "out_for_delivery": 2}
    return story.ends("delivered", {"A": "delivered", "B": "delivered"}, told={"delivered": 2}, may_tell=may)


def one_of_two_delivered(story: Story) -> Expected:
    """Two parcels, of which one is still on its way."""
    story.placed(lines=2)
    story.ship("A", 10, lines=[{"line": "1", "quantity": 1}])
    story.ship("B", 11, lines=[{"line": "2", "quantity": 1}])
    story.scan("in_transit", 30, "A")
    story.scan("delivered", 90, "A")
    story.scan("in_transit", 40, "B")
    stages = {"A": "delivered", "B": "in_transit"}
    told = {"delivered": 1, "shipped": 1}
    return story.ends("partially_delivered", stages, told=told, may_tell={"shipped": 1})


def told_again(story: Story) -> Expected:
    """Everything three times, and a scan of before that is told late."""
    story.placed()
    story.ship("A")
    for minutes, stage in ((20, "accepted"), (25, "in_transit"), (60, "out_for_delivery"), (90, "delivered")):
        story.scan(stage, minutes, copies=3)
    story.scan("in_transit", 40)
    return story.ends("delivered", {"A": "delivered"}, told={"delivered": 1}, may_tell=_ON_THE_WAY)


def scans_before_their_order(story: Story) -> Expected:
    """The carrier is faster than the shop."""
    story.scan("accepted", 20, early=True)
    story.scan("in_transit", 30, early=True)
    story.scan("delivered", 90, early=True)
    story.placed()
    story.ship("A")
    return story.ends("delivered", {"A": "delivered"}, told={"delivered": 1}, may_tell=_ON_THE_WAY)


def still_moving(story: Story) -> Expected:
    """On its way, and not there yet."""
    story.placed()
    story.ship("A")
    story.scan("accepted", 20)
    story.scan("in_transit", 30)
    return story.ends("in_transit", {"A": "in_transit"}, told={"shipped": 1})


def cancelled(story: Story) -> Expected:
    """Cancelled before anything was packed."""
    story.placed()
    story.event("cancelled", 5, reason="changed their mind")
    return story.ends("cancelled", {})


def returned(story: Story) -> Expected:
    """The parcel goes back to its sender."""
    story.placed()
    story.ship("A")
    story.scan("in_transit", 30)
    story.scan("in_transit", 60, leg="return")
    story.scan("returned", 90, leg="return")
    return story.ends("returned", {"A": "returned"}, may_tell={"shipped": 1})


def delivered_twice(story: Story) -> Expected:
    """The carrier says twice that it was delivered."""
    story.placed()
    story.ship("A")
    story.scan("in_transit", 30)
    story.scan("delivered", 80)
    story.scan("delivered", 90)
    return story.ends("delivered", {"A": "delivered"}, told={"delivered": 1}, may_tell={"shipped": 1})


def handed_over(story: Story) -> Expected:
    """Another carrier brings it, under its own number: one parcel, counted once."""
    other = f"94{story.number.replace('-', 'Z')}"
    story.placed()
    story.ship("A", 10, aliases=[{"carrier": "USPS", "number": other}])
    story.scan("in_transit", 30)
    story.scan("out_for_delivery", 60, carrier="usps", number=other)
    story.scan("delivered", 90, carrier="usps", number=other)
    return story.ends("delivered", {"A": "delivered"}, told={"delivered": 1}, may_tell=_ON_THE_WAY)


def second_attempt(story: Story) -> Expected:
    """Nobody was at home at first."""
    story.placed()
    story.ship("A")
    story.scan("in_transit", 30)
    story.scan("out_for_delivery", 50)
    story.scan("attempted", 60)
    story.scan("out_for_delivery", 70)
    story.scan("delivered", 90)
    may = {"shipped": 1, "out_for_delivery": 2}
    return story.ends("delivered", {"A": "delivered"}, told={"delivered": 1}, may_tell=may)


#: Told in turn; the first ones are the most telling, so that a small load has them.
SCENARIOS: Final[Mapping[str, Scenario]] = {
    tell.__name__: tell
    for tell in (
        plain_delivery,
        two_parcels,
        scans_before_their_order,
        told_again,
        handed_over,
        returned,
        one_of_two_delivered,
        delivered_twice,
        cancelled,
        second_attempt,
        still_moving,
    )
}
