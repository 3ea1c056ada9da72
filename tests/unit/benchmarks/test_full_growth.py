"""Figures of growth: medians of rounds, and ratios of them."""

from benchmarks.engine.measuring import Cpu, Measured
from benchmarks.full import growth


def measured(us: float, *, cpu: float) -> Measured:
    return Measured(events=1_000, seconds=us / 1_000, cpu_us=Cpu(cpu, 0, 0), wal_bytes=500)


def test_costs_are_medians_of_rounds_and_ratios_those_of_medians() -> None:
    rounds: list[growth.Round] = [
        [(measured(500, cpu=400), None), (measured(550, cpu=420), measured(1_000, cpu=1_050))],
        [(measured(100, cpu=100), None), (measured(900, cpu=900), measured(9_000, cpu=9_000))],
        [(measured(600, cpu=600), None), (measured(100, cpu=100), measured(100, cpu=100))],
    ]
    found = growth.figures([0, 5_000_000], rounds)
    assert [one["rows"] for one in found["sizes"]] == [0, 5_000_000]
    assert found["sizes"][0]["old"] is None
    assert (found["sizes"][1]["new"]["cpu_us"], found["sizes"][1]["old"]["cpu_us"]) == (420, 1_050)
    assert found["ratios"] == {
        "new at 5,000,000 / at 0, cpu_us": 1.05,
        "old / new at 5,000,000, cpu_us": 2.5,
        "new at 5,000,000 / at 0, us": 1.1,
        "old / new at 5,000,000, us": 1.82,
    }
