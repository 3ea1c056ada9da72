"""Claims: one number in several orders, and the same number used again (R18, rule E3)."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Scan
from services.status.claims import HEAD_START, ONE_BOX, Claim, group_starts, scans_of
from tests.builders import START, after, make_scan

OURS = Claim(START, "main:1001", "S1")


def claim(days: float, order: str = "main:1002") -> Claim:
    return Claim(after(days=days), order, "S1")


def scan(days: float) -> Scan:
    return make_scan(occurred_at=after(days=days))


def seen_days(start: datetime, claims: list[Claim], days: list[float]) -> list[float]:
    scans = {scan(day).event_key: day for day in days}
    return [scans[one.event_key] for one in scans_of(start, claims, [scan(day) for day in days])]


def test_one_claim_sees_every_scan_however_early() -> None:
    assert seen_days(START, [OURS], [-300, -8, 0, 400]) == [-300, -8, 0, 400]


def test_a_history_without_claims_is_seen_whole() -> None:
    assert seen_days(START, [], [-300, 0]) == [-300, 0]


def test_claims_within_thirty_days_are_one_box() -> None:
    claims = [OURS, claim(30)]
    assert group_starts(claims) == [START]
    assert seen_days(START, claims, [0, 29, 60]) == [0, 29, 60]
    assert seen_days(after(days=30), claims, [0, 29, 60]) == [0, 29, 60]


def test_claims_that_follow_each_other_within_thirty_days_are_one_box_however_long_the_chain() -> None:
    assert group_starts([claim(25 * step) for step in range(5)]) == [START]


def test_a_later_claim_is_the_number_used_again() -> None:
    claims = [OURS, claim(30.01)]
    assert len(group_starts(claims)) == 2
    assert seen_days(START, claims, [-100, 0, 23, 23.02, 50]) == [-100, 0, 23]
    assert seen_days(after(days=30.01), claims, [-100, 0, 23, 23.02, 50]) == [23.02, 50]


@pytest.mark.parametrize(("days", "group"), [(33, 1), (32.9, 0), (-400, 0), (500, 2), (73, 2), (72.9, 1)])
def test_a_scan_belongs_to_the_last_group_that_started_at_most_seven_days_after_it(days: float, group: int) -> None:
    claims = [OURS, claim(40), claim(80, "books:7")]
    for index, start in enumerate(group_starts(claims)):
        assert bool(seen_days(start, claims, [days])) == (index == group)


def test_a_wrong_year_does_not_give_a_scan_to_the_numbers_next_user() -> None:
    claims = [OURS, claim(60)]
    wrong = make_scan(occurred_at=after(days=366), told_at=after(days=1))
    assert scans_of(START, claims, [wrong]) == [wrong]
    assert scans_of(after(days=60), claims, [wrong]) == []


DAYS = st.floats(min_value=-50, max_value=200).map(lambda days: round(days, 2))
CLAIMS = st.lists(st.builds(claim, DAYS, st.sampled_from(["main:1", "main:2", "books:1"])), min_size=1, max_size=6)


@given(CLAIMS, st.lists(DAYS, max_size=8, unique=True))
def test_every_scan_is_seen_by_exactly_one_group(claims: list[Claim], days: list[float]) -> None:
    groups = [seen_days(start, claims, days) for start in group_starts(claims)]
    assert sorted(day for group in groups for day in group) == sorted(days)


@given(CLAIMS, st.lists(DAYS, max_size=8, unique=True))
def test_the_order_of_claims_and_scans_never_matters(claims: list[Claim], days: list[float]) -> None:
    shuffled, moved = claims[::-1], days[::-1]
    for one in claims:
        assert sorted(seen_days(one.start, claims, days)) == sorted(seen_days(one.start, shuffled, moved))


@given(CLAIMS, st.lists(DAYS, max_size=8, unique=True))
def test_claims_far_apart_never_see_the_same_scan(claims: list[Claim], days: list[float]) -> None:
    starts = group_starts(claims)
    for earlier, later in itertools.pairwise(starts):
        assert later - earlier > ONE_BOX
        assert not set(seen_days(earlier, claims, days)) & set(seen_days(later, claims, days))
    assert timedelta(days=7) == HEAD_START


def boxed(unique_id: str | None, days: float, key: str, **fields: Any) -> Scan:
    return make_scan(unique_id=unique_id, occurred_at=after(days=days), event_key=key, **fields)


def seen(claim: Claim, *scans: Scan, others: tuple[Claim, ...] = ()) -> set[str]:
    return {scan.event_key for scan in scans_of(claim.start, [claim, *others], scans)}


def test_r18_boxes_that_the_carrier_tells_apart_are_two_however_close_they_are() -> None:
    first, second = Claim(after(days=1), "main:1001", "S1"), Claim(after(days=4), "main:1002", "S1")
    scans = [
        boxed("one", 1.5, "a1"), boxed("two", 4.5, "b1"), boxed("one", 6, "a2"), boxed("two", 5, "b2"),
        boxed(None, 5, "none"),
    ]  # fmt: skip
    assert seen(first, *scans, others=(second,)) == {"a1", "a2", "none"}
    assert seen(second, *scans, others=(first,)) == {"b1", "b2", "none"}


def test_r18_what_is_said_of_a_scan_goes_with_its_box() -> None:
    claim = Claim(after(days=1), "main:1001", "S1")
    scans = [
        boxed("one", 1.5, "a1"),
        boxed("two", 20, "b1"),
        boxed(None, 30, "void", kind="void", stage=None, voids="b1"),
        boxed(None, 30, "time", kind="time", stage=None, rule="silent", basis="a1", due_at=after(days=30)),
    ]
    assert seen(claim, *scans) == {"a1", "time"}


def test_r18_one_id_alone_changes_nothing() -> None:
    claim = Claim(after(days=1), "main:1001", "S1")
    assert seen(claim, boxed("one", 1.5, "a1"), boxed(None, 2, "a2")) == {"a1", "a2"}
