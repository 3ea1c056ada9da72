"""A seeded ledger: other numbers, the same story, and scans that are still to come."""

import json
import random

import pytest

from benchmarks.engine.load import SCANS, SCANS_OF_A_PARCEL, Profile, records
from benchmarks.full.growth import last_scans
from benchmarks.full.seeding import FIRST, FIRST_OF_PATTERN, Copied, Pattern, chunked, renumbered, without_last
from schemas.scans import SCAN
from services.status import packed

ORDERS = 6
LOAD = records(ORDERS, Profile(first_order=FIRST_OF_PATTERN))
TOLD, LAST = without_last(LOAD)
MESSAGE = json.dumps({"order": str(FIRST_OF_PATTERN), "truncated": False}).encode()
ONE = Copied(
    FIRST_OF_PATTERN,
    {"ledger": b"a\tAB010000000GB\nb\tAB010000000GB\n", "orders": b"main:100000\t<message>\t3\n"},
    MESSAGE,
    tuple(LAST[FIRST_OF_PATTERN]),
)


def test_of_every_parcel_only_the_last_scan_is_still_to_come() -> None:
    told = [SCAN.validate_json(one.value) for one in TOLD if one.topic == SCANS]
    last = [SCAN.validate_json(one.value) for of_order in LAST.values() for one in of_order]
    assert len(last) == len({one.key for one in LOAD if one.topic == SCANS})
    assert {scan.stage for scan in last} == {"delivered"}
    for scan in last:
        others = {one.event_key for one in told if one.key == scan.key}
        assert scan.event_key not in others
        assert len(others) == SCANS_OF_A_PARCEL - 1


def test_an_order_is_copied_with_other_digits() -> None:
    assert ONE.table_of("ledger", 234_567) == b"a\tAB023456700GB\nb\tAB023456700GB\n"
    with pytest.raises(ValueError, match="longer or shorter"):
        renumbered(b"", FIRST_OF_PATTERN, 1_000_000)


def test_what_a_copied_order_shows_is_packed_with_its_own_digits() -> None:
    order, message, version = ONE.table_of("orders", 234_567).rstrip(b"\n").split(b"\t")
    assert (order, version) == (b"main:234567", b"3")
    stored = bytes.fromhex(message.decode().removeprefix("\\\\x"))
    assert json.loads(packed.unpack("main:234567", stored))["order"] == "234567"


def test_the_scan_to_come_of_a_copied_parcel_is_its_own() -> None:
    scan = ONE.last_of(234_567, 0)
    assert SCAN.validate_json(scan.value).key.encode() == scan.key
    assert b"AB0234567" in scan.key
    assert (b"AB0234567" in dict(scan.headers)["ce_subject"]) is True


def test_each_round_scans_other_old_parcels() -> None:
    made = Pattern([ONE])
    rounds = [{one.key for one in last_scans(made, 300, 50, number)} for number in range(3)]
    assert [len(keys) for keys in rounds] == [50, 50, 50]
    assert len(set.union(*rounds)) == 150
    assert all(int(key.decode()[-11:-4]) >= FIRST // 100 for keys in rounds for key in keys)


def test_as_many_orders_are_made_as_have_the_rows() -> None:
    assert Pattern([ONE]).orders_for(1_000) == 500


def test_histories_that_tell_of_other_places_differ_from_what_is_shown() -> None:
    row = b'x\t{"place":{"city":"York"}}\n'
    moved = Pattern([Copied(FIRST_OF_PATTERN, {**ONE.rows, "ledger": row}, MESSAGE, ())]).moved()
    assert moved.orders[0].rows["ledger"] == b'x\t{"place":{"city":"New York"}}\n'
    assert moved.orders[0].rows["orders"] == ONE.rows["orders"]


def test_chunks_hold_everything_in_its_order() -> None:
    chance = random.Random(1)  # noqa: S311 - a test's sizes
    parts = [bytes([place % 256]) * chance.randrange(100_000) for place in range(100)]
    chunks = list(chunked(iter(parts)))
    assert b"".join(chunks) == b"".join(parts)
    assert 1 < len(chunks) < len(parts)
