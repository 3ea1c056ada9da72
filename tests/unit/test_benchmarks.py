"""What the benchmarks promise, as far as a ratio inside one run can promise it."""

import json

import pytest

from benchmarks import fold
from services.status.folding import Folding


def test_folding_one_event_into_a_known_state_costs_at_most_one_and_a_half_times_its_reading() -> None:
    cost = fold.measure(parcels=60, rounds=21)
    assert cost.take_to_validate <= 1.5
    assert cost.whole_to_take > 2, "a known state is worth having"


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
