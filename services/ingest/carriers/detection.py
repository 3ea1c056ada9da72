"""Whose number is this? Candidates from the number alone, best first, for where neither webhook nor shop says.

A number that fails the check digit of a format is no candidate of it. What is left is ranked by one rule:

    score = trust * (1 - chance), chance = alike / (10 ** fixed * residues)

*chance* is how often another carrier's number of that length would pass too. *alike* is the share that has the same
shape without any prefix or check digit: the longer, the fewer. Each character that the format prescribes makes it ten
times smaller, a check digit as many times as it has residues. *trust* is how well the format is known, from
`detection_formats.py`. Numbers that many carriers print stay in a tie: see `sole_carrier`. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

from schemas.keys import clean_number
from services.ingest.carriers.detection_formats import FORMATS, Format
from services.ingest.carriers.detection_posts import formats_of_posts

NEAR: Final = 0.1
"""Two scores that differ by no more than this are equals: the table is not more exact than that."""

SURE: Final = 0.75
"""A best candidate below this is a possibility, not an answer."""

#: The share of strangers' numbers of at most so many characters that have a bare shape.
_ALIKE: Final = ((12, 0.9), (17, 0.8), (22, 0.7))
_ALIKE_LONGER: Final = 0.4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A carrier that the number can be of."""

    carrier: str
    service: str
    check_digit: Literal["ok", "none"]
    """`ok`: the format has one and it is right. `none`: the format has none."""
    score: float
    """0 to 1, two places: by the rule above."""


@dataclass(frozen=True, slots=True)
class Detected:
    """A cleaned number and its candidates, each carrier once, best first, equals by name."""

    number: str
    candidates: tuple[Candidate, ...]


def detect(number: str) -> Detected:
    """Return the candidates of a number as people type it: with spaces, in small letters.

    Raises ValueError when it is no tracking number at all.
    """
    cleaned = clean_number(number)
    best: dict[str, Candidate] = {}
    for candidate in _candidates(cleaned):
        known = best.get(candidate.carrier)
        if known is None or candidate.score > known.score:
            best[candidate.carrier] = candidate
    ranked = sorted(best.values(), key=lambda one: (-one.score, one.carrier))
    return Detected(cleaned, tuple(ranked))


def sole_carrier(number: str) -> str | None:
    """Return the one carrier that can be said without guessing.

    None when there is no candidate, when the best is below `SURE`, or when the next best is `NEAR` it.
    Raises ValueError as `detect` does.
    """
    candidates = detect(number).candidates
    if not candidates or candidates[0].score < SURE:
        return None
    # Scores have two places: rounded again, so that a difference of exactly NEAR is not decided by binary fractions.
    if len(candidates) > 1 and round(candidates[0].score - candidates[1].score, 2) <= NEAR:
        return None
    return candidates[0].carrier


def _candidates(number: str) -> Iterator[Candidate]:
    """Yield a candidate for each format that the number has, with a right check digit where there is one."""
    for one in chain(FORMATS, formats_of_posts(number)):
        match = one.pattern.fullmatch(number)
        if match is None:
            continue
        if one.check is not None and not one.check.passes(match.groupdict().get("checked") or number):
            continue
        yield Candidate(one.carrier, one.service, "none" if one.check is None else "ok", _score(one, len(number)))


def _score(one: Format, length: int) -> float:
    alike = next((share for most, share in _ALIKE if length <= most), _ALIKE_LONGER)
    residues = 1 if one.check is None else one.check.residues
    return round(one.trust * (1 - alike / (10.0**one.fixed * residues)), 2)
