"""Which faults come when: drawn by a seed, every kind once before any comes twice, sometimes two at once. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: How often a second fault comes beside the first, where the deck has one that goes with it.
PAIR_SHARE: Final = 0.25


class Area(StrEnum):
    """What a fault breaks; two at once are one of ours and one around us."""

    OURS = "ours"
    """A process of ours, or what it holds."""
    AROUND = "around"
    """Kafka, Postgres, the wires to them."""
    ALONE = "alone"
    """Something that no other fault may stand beside: it would not know what it shows."""


@dataclass(frozen=True, slots=True)
class Card:
    """One kind of fault as the schedule sees it."""

    name: str
    area: Area
    most: int | None = None
    """It comes so often at most."""


def rounds(seed: int, cards: Sequence[Card]) -> Iterator[tuple[str, ...]]:
    """Draw the faults of one round after the other: one name, or two that strike at once (ours first)."""
    dice = random.Random(f"schedule {seed}")  # noqa: S311 - must be repeatable
    times: dict[str, int] = {}
    while deck := [card for card in cards if card.most is None or times.get(card.name, 0) < card.most]:
        dice.shuffle(deck)
        for card in deck:
            times[card.name] = times.get(card.name, 0) + 1
        while deck:
            yield _draw(deck, dice)


def _draw(deck: list[Card], dice: random.Random) -> tuple[str, ...]:
    first = deck.pop()
    if first.area is Area.ALONE or dice.random() >= PAIR_SHARE:
        return (first.name,)
    second = next((card for card in reversed(deck) if {card.area, first.area} == {Area.OURS, Area.AROUND}), None)
    if second is None:
        return (first.name,)
    deck.remove(second)
    pair = sorted((first, second), key=lambda card: card.area is Area.AROUND)
    return tuple(card.name for card in pair)
