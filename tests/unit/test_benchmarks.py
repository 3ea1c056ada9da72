"""What the benchmarks promise, as far as a ratio inside one run can promise it."""

import json
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Final

import pytest

from benchmarks import fold
from services.status import folding
from services.status.folding import Folding

#: Calls of Python functions that folding one event into a known state makes: 36 where a scan moves the parcel.
MOST_CALLS: Final = 40


def test_folding_one_event_into_a_known_state_costs_little_beside_its_reading() -> None:
    # It is 1.3 to 1.5 by how the names of a process happen to lie in memory (decision 0013); others on the
    # machine can only make it look dearer. The next test counts, and so can be narrow.
    cost = min((fold.measure(parcels=60, rounds=21) for _ in range(4)), key=lambda one: one.take_to_validate)
    assert cost.take_to_validate <= 2
    assert cost.whole_to_take > 2, "a known state is worth having"


def test_folding_one_event_into_a_known_state_makes_few_calls() -> None:
    (life,) = fold.lives(1)
    known = folding.begin(life[:1], zone="Europe/London")
    assert max(_calls(partial(known.take, scan)) for scan in life[1:]) <= MOST_CALLS


def _calls(work: Callable[[], bool]) -> int:
    """Count the calls of Python functions that some work makes."""
    called: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        assert work()
    finally:
        sys.setprofile(before)
    return len(called)


def test_a_known_state_that_refuses_newer_scans_has_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folding, "take", lambda *_: False)
    with pytest.raises(AssertionError, match="not taken"):
        fold.measure(parcels=1, rounds=1)


def test_the_figures_can_be_read_by_a_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (["--json"], []):
        monkeypatch.setattr("sys.argv", ["fold", "--parcels", "2", "--rounds", "1", *arguments])
        fold.main()
    first, *rest = capsys.readouterr().out.splitlines()
    assert json.loads(first)["events"] == 2 * len(fold.STAGES)
    assert len(rest) == 4
