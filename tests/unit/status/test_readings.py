"""Readings: several tellings of one scan are one scan, whichever came first (rule E5)."""

import hashlib
import itertools
import json
from datetime import timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import SCAN, Scan
from services.status.readings import content_hash, merge
from tests.builders import after, make_scan
from tests.unit.status.generating import scans


def reading(minutes: float = 5, **overrides: Any) -> Scan:
    return make_scan(event_key="one", told_at=after(hours=1, minutes=minutes), **overrides)


def in_any_order(*readings: Scan) -> Scan:
    first = merge(readings)
    assert all(merge(order) == first for order in itertools.permutations(readings))
    assert merge([*readings, *readings]) == first
    return first


def test_one_reading_is_itself() -> None:
    assert merge([reading()]) == reading()


def test_when_it_was_told_and_by_which_map_make_no_new_reading() -> None:
    assert content_hash(reading(5)) == content_hash(reading(99, map_version=7))


def test_what_it_says_makes_a_new_reading() -> None:
    hashes = {
        content_hash(one)
        for one in (reading(), reading(stage="delivered"), reading(description="x"), reading(place={"city": "Bath"}))
    }
    assert len(hashes) == 4


def test_a_remap_of_another_version_is_a_new_reading() -> None:
    assert content_hash(reading(kind="remap", map_version=2)) != content_hash(reading(kind="remap", map_version=3))


def test_when_a_remap_was_told_makes_no_new_reading() -> None:
    told = [reading(minutes, kind="remap", map_version=2) for minutes in (5, 99)]
    assert content_hash(told[0]) == content_hash(told[1])


def test_the_hash_stays_what_the_ledger_has() -> None:
    assert content_hash(reading(description="Zugestellt in München")) == "df3b8409c6974050d36d4304a7520a5a"


def hash_by_plain_json(scan: Scan) -> str:
    """Return what the hash was made of when the first of them were stored."""
    told = {"told_at"} if scan.kind == "remap" else {"told_at", "map_version"}
    body = scan.model_dump(mode="json", exclude=told, exclude_defaults=True)
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


PROOF = {"kind": "photo", "sha256": "a" * 64, "media_type": "image/png", "bytes": 1}
WORDS = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    scans(),
    st.fixed_dictionaries(
        {},
        optional={
            "description": WORDS,
            "raw_code": WORDS,
            "place": st.fixed_dictionaries({}, optional={"city": WORDS, "postcode": WORDS, "time_zone": WORDS}),
            "references": st.just({"b": "2", "a": "é"}),
            "proofs": st.just([PROOF]),
            "limit": WORDS,
            "time_precision": st.sampled_from(["second", "minute"]),
            "occurred_at": st.datetimes(timezones=st.just(timezone(timedelta(hours=-3, minutes=-30)))).filter(
                lambda at: 1991 < at.year < 2199
            ),
        },
    ),
)
def test_the_hash_is_that_of_the_plain_json_of_what_was_said(scan: Scan, said: dict[str, Any]) -> None:
    read = SCAN.validate_json(json.dumps({**scan.model_dump(mode="json"), **said}, default=str))
    for one in (scan, read, read.model_copy(update={"leg": "return", "kind": "remap"})):
        assert content_hash(one) == hash_by_plain_json(one)


def test_the_hash_does_not_depend_on_how_a_default_was_written() -> None:
    assert content_hash(reading()) == content_hash(reading(leg="outbound", references={}, pod=[]))


def test_the_first_telling_counts_and_later_ones_fill_what_it_left_open() -> None:
    merged = in_any_order(
        reading(5, description="first"),
        reading(6, description="second", substatus="departed"),
        reading(7, substatus="arrived", place={"city": "Bath"}),
    )
    assert (merged.description, merged.substatus) == ("first", "departed")
    assert merged.place is not None
    assert merged.place.city == "Bath"


def test_it_was_told_when_it_was_first_told() -> None:
    assert in_any_order(reading(9), reading(3, description="x")).told_at == after(hours=1, minutes=3)


def test_tellings_of_one_instant_are_ordered_by_what_they_say() -> None:
    merged = in_any_order(*(reading(5, description=text) for text in "abcd"))
    assert merged.description in set("abcd")


def test_an_approved_remap_outranks_what_was_told_and_a_newer_one_outranks_it() -> None:
    """R19, E5: how remaps are merged; that somebody has to approve one first is open."""
    merged = in_any_order(
        reading(5, stage=None, substatus="unmapped", description="at the depot"),
        reading(50, kind="remap", stage="in_transit", substatus="arrived", map_version=2),
        reading(90, kind="remap", stage="available_for_pickup", substatus="locker", map_version=3),
    )
    assert (merged.kind, merged.stage, merged.substatus) == ("scan", "available_for_pickup", "locker")
    assert merged.description == "at the depot"
    assert merged.told_at == after(hours=1, minutes=5)


def test_what_a_remap_leaves_empty_is_meant_to_be_empty() -> None:
    merged = in_any_order(
        reading(5, stage="delivered", substatus="signed", conditions_set=["damaged"], leg="outbound"),
        reading(50, kind="remap", stage=None, map_version=2, leg="return"),
    )
    assert (merged.stage, merged.substatus, merged.leg, merged.conditions_set) == (None, None, "return", ())


def test_remaps_of_a_scan_that_was_never_told_stay_remaps() -> None:
    one, two = reading(5, kind="remap", map_version=2), reading(6, kind="remap", map_version=3)
    assert merge([one]).kind == "remap"
    assert in_any_order(one, two).kind == "remap"


def test_a_remap_of_a_summary_stays_a_summary() -> None:
    merged = in_any_order(reading(5, kind="summary"), reading(6, kind="remap", stage="delivered", map_version=2))
    assert (merged.kind, merged.stage) == ("summary", "delivered")


def test_the_same_instant_in_another_offset_is_one_scan_and_one_time_counts() -> None:
    local = after(hours=1).astimezone(timezone(timedelta(hours=2)))
    merged = in_any_order(reading(5), reading(6, occurred_at=local))
    assert merged.occurred_at.isoformat() == after(hours=1).isoformat()


READINGS = st.lists(
    st.builds(
        reading,
        st.sampled_from([0.0, 1.0, 1.0, 2.0]),
        kind=st.sampled_from(["scan", "scan", "summary", "remap"]),
        stage=st.sampled_from([None, "in_transit", "delivered"]),
        substatus=st.sampled_from([None, "arrived", "signed"]),
        description=st.sampled_from([None, "a", "b"]),
        map_version=st.integers(0, 3),
        pod=st.sampled_from([[], ["photo"]]),
    ),
    min_size=1,
    max_size=6,
)


@given(READINGS, st.randoms(use_true_random=False))
def test_any_order_and_any_repeat_of_readings_is_the_same_scan(readings: list[Scan], random: Any) -> None:
    shuffled = [*readings, *random.sample(readings, k=random.randrange(len(readings) + 1))]
    random.shuffle(shuffled)
    assert merge(shuffled).model_dump(exclude={"map_version"}) == merge(readings).model_dump(exclude={"map_version"})
