"""Which wrong characters a check digit overlooks, worked out a second time from what the carriers write down."""

from itertools import cycle
from typing import Final

from services.ingest.carriers.check_digits import FEDEX, IDENTCODE, MOD7, S10, UPS, CheckDigit

DIGITS: Final = "0123456789"
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def worth(char: str) -> int:
    """Return what UPS counts a character for: A is 2, B is 3, I is 0."""
    return int(char) if char in DIGITS else (LETTERS.index(char) + 2) % 10


def rest(payload: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(payload, cycle(weights), strict=False)) % 11


def is_overlooked(rule: CheckDigit, before: str, after: str) -> bool:
    """Tell whether two payloads that differ in one place may have the same check character."""
    place = next(place for place, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1])
    if rule is IDENTCODE:
        return place % 2 == 0 and (int(before[place]) - int(after[place])) % 5 == 0
    if rule is UPS:
        apart = (worth(before[place]) - worth(after[place])) % 10
        return apart == 0 or (place % 2 == 1 and apart == 5)
    if rule is MOD7:
        return (int(before[place]) - int(after[place])) % 7 == 0
    if rule is FEDEX:
        return {rest(before[::-1], (1, 3, 7)), rest(after[::-1], (1, 3, 7))} == {0, 10}
    if rule is S10:
        weights = (8, 6, 4, 2, 3, 5, 9, 7)
        return {rest(before, weights), rest(after, weights)} == {0, 6}
    return False
