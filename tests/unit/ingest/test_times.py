"""Time text to instants (rule R14)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers import zones
from services.ingest.carriers.times import read_time, zone_info
from services.ingest.carriers.zones import zone_of

TEXTS = (
    ("2026-07-01T09:58:30Z", None, "2026-07-01T09:58:30+00:00", "second", "utc"),
    ("2026-07-01 09:58:30.123Z", None, "2026-07-01T09:58:30.123000+00:00", "second", "utc"),
    ("2026-07-01T09:58:30-04:00", None, "2026-07-01T09:58:30-04:00", "second", "offset"),
    ("2026-07-01T09:58+0200", None, "2026-07-01T09:58:00+02:00", "minute", "offset"),
    ("2026-07-01T09:58:30+11", None, "2026-07-01T09:58:30+11:00", "second", "offset"),
    ("2026-07-01T09:58:30", None, "2026-07-01T09:58:30+00:00", "second", "unknown_zone"),
    ("2026-07-01T09:58:30", "Europe/Berlin", "2026-07-01T09:58:30+02:00", "second", "assumed_zone"),
    ("2026-07-01T09:58:30", "Mars/Olympus", "2026-07-01T09:58:30+00:00", "second", "unknown_zone"),
    ("2026-07-01", "Europe/Berlin", "2026-07-01T00:00:00+02:00", "day", "assumed_zone"),
    ("2026-07-01T00:00:00", None, "2026-07-01T00:00:00+00:00", "day", "unknown_zone"),
    ("2026-07-01T00:00:00Z", None, "2026-07-01T00:00:00+00:00", "second", "utc"),
    # A repeated hour is its first occurrence, a missing one moves forward by the gap.
    ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T02:30:00+02:00", "second", "assumed_zone"),
    ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T03:30:00+02:00", "second", "assumed_zone"),
)


@pytest.mark.parametrize(("text", "zone", "at", "precision", "kind"), TEXTS)
def test_a_time_keeps_its_wall_clock_and_says_how_it_is_known(
    text: str, zone: str | None, at: str, precision: str, kind: str
) -> None:
    told = read_time(text, zone=zone)
    assert (told.at.isoformat(), told.precision, told.kind, told.text) == (at, precision, kind, text)


def test_a_provider_that_fills_missing_times_with_zeros_means_a_day() -> None:
    assert read_time("2026-07-01T00:00:00Z", midnight_is_day=True).precision == "day"
    assert read_time("2026-07-01T00:00:01Z", midnight_is_day=True).precision == "second"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-02-30T10:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1989-12-31",
        "1795000000000",
        "2026-07-01T25:00:00Z",
        "2026-07-01T10:00:60Z",
        "2026-07-01T10:00:00+99:00",
        "٢٠٢٦-07-01",
        "2026-07-01T10",
        "-2026-07-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2200-01-01T00:00:01Z",
        "2026-W01-1",
        "x" * 10_000,
    ],
)
def test_what_is_no_time_between_1990_and_2200_is_refused(text: str) -> None:
    for zone in (None, "America/New_York"):
        with pytest.raises(ValueError, match=r"time|hour|minute|second|day|offset"):
            read_time(text, zone=zone)


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_text_is_a_time_or_a_value_error(text: str, zone: str) -> None:
    try:
        told = read_time(text, zone=zone)
    except ValueError:
        return
    assert told.at.utcoffset() is not None


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001 - a wall clock
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_a_naive_time_in_any_zone_is_at_most_an_hour_from_what_was_said(naive: datetime, zone: str) -> None:
    text = naive.replace(microsecond=0).isoformat()
    moved = read_time(text, zone=zone).at.replace(tzinfo=None) - naive.replace(microsecond=0)
    assert timedelta(0) <= moved <= timedelta(hours=1)


@pytest.mark.parametrize(
    "name", ["", "Europe", "../../etc/passwd", "\x00", "a" * 5000, "Europe/Nowhere", "/etc/passwd"]
)
def test_a_strange_zone_name_is_no_zone(name: str) -> None:
    assert zone_info(name) is None


@pytest.mark.parametrize(
    ("carrier", "country", "region", "zone"),
    [
        ("ups", "US", "CA", "America/Los_Angeles"),
        ("ups", "us", " wa ", "America/Los_Angeles"),
        ("ups", "AU", "WA", "Australia/Perth"),
        ("usps", None, "TX", "America/Chicago"),
        ("royal-mail", None, None, "Europe/London"),
        ("ups", None, "TX", None),
        ("ups", "US", None, None),
        ("ups", "XX", "TX", None),
        ("royal-mail", "FR", None, "Europe/Paris"),
    ],
)
def test_the_zone_of_a_place_is_told_only_where_it_is_sure(
    carrier: str, country: str | None, region: str | None, zone: str | None
) -> None:
    assert zone_of(carrier, country=country, region=region) == zone
    assert zone is None or zone_info(zone) is not None


def test_every_listed_zone_exists() -> None:
    names = {*zones._COUNTRIES.values(), *zones._REGIONS.values()}  # noqa: SLF001 - the table is what is tested
    assert {name for name in names if zone_info(name) is None} == set()
    assert zone_info("UTC") is not None
    assert datetime(2026, 7, 1, tzinfo=UTC).astimezone(zone_info("Europe/London")).hour == 1
