"""What folding one more event into a known state costs, beside reading that event from its bytes (`make bench-fold`).

Rounds of both alternate in one process, in CPU time; the ratio is the median of the rounds' ratios. The events are
lives of parcels in which each scan is newer than those before: the common case. A whole fold stands beside it.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.scans import SCAN, Place, Scan
from services.status import folding, machine
from services.status.folding import Folding

STAGES: Final = (
    "announced", "accepted", "in_transit", "in_transit", "in_transit", "out_for_delivery", "attempted",
    "out_for_delivery", "delivered",
)  # fmt: skip
_START: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_ZONE: Final = "Europe/London"


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU an event (medians of the rounds), and the ratios that count."""

    events: int
    rounds: int
    validate_us: float
    take_us: float
    whole_fold_us: float
    """A fold of the whole history for each event, as without a known state."""
    take_to_validate: float
    whole_to_take: float


def lives(parcels: int) -> list[list[Scan]]:
    """Return the scans of so many parcels, as a provider tells them: with place, zone, code and wording."""
    return [[_scan(parcel, number, stage) for number, stage in enumerate(STAGES)] for parcel in range(parcels)]


def _scan(parcel: int, number: int, stage: str) -> Scan:
    at = _START + timedelta(hours=5 * number, minutes=parcel)
    return Scan(
        kind="scan",
        event_key=f"{parcel:024x}{number:08x}",
        provider="easypost",
        carrier="royal-mail",
        number=f"AB{parcel:09d}GB",
        occurred_at=at,
        occurred_at_text=at.isoformat(),
        time_kind="offset",
        raw_code=f"{stage}/departed_facility",
        stage=stage,
        substatus="departed",
        place=Place(city="Bath", postcode="BA1 1AA", country="GB", time_zone=_ZONE),
        description="Departed from facility",
        told_at=at + timedelta(minutes=5),
        map_version=3,
    )


def measure(*, parcels: int = 200, rounds: int = 15) -> Cost:
    """Measure; a few seconds with the defaults."""
    bodies = [SCAN.dump_json(scan, exclude_defaults=True) for life in lives(parcels) for scan in life]
    # Read back, so that times are what a reader holds.
    read = [SCAN.validate_json(body) for body in bodies]
    told = [read[start : start + len(STAGES)] for start in range(0, len(read), len(STAGES))]
    gc.disable()
    try:
        timed = [_round(bodies, told) for _ in range(rounds)]
    finally:
        gc.enable()
    validate, take, whole = (statistics.median(column) for column in zip(*timed, strict=True))
    return Cost(
        events=len(bodies),
        rounds=rounds,
        validate_us=round(validate, 2),
        take_us=round(take, 2),
        whole_fold_us=round(whole, 2),
        take_to_validate=round(statistics.median(one[1] / one[0] for one in timed), 3),
        whole_to_take=round(statistics.median(one[2] / one[1] for one in timed), 2),
    )


def _round(bodies: Sequence[bytes], told: Sequence[Sequence[Scan]]) -> tuple[float, float, float]:
    """Return the microseconds an event of reading, of folding into a known state, and of folding the whole history."""
    known = [folding.begin(life[:1], zone=_ZONE) for life in told]
    taken = len(bodies) - len(told)
    return (
        _timed(lambda: _validate(bodies)) / len(bodies),
        _timed(lambda: _take(known, told)) / taken,
        _timed(lambda: _fold_whole(told)) / len(bodies),
    )


def _timed(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e6


def _validate(bodies: Sequence[bytes]) -> None:
    for body in bodies:
        SCAN.validate_json(body)


def _take(known: Sequence[Folding], told: Sequence[Sequence[Scan]]) -> None:
    for one, life in zip(known, told, strict=True):
        for scan in life[1:]:
            if not one.take(scan):
                raise AssertionError("a newer scan was not taken")


def _fold_whole(told: Sequence[Sequence[Scan]]) -> None:
    for life in told:
        for count in range(1, len(life) + 1):
            machine.fold(life[:count], zone=_ZONE)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    cost = measure(parcels=wanted.parcels, rounds=wanted.rounds)
    if wanted.json:
        sys.stdout.write(json.dumps(asdict(cost)) + "\n")
        return
    lines = (
        f"{cost.events} events, {cost.rounds} rounds, medians of CPU time an event",
        f"  read the bytes (validate_json)  {cost.validate_us:7.2f} us",
        f"  fold it into the known state    {cost.take_us:7.2f} us  {cost.take_to_validate:.2f} times the reading",
        f"  fold the whole history instead  {cost.whole_fold_us:7.2f} us  {cost.whole_to_take:.1f} times that",
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
