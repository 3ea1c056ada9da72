"""The page on scaling says what follows from its inputs, and nothing else."""

import json
import math
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scaling import page
from benchmarks.scaling.breaking import PARTS, breaking, first_above
from benchmarks.scaling.inputs import DESCRIBED, Inputs, latest
from benchmarks.scaling.page import CARRIER, ROWS, SIZES
from benchmarks.scaling.sizing import POOL, Sizing
from schemas.topics import PRODUCTION_PARTITIONS, TOPICS
from services.runtime.settings import KafkaSettings, PostgresSettings
from services.status.settings import StatusSection

TEXT = page.PAGE.read_text(encoding="utf-8")
#: So easy that the arithmetic can be done by hand.
EASY = replace(
    Inputs(),
    service_us=300,
    postgres_us=50,
    messages_an_event=0.5,
    notify_postgres_us=20,
    cold_service_times=2,
    cold_postgres_times=2,
    core_use=0.5,
    peak_to_mean=3.6,
    scans=8,
    told_twice=0.0625,
    parcels_an_order=2,
)


def origin(text: str) -> str:
    """Return the line between the marks that says where the measured inputs come from."""
    return text.partition(page.BEGIN)[2].strip().splitlines()[0]


def test_every_figure_of_the_page_follows_from_the_inputs_on_the_page() -> None:
    given = page.read_inputs(TEXT)
    assert page.placed(TEXT, page.section(given, origin(TEXT))) == TEXT


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_figure_that_does_not_follow_is_found(name: str) -> None:
    given = page.read_inputs(TEXT)
    other = replace(given, **{name: getattr(given, name) * 7})
    assert len(page.read_inputs(page.section(other, "")).__slots__) == len(DESCRIBED)
    changed = page.section(other, "").splitlines()
    same = page.section(given, "").splitlines()
    assert sum(old != new for old, new in zip(same, changed, strict=True)) > 1, "no figure depends on it"


def test_the_page_has_the_inputs_of_the_last_run_and_all_that_is_assumed() -> None:
    given, said = latest()
    assert page.read_inputs(TEXT) == given
    assert origin(TEXT) == said


def test_what_is_set_is_what_the_product_sets() -> None:
    given = Inputs()
    days = {name: topic.retention for name, topic in TOPICS.items()}
    assert days["carrier.webhooks.v1"] == timedelta(days=given.webhook_days)
    for name in ("carrier.scans.v1", "order.events.v1", "order.status.v1"):
        assert days[name] == timedelta(days=given.record_days)
    assert days["notification.outcomes.v1"] == timedelta(days=given.outcome_days)
    section = StatusSection()
    assert (section.cache_bytes, section.purge_after_days) == (given.cache_bytes, given.purge_after_days)
    assert (given.partitions, given.copies) == (PRODUCTION_PARTITIONS, KafkaSettings().replication_factor)
    assert PostgresSettings.model_fields["pool_size"].default == POOL


def test_the_arithmetic_by_hand() -> None:
    one = Sizing(EASY, 24_000_000)
    # 8 scans, half a one told twice, an order event, half of the order's: 10; in 86,400 s, 3.6 times as many.
    assert one.events_a_day == 240_000_000
    assert one.events_peak == pytest.approx(10_000)
    # 10,000 * 300 us are 3 cores, half busy 6, twice that where hardly any order is known.
    assert one.status_processes == 12
    assert one.known(12) < 0.01
    assert one.postgres_cores == pytest.approx(10_000 * (100 + 10) / 1e6 / 0.5, rel=0.01)
    # 9 rows of history, of parcel and event, half of the order's two.
    row = 9 * 723 + 295 + 488 + (2_458 + 488) / 2
    assert one.disk_a_day == pytest.approx(24_000_000 * row * 1.5)
    assert one.commits == (12 + one.notify_processes) * 20


def test_the_carrier_of_the_design_has_8_700_scans_a_second() -> None:
    told_once = replace(Inputs(), told_twice=0)
    assert Sizing(told_once, CARRIER).webhooks_peak == pytest.approx(8_680, rel=0.01)


@pytest.mark.parametrize("row", [one for one in ROWS if one.name != "known, %"], ids=lambda row: row.name)
def test_more_parcels_never_need_less(row: page.Row) -> None:
    found = [row.of(Sizing(Inputs(), parcels)) for parcels in SIZES]
    assert found == sorted(found)


def test_a_process_fewer_is_not_enough() -> None:
    one = Sizing(Inputs(), CARRIER)
    busy = [one.events_peak * one.status_us(n) / 1e6 / n for n in (one.status_processes - 1, one.status_processes)]
    assert busy[1] <= Inputs().core_use < busy[0]


def test_caches_count_while_they_are_large_enough() -> None:
    given = replace(Inputs(), cache_bytes=2**50)
    assert Sizing(given, CARRIER).known(1) == 1
    assert Sizing(given, CARRIER).status_processes < Sizing(Inputs(), CARRIER).status_processes


def test_each_part_breaks_where_it_says_and_not_below() -> None:
    given = Inputs()
    found = breaking(given)
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert len(found) == len(PARTS)
    for at, part in found:
        assert part.need(Sizing(given, at)) > part.limit(given)
        assert part.need(Sizing(given, at - 1)) <= part.limit(given)


def test_what_breaks_next_is_the_first_above() -> None:
    found = breaking(Inputs())
    (first, _), (second, part) = found[:2]
    assert first_above(first, found) == (second, part)
    assert first_above(math.inf, found) is None


def test_figures_of_a_recorded_run_are_taken(tmp_path: Path) -> None:
    recorded: dict[str, Any] = {
        "machine": "2 cores",
        "designs": {
            "trackfold_1": {
                "events_per_second": 3_000,
                "cpu_us_per_event": {"service": 250.5, "postgres": 60, "broker": 20},
            }
        },
        "notes": {"wal_bytes_per_event": {"trackfold_1": 1_200}, "messages_per_event": {"trackfold_1": 0.9}},
    }
    file = tmp_path / "latest.json"
    file.write_text(json.dumps(recorded))
    given, said = latest(file)
    expected = {"service_us": 250.5, "postgres_us": 60, "broker_us": 20, "wal_bytes": 1_200, "messages_an_event": 0.9}
    assert asdict(given) == asdict(Inputs()) | expected
    assert "3,000 events/s" in said
    assert page.read_inputs(page.section(given, said)) == given


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        page.placed("nothing", "new")


@pytest.mark.parametrize(
    ("value", "shown"), [(0.004, "under 0.01"), (0.4166, "0.417"), (41.66, "41.7"), (1234.5, "1,234"), (3, "3")]
)
def test_figures_have_three_digits(value: float, shown: str) -> None:
    assert page.number(value) == shown
