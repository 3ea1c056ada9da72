"""Scans of a batch that come once more, as others changed their order meanwhile, give what a stranger would fold."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Scan
from services.status import parcel_fold
from services.status.cache import Cache, KnownOrder, Stamp
from services.status.claiming import claims_on_the_way
from services.status.kept import Kept, Steps
from services.status.loaded import Loaded
from services.status.order import fold_order
from services.status.parcel_fold import History
from services.status.readings import content_hash
from services.status.replay import World
from tests.builders import KEY, START, after, line
from tests.unit.status.generating import Keyed, histories, keyed_events
from tests.unit.status.making import item_of, replayed, told
from tests.unit.status.parcels import staged
from tests.unit.status.test_kept import as_text, folds_watched

OURS, THEIRS = "AB123456785GB", "CD999999999GB"
ORDER: Final[list[Keyed]] = [
    (KEY, told(event_id="p", lines=[line(2), line(1, name="2")])),
    (KEY, told("shipment_created", event_id="s", number=OURS, occurred_at=after(minutes=1), lines=[line(2)])),
    (KEY, told("shipment_created", event_id="t", shipment="S2", number=THEIRS, lines=[line(1, name="2")])),
]
LIFE: Final = ("announced", "accepted", "in_transit", "out_for_delivery", "delivered")


def of(number: str, scans: Sequence[Scan]) -> list[Scan]:
    """Return scans as told of this number."""
    return [
        one.model_copy(update={"number": number, "carrier": "royal-mail", "references": {}, "unique_id": None})
        for one in scans
    ]


def batch_after(world: World, cache: Cache) -> World:
    """Return what the next batch loads, once this one is committed."""
    for order in world.orders:
        cache.kept.settle(order)
    return again(world, world)


def again(world: World, loaded: World) -> World:
    """Return a world of these histories with nothing applied yet, else as it was loaded."""
    rows = {key: replace(row) for key, row in loaded.orders.items()}
    events = {key: dict(one) for key, one in loaded.events.items()}
    return World(world.histories, dict(loaded.next_n), events, rows, kept=world.kept)


def apply(world: World, records: Sequence[Keyed | Scan]) -> None:
    """Apply a batch's records."""
    for place, one in enumerate(records):
        world.apply(item_of(100 + place, one, f"e{place}"))


def taken_back(world: World, loaded: World, cache: Cache) -> World:
    """Return the world as it is loaded once more: what was not given back is read."""
    stamps = {key: Stamp(START, 0, n) for key, n in loaded.next_n.items()}
    Loaded(world, stamps, {}, {}, {}).give_back(world, cache)
    given = cache.take_shipments(world.histories)
    for key, one in given.items():
        assert one.history.readings == loaded.histories[key].readings, "it is given back as it was"
    histories = {key: given[key].history if key in given else one for key, one in loaded.histories.items()}
    return again(replace(world, histories=histories), loaded)


def by_others(world: World, scans: Sequence[Scan]) -> None:
    """Let others have applied scans in between, and published what they changed."""
    for scan in scans:
        readings = world.histories[scan.key].readings
        if readings.setdefault((scan.event_key, content_hash(scan)), scan) is scan:
            world.go_on(scan.key, scan)
    row = world.orders[KEY]
    row.version, row.document = row.version + 1, fold_order(KEY, world.events[KEY].values(), world.histories)


@given(*[histories(most=6)] * 4, st.lists(keyed_events((KEY,)), max_size=1))
def test_scans_that_come_once_more_behind_those_of_others_show_what_the_whole_history_shows(
    known: list[Scan], ours: list[Scan], theirs: list[Scan], later: list[Scan], told_too: list[Keyed]
) -> None:
    with folds_watched():
        world = replayed([*ORDER, *of(OURS, known[::2]), *of(THEIRS, known[1::2])])
        for key in claims_on_the_way(KEY, world.events[KEY].values(), [stored for _, stored in told_too]):
            world.histories.setdefault(key, History())
            world.next_n.setdefault(key, 1)
        cache = Cache(limit_bytes=10**9, kept=world.kept)
        batch = batch_after(world, cache)
        loaded = again(replace(batch, histories=copy.deepcopy(batch.histories)), batch)
        own: list[Keyed | Scan] = [*of(OURS, ours), *told_too]
        apply(batch, own)
        batch = taken_back(batch, loaded, cache)
        by_others(batch, of(THEIRS, theirs))
        apply(batch, own)
        batch = batch_after(batch, cache)
        apply(batch, [*of(THEIRS, later[::2]), *of(OURS, later[1::2])])


