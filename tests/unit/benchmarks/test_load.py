"""The load has the shares it says, and is the same for the same seed."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from benchmarks.engine.load import (
    ORDER_EVENTS,
    OUT_OF_ORDER,
    PARTITIONS,
    SCANS,
    SCANS_OF_A_PARCEL,
    TOLD_TWICE,
    Profile,
    Sent,
    records,
)
from benchmarks.engine.oracle import expected_of
from schemas.scans import Scan
from services.runtime.placement import partition_of
from services.status.inputs import OrderIn, ScanIn
from tests.unit.benchmarks.made import item_of

ORDERS = 120
LOAD = records(ORDERS)


def scans_by_parcel(load: list[Sent]) -> dict[str, list[Scan]]:
    found: dict[str, list[Scan]] = defaultdict(list)
    for sent in load:
        if isinstance(item := item_of(sent), ScanIn):
            found[item.shipment].append(item.scan)
    return found


def parcels_by_order(load: list[Sent]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for sent in load:
        item = item_of(sent)
        if isinstance(item, OrderIn) and (keys := getattr(item.stored.event, "number", None)) is not None:
            found[item.order].append(f"royal-mail:{keys}")
    return found


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    assert records(ORDERS) == LOAD
    assert records(ORDERS, Profile(seed=2)) != LOAD


def test_records_stand_in_the_order_of_sending() -> None:
    assert all(before.at <= after.at for before, after in pairwise(LOAD))


def test_status_reads_every_record_and_its_key_is_the_one_it_must_carry() -> None:
    read = Counter(item_of(sent).record.topic for sent in LOAD)  # fails for a record that is refused
    assert set(read) == {SCANS, ORDER_EVENTS}


def test_an_order_has_one_to_three_parcels_each_on_a_partition_of_its_own() -> None:
    parcels = parcels_by_order(LOAD)
    assert len(parcels) == ORDERS
    assert {len(keys) for keys in parcels.values()} == {1, 2, 3}
    for keys in parcels.values():
        assert len({partition_of(key.encode(), PARTITIONS) for key in keys}) == len(keys)


def test_every_parcel_is_scanned_ten_times_and_delivered() -> None:
    for told in scans_by_parcel(LOAD).values():
        assert len({scan.event_key for scan in told}) == SCANS_OF_A_PARCEL
        assert max(told, key=lambda scan: scan.occurred_at).stage == "delivered"


def test_codes_are_read_by_the_map_of_the_product() -> None:
    stages = Counter(scan.stage for told in scans_by_parcel(LOAD).values() for scan in told)
    assert {"announced", "accepted", "in_transit", "out_for_delivery", "attempted", "available_for_pickup"} < set(
        stages
    )


def test_the_shares_of_what_is_told_twice_and_out_of_order_are_those_it_says() -> None:
    told = scans_by_parcel(LOAD).values()
    scans = sum(len({scan.event_key for scan in one}) for one in told)
    again = sum(len(one) for one in told) - scans
    assert again / scans == pytest.approx(TOLD_TWICE, abs=0.02)
    assert sum(map(overtaken, told)) / scans == pytest.approx(OUT_OF_ORDER, abs=0.03)


def overtaken(told: list[Scan]) -> int:
    """Return how many scans of a parcel were told only after a later one."""
    first = list(dict.fromkeys(scan.event_key for scan in told))
    when = {scan.event_key: scan.occurred_at for scan in told}
    return sum(any(when[other] > when[key] for other in first[:place]) for place, key in enumerate(first))


def test_where_webhooks_repeat_the_history_more_is_sent_and_the_same_comes_of_it() -> None:
    repeating = records(30, Profile(repeating=True))
    plain, again = expected_of(records(30)), expected_of(repeating)
    assert again.records > 3 * plain.records
    assert (again.documents, again.history) == (plain.documents, plain.history)


def test_loads_of_other_numbers_share_no_order_and_no_parcel() -> None:
    other = records(ORDERS, Profile(first_order=100_000 + ORDERS))
    assert not {sent.key for sent in LOAD} & {sent.key for sent in other}
