"""All 720 orders of every six records in a row: of the scenarios, of our webhook fixtures, of `--recorded` folders."""

import itertools
import json
from math import factorial
from pathlib import Path
from typing import Any, Final

import pytest

from services.ingest.carriers.registry import CARRIERS
from services.status.folding import Folding
from services.status.inputs import ScanIn
from tests.unit.status.making import replayed
from tests.unit.status.windows import WINDOW, claiming, differing, ends, items_of, streams, windows

TESTS: Final = Path(__file__).parents[2]
SCENARIOS: Final = sorted((TESTS.parent / "services" / "local" / "scenarios").glob("*.jsonl"))
BODIES: Final = sorted(
    path for path in (TESTS / "fixtures" / "carriers").glob("*/*.json") if not path.name.endswith(".expected.json")
)
FIXTURES: Final = streams((path.parent.name, path) for path in BODIES)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recorded" in metafunc.fixturenames:
        none = pytest.param(None, marks=pytest.mark.skip(reason="no recordings were given: --recorded DIR"), id="none")
        found = recorded_streams(metafunc.config.getoption("--recorded"))
        metafunc.parametrize("recorded", [pytest.param(scans, id=key) for key, scans in found.items()] or [none])


def recorded_streams(folders: list[Path]) -> dict[str, list[ScanIn]]:
    """Return what recordings of the providers we have say of each shipment."""
    metas = sorted(path for folder in folders for path in folder.glob("*/*.meta.json"))
    described: list[tuple[Path, dict[str, Any]]] = [(path, json.loads(path.read_text("utf-8"))) for path in metas]
    return streams(
        (meta["provider"], path.parent / meta["file"])
        for path, meta in described
        if meta["provider"] in CARRIERS and meta["kind"] != "signature_vector"
    )


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_all_orders_of_six_records_of_a_scenario_end_alike(path: Path) -> None:
    items = items_of(path)
    for start, window in enumerate(windows(items)):
        assert differing(items[:start], window) == [], f"records {start + 1} to {start + len(window)}"


@pytest.mark.parametrize("scans", FIXTURES.values(), ids=FIXTURES)
def test_all_orders_of_six_scans_of_a_webhook_fixture_end_alike(scans: list[ScanIn]) -> None:
    for window in windows(scans):
        assert differing(claiming(scans), window) == []


def test_all_orders_of_six_recorded_scans_end_alike(recorded: list[ScanIn]) -> None:
    for window in windows(recorded):
        assert differing(claiming(recorded), window) == []


def test_a_window_is_told_in_every_order_once() -> None:
    scans = max(FIXTURES.values(), key=len)
    assert len(scans) >= WINDOW
    paths = [path for path, _ in ends(claiming(scans), scans[:WINDOW])]
    assert len(paths) == factorial(WINDOW)
    assert set(paths) == set(itertools.permutations(range(WINDOW)))


def test_what_a_path_ends_in_is_what_the_engine_ends_in() -> None:
    items = items_of(next(path for path in SCENARIOS if path.stem == "second_attempt"))
    backwards = dict(ends([], items[:WINDOW]))[tuple(reversed(range(WINDOW)))]
    (key,) = backwards
    _, states = backwards[key]
    plain = [one.scan if isinstance(one, ScanIn) else (one.order, one.stored) for one in reversed(items[:WINDOW])]
    document = replayed(plain).orders[key].document
    assert document is not None
    assert {one["shipment"]: one["stage"] for one in document["parcels"]} == {
        name: state.stage for name, state in states.items()
    }


def test_a_fold_that_goes_on_where_it_must_begin_anew_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folding, "_stands_last", lambda *_: True)
    items = items_of(next(path for path in SCENARIOS if path.stem == "second_attempt"))
    assert any(differing(items[:start], window) for start, window in enumerate(windows(items)))