def lives(number: str, stages: Sequence[str], *, hours: int) -> list[Scan]:
    """Return a parcel's scans, one an hour."""
    return [staged(stage, hours + place, number=number) for place, stage in enumerate(stages)]


def test_no_history_is_folded_again_for_scans_that_come_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world = replayed([*ORDER, *lives(OURS, LIFE[:1], hours=1), *lives(THEIRS, LIFE[:1], hours=1)])
    cache = Cache(limit_bytes=10**9, kept=world.kept)
    batch = batch_after(world, cache)
    loaded = again(replace(batch, histories=copy.deepcopy(batch.histories)), batch)
    own = [*lives(OURS, LIFE[2:], hours=3), *lives(OURS, LIFE[1:2], hours=2)]  # the last of them late
    apply(batch, own)
    batch = taken_back(batch, loaded, cache)

    def nothing(*_: object, **__: object) -> None:
        pytest.fail("a history was folded")

    monkeypatch.setattr(parcel_fold, "begin", nothing)
    by_others_quietly(batch, lives(THEIRS, LIFE[1:3], hours=4))
    apply(batch, own)
    monkeypatch.undo()
    shown = batch.published[-1].document
    assert as_text(shown) == as_text(fold_order(KEY, batch.events[KEY].values(), batch.histories))
    assert [parcel["stage"] for parcel in shown["parcels"]] == ["in_transit", "delivered"]


def by_others_quietly(world: World, scans: Sequence[Scan]) -> None:
    """Let others have applied scans that nobody was told of: no history is folded to see what they published."""
    for scan in scans:
        world.histories[scan.key].readings[scan.event_key, content_hash(scan)] = scan
        world.go_on(scan.key, scan)


def kept_after(*records: Keyed | Scan, own: Sequence[Scan] = ()) -> World:
    """Return a world with a batch's own scans behind what it began with."""
    world = replayed([*ORDER, *records])
    world.kept.settle(KEY)
    apply(world, own)
    return world


def test_another_scan_than_the_one_that_came_first_is_folded_from_the_history() -> None:
    world = kept_after(own=lives(OURS, LIFE[:2], hours=1))
    world.kept.rewind(KEY)
    world.kept.take(KEY, "S1", staged("accepted", 9, number=OURS, event_key="other"), own=True)
    assert KEY not in world.kept.orders


def test_a_scan_that_others_took_of_a_parcel_that_is_gone_through_once_more_is_folded_from_the_history() -> None:
    scans = lives(OURS, LIFE[:2], hours=1)
    world = kept_after(own=scans)
    world.kept.rewind(KEY)
    world.kept.take(KEY, "S1", scans[0])
    assert KEY not in world.kept.orders


def test_a_scan_that_others_have_under_a_number_that_two_orders_claim_is_seen_when_ours_come_once_more() -> None:
    alias = [{"carrier": "royal-mail", "number": THEIRS}]
    other = "main:1002"
    first = told("shipment_created", event_id="s", number=OURS, aliases=alias, lines=[line(2)])
    events: list[Keyed] = [
        ORDER[0],
        (KEY, first),
        (other, told(event_id="p", order="1002")),
        (other, told("shipment_created", event_id="s", order="1002", number=THEIRS)),
    ]
    own, theirs = lives(OURS, LIFE[1:3], hours=1), lives(THEIRS, LIFE[3:4], hours=9)
    with folds_watched():
        world = replayed(events)
        cache = Cache(limit_bytes=10**9, kept=world.kept)
        batch = batch_after(world, cache)
        loaded = again(replace(batch, histories=copy.deepcopy(batch.histories)), batch)
        apply(batch, own)
        batch = taken_back(batch, loaded, cache)
        by_others(batch, theirs)
        apply(batch, own)
    assert [one.document["parcels"][0]["stage"] for one in batch.published] == ["out_for_delivery"] * len(
        batch.published
    )


