"""How a story's messages arrive: late, repeated, out of order, with scans that a body forgot. Pure.

The set of what is told never changes, only when, how often and in which order: every scan and every order event of
the story arrives at least once. Nothing arrives before it happened.
"""

import random
from dataclasses import dataclass
from typing import Final

from services.local.stories import HOUR_S, ShopStep, Story, StoryParcel, make_dice

_LATE: Final = 0.12
_REPEATED: Final = 0.15
_FORGOTTEN: Final = 0.08


@dataclass(frozen=True, slots=True)
class Report:
    """A carrier tells some scans of a parcel: positions in its journey."""

    parcel: StoryParcel
    scans: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message on its way: when it arrives, in story seconds, and whether it was told before."""

    at_s: float
    what: ShopStep | Report
    again: bool = False
    late: bool = False


def plan_arrivals(story: Story, seed: int, *, calm: bool = False) -> tuple[Arrival, ...]:
    """Plan all messages of a story in the order in which they arrive; `calm` is a world where all goes well."""
    dice = make_dice(seed, -story.index - 1)
    told: list[Arrival] = [Arrival(step.at_s, step) for step in story.steps]
    for parcel in story.parcels:
        told += _reports(parcel, dice, calm=calm)
    if not calm:
        told = [copy for arrival in told for copy in _disturbed(arrival, dice)]
    return tuple(sorted(told, key=lambda arrival: arrival.at_s))


def _reports(parcel: StoryParcel, dice: random.Random, *, calm: bool) -> list[Arrival]:
    """Tell each scan when it happens; EasyPost repeats the whole history each time and sometimes forgets the newest."""
    everything = range(len(parcel.scans))
    if parcel.carrier.provider == "standard":
        return [Arrival(parcel.scanned_s(n), Report(parcel, (n,))) for n in everything]
    reports: list[Arrival] = []
    last = everything[-1]
    for newest in everything:
        if newest != last and not calm and dice.random() < _FORGOTTEN:
            continue  # this scan reaches EasyPost late: the next body has it, in its place
        reports.append(Arrival(parcel.scanned_s(newest), Report(parcel, tuple(range(newest + 1)))))
    return reports


def _disturbed(arrival: Arrival, dice: random.Random) -> list[Arrival]:
    """Delay a message, or send it twice. Order events stray less than webhooks: hours, not days."""
    reach_h = 1.5 if isinstance(arrival.what, ShopStep) else 7.0
    copies = [arrival]
    if dice.random() < _LATE:
        copies = [Arrival(arrival.at_s + dice.uniform(0.2, reach_h) * HOUR_S, arrival.what, late=True)]
    if dice.random() < _REPEATED:
        copies.append(Arrival(copies[0].at_s + dice.uniform(0, reach_h) * HOUR_S, arrival.what, again=True))
    return copies
