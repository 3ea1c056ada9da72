"""The figures of a run: medians of rounds, ratios, the file `latest.json`, and the table that people read. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.engine.measuring import Cpu, Measured

#: (name, dividend, divisor): what the issue asks for, as ratios of medians of events a second.
RATIOS: Final = (
    ("trackfold_2 / naive", "trackfold_2", "naive"),
    ("trackfold_2 / naive_per_partition", "trackfold_2", "naive_per_partition"),
    ("trackfold_2 / textbook_batch", "trackfold_2", "textbook_batch"),
    ("trackfold_1 / quixstreams", "trackfold_1", "quixstreams"),
    ("trackfold_1 / bytewax", "trackfold_1", "bytewax"),
    ("limit / trackfold_2", "limit", "trackfold_2"),
)
CPU_RATIO: Final = ("cpu per event, trackfold_2 / textbook_batch", "trackfold_2", "textbook_batch")


@dataclass(frozen=True, slots=True)
class Round:
    """One design in one round, its oracle clean."""

    measured: Measured
    messages: int
    """On the status topic."""
    records: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One design over all rounds."""

    rounds: Sequence[Round]

    @property
    def events_per_second(self) -> float:
        """The median."""
        return statistics.median(one.measured.events_per_second for one in self.rounds)

    @property
    def cpu_us(self) -> Cpu:
        """The medians, an event."""
        parts = zip(
            *((c.service, c.postgres, c.broker) for c in (one.measured.cpu_us for one in self.rounds)), strict=True
        )
        return Cpu(*(round(statistics.median(part), 1) for part in parts))

    @property
    def wal_bytes(self) -> int:
        """The median, an event."""
        return round(statistics.median(one.measured.wal_bytes for one in self.rounds))

    @property
    def lock_waits(self) -> float:
        """The median share of the workers' time."""
        return statistics.median(one.measured.lock_waits for one in self.rounds)

    @property
    def deadlocks(self) -> int:
        """Of all rounds."""
        return sum(one.measured.deadlocks for one in self.rounds)

    @property
    def messages_per_event(self) -> float:
        """How many events led to a message."""
        return round(statistics.median(one.messages / one.records for one in self.rounds), 3)

    def document(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {
            "events_per_second": round(self.events_per_second),
            "rounds": [round(one.measured.events_per_second) for one in self.rounds],
            "cpu_us_per_event": asdict(self.cpu_us),
            "oracle": "clean",
        }


def ratios(designs: Mapping[str, Figures], *, cores: int) -> dict[str, float]:
    """Return the ratios of medians, as far as their designs were run."""
    found = {
        name: round(designs[ours].events_per_second / designs[theirs].events_per_second, 2)
        for name, ours, theirs in RATIOS
        if ours in designs and theirs in designs
    }
    name, ours, theirs = CPU_RATIO
    if ours in designs and theirs in designs:
        found[name] = round(designs[ours].cpu_us.total / designs[theirs].cpu_us.total, 2)
    if "trackfold_2" in designs:
        two = designs["trackfold_2"]
        found["trackfold_2 / what the CPU allows"] = round(
            two.events_per_second * two.cpu_us.total / (cores * 1_000_000), 2
        )
        found["trackfold_2, lock waits / time of its workers"] = round(two.lock_waits, 3)
        found["trackfold_2, deadlocks of all rounds"] = two.deadlocks
    return found


def notes(
    designs: Mapping[str, Figures], settings: Mapping[str, Sequence[str]], texts: Sequence[str]
) -> dict[str, Any]:
    """Return what belongs to the figures and is none of them."""
    return {
        "wal_bytes_per_event": {name: one.wal_bytes for name, one in designs.items()},
        "messages_per_event": {name: one.messages_per_event for name, one in designs.items()},
        "records_of_a_round": {name: one.rounds[0].records for name, one in designs.items()},
        "settings": {name: list(settings[name]) for name in designs},
        "run": list(texts),
    }


def line(measured: Measured) -> str:
    """Return what people read of one round."""
    cpu = measured.cpu_us
    return (
        f"{measured.events_per_second:>10,.0f} events/s   us: {cpu.service:,.0f} / {cpu.postgres:,.0f} / "
        f"{cpu.broker:,.0f}   WAL {measured.wal_bytes:,.0f}   waits {measured.lock_waits:.1%}   "
        f"{measured.seconds:.1f} s, clean"
    )


def table(designs: Mapping[str, Figures], found: Mapping[str, float]) -> list[str]:
    """Return the lines that people read."""
    lines = ["design                events/s    least     most   CPU us: service postgres  broker   WAL B  messages"]
    for name, one in designs.items():
        rates = [each.measured.events_per_second for each in one.rounds]
        cpu = one.cpu_us
        lines.append(
            f"{name:<20}{one.events_per_second:>10,.0f}{min(rates):>9,.0f}{max(rates):>9,.0f}"
            f"   {cpu.service:>15,.1f}{cpu.postgres:>9,.1f}{cpu.broker:>8,.1f}{one.wal_bytes:>8,}"
            f"{one.messages_per_event:>10.2f}"
        )
    return [*lines, "", *(f"{name:<46}{value:>8.2f}" for name, value in found.items())]
