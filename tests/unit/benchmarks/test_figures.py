"""The figures of a run: rates, medians, ratios, and the form of the file."""

import json
import platform
import subprocess
import sys
from subprocess import PIPE

import pytest

from benchmarks.engine import machine, results
from benchmarks.engine.entries import ENTRIES
from benchmarks.engine.measuring import POLL_S, Cpu, Measured, cpu_seconds, pause_s
from benchmarks.engine.results import Figures, Round
from benchmarks.engine.run import asked


def one_round(rate: float, *, cpu: float = 10, wal: float = 700) -> Round:
    measured = Measured(round(rate * 10), 10, Cpu(cpu, cpu, cpu), wal, lock_waits=0.03, deadlocks=0)
    return Round(measured, messages=9, records=10)


def figures(*rates: float, cpu: float = 10) -> Figures:
    return Figures([one_round(rate, cpu=cpu) for rate in rates])


def test_a_design_has_the_median_of_its_rounds() -> None:
    found = figures(100, 900, 200)
    assert found.events_per_second == 200
    assert found.document() == {
        "events_per_second": 200,
        "rounds": [100, 900, 200],
        "cpu_us_per_event": {"service": 10, "postgres": 10, "broker": 10},
        "oracle": "clean",
    }


def test_ratios_are_those_of_the_designs_that_were_run() -> None:
    found = results.ratios(
        {"naive": figures(100), "trackfold_2": figures(12_000, cpu=20), "textbook_batch": figures(6_000, cpu=50)},
        cores=2,
    )
    assert found == {
        "trackfold_2 / naive": 120,
        "trackfold_2 / textbook_batch": 2,
        "cpu per event, trackfold_2 / textbook_batch": 0.4,
        "trackfold_2 / what the CPU allows": 0.36,
        "trackfold_2, lock waits / time of its workers": 0.03,
        "trackfold_2, deadlocks of all rounds": 0,
    }


def test_notes_hold_what_is_no_figure_of_the_form() -> None:
    found = results.notes({"naive": figures(100)}, {"naive": ("one subscriber",)}, ["one run"])
    assert json.loads(json.dumps(found)) == {
        "wal_bytes_per_event": {"naive": 700},
        "messages_per_event": {"naive": 0.9},
        "records_of_a_round": {"naive": 10},
        "settings": {"naive": ["one subscriber"]},
        "run": ["one run"],
    }


def test_the_table_names_every_design_and_every_ratio() -> None:
    text = "\n".join(results.table({"naive": figures(100), "limit": figures(9_000)}, {"limit / naive": 90}))
    assert [word for word in ("naive", "limit", "9,000", "limit / naive", "90.00") if word not in text] == []


def test_cpu_of_a_span_is_divided_by_its_events() -> None:
    assert Cpu(3, 2, 1).since(Cpu(1, 1, 1), 1_000) == Cpu(2_000, 1_000, 0)


def test_cpu_of_a_process_is_what_the_system_says() -> None:
    program = "import os; sum(range(3_000_000)); print(sum(os.times()[:4]), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        own = float(child.stdout.readline())
        assert own - 0.05 <= cpu_seconds([child.pid]) <= own + 0.1
        child.stdin.write(b"\n")


def test_a_process_that_is_gone_has_no_cpu() -> None:
    assert cpu_seconds([2**22 + 1]) == 0


@pytest.mark.parametrize(
    ("done", "left", "expected"),
    [
        (0, 1_000, POLL_S),  # it has not begun
        (1_000, 1_000, 0.2),  # a second is left
        (1_000, 10, POLL_S),  # nearly there
        (10, 1_000, 0.5),  # far away
    ],
)
def test_the_nearer_the_end_the_sooner_it_is_asked_again(done: int, left: int, expected: float) -> None:
    assert pause_s(done=done, left=left, seconds=1) == pytest.approx(expected)


def test_all_designs_are_run_if_none_is_named() -> None:
    assert asked([]).designs == tuple(ENTRIES)
    assert asked(["--designs", "naive,limit,naive"]).designs == ("naive", "limit")


def test_an_unknown_design_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asked(["--designs", "naive,fast"])
    assert "no such design: fast" in capsys.readouterr().err


def test_the_machine_is_described_without_its_name() -> None:
    text = machine.described("PostgreSQL 18")
    assert text.startswith(f"{machine.cores()} cores, ")
    assert "PostgreSQL 18" in text
    assert platform.node() not in text.split()