def test_what_could_not_be_gone_through_to_its_end_is_forgotten() -> None:
    scans = lives(OURS, LIFE[:2], hours=1)
    world = kept_after(own=scans)
    world.kept.rewind(KEY)
    world.kept.take(KEY, "S1", scans[0], own=True)
    world.kept.settle(KEY)
    assert KEY not in world.kept.orders


def test_nobody_goes_back_twice_before_the_end() -> None:
    world = kept_after(own=lives(OURS, LIFE[:2], hours=1))
    world.kept.rewind(KEY)
    world.kept.rewind(KEY)
    assert KEY not in world.kept.orders


def test_nobody_goes_back_to_before_the_scan_for_which_an_order_was_folded_first() -> None:
    """What is kept of it has taken that scan, and nobody noted it."""
    world = replayed(ORDER)
    world.kept.forget(KEY)
    apply(world, lives(OURS, LIFE[:1], hours=1))
    world.kept.rewind(KEY)
    assert KEY not in world.kept.orders


def test_a_parcel_of_pieces_that_another_one_comes_before_is_folded_as_it_was() -> None:
    known, *pieces = [one.model_copy(update={"piece": "1"}) for one in lives(OURS, LIFE[:3], hours=1)]
    own = [*lives(THEIRS, LIFE[1:2], hours=2), *pieces]
    with folds_watched():
        world = kept_after(known, own=own)
        loaded = replayed([*ORDER, known])
        world.kept.rewind(KEY)
        batch = again(replace(world, histories=loaded.histories), loaded)
        apply(batch, own)
    assert [one.document["parcels"][1]["stage"] for one in batch.published] == ["announced", "accepted", "in_transit"]


def test_nobody_goes_back_over_another_reading_of_a_scan() -> None:
    label = staged("announced", 1, number=OURS, event_key="k", told_at=after(days=2))
    world = kept_after(label, own=[label.model_copy(update={"told_at": after(days=1)})])
    world.kept.rewind(KEY)
    assert KEY not in world.kept.orders


def test_nobody_goes_back_over_a_time_that_was_told() -> None:
    time: Keyed = (
        KEY,
        told("time_reached", event_id="w", rule="never_dispatched", basis="oms#p", due_at=after(days=9)),
    )
    world = kept_after(time, own=lives(OURS, LIFE[:1], hours=1))
    world.kept.rewind(KEY)
    assert KEY not in world.kept.orders


def test_a_batch_that_fails_behind_what_it_took_back_leaves_nothing_of_its_scans() -> None:
    world = replayed(ORDER)
    cache = Cache(limit_bytes=10**9, kept=world.kept)
    batch = batch_after(world, cache)
    stamps = {key: Stamp(START, 0, n) for key, n in batch.next_n.items()}
    apply(batch, lives(OURS, LIFE[:2], hours=1))
    known = {KEY: KnownOrder(1, 1, None, batch.events[KEY], set())}
    Loaded(batch, stamps, {}, {}, {}, known=known).give_back(batch, cache)
    assert cache.order(KEY) is not None
    assert KEY in cache.kept.orders
    cache.begin()
    assert KEY not in cache.kept.orders


def test_after_a_batch_nothing_of_its_steps_is_kept() -> None:
    world = kept_after(own=lives(OURS, LIFE[:2], hours=1))
    assert world.kept.orders[KEY].steps["S1"].scans
    world.kept.settle(KEY)
    assert not world.kept.orders[KEY].steps


def test_nothing_is_gone_back_over_of_an_order_that_was_never_folded() -> None:
    kept = Kept()
    kept.rewind(KEY)
    kept.settle(KEY)
    assert kept == Kept()


def test_a_step_that_is_not_gone_through_again_does_not_come_again() -> None:
    assert not Steps(scans=["k"], at=1).come_again("k")
