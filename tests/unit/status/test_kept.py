"""What is kept of an order from record to record gives, after each of them, what the whole history gives."""

import copy
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Scan
from services.status import replay
from services.status.changes import change_of
from services.status.inputs import ScanIn
from services.status.kept import Kept
from services.status.messages import status_message
from services.status.order import Document, fold_order
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.replay import World
from services.status.replayed import Again
from tests.builders import KEY, START, after, line, make_scan
from tests.unit.status.generating import Keyed, Telling, histories, keyed_events, tellings
from tests.unit.status.making import replayed, told
from tests.unit.status.parcels import staged

ORDER: list[Keyed] = [
    (KEY, told(event_id="p", lines=[line(2), line(1, name="2")])),
    (KEY, told("shipment_created", event_id="s", occurred_at=after(minutes=1), lines=[line(2)])),
]


def as_text(document: Document) -> str:
    """Return a document letter for letter: the order of its names is part of it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def folds_watched() -> Iterator[None]:
    """Compare each fold with one that nothing was kept for, and each document once more at the end."""
    seen: list[tuple[Document, str]] = []

    def fold(key: str, events: Iterable[StoredEvent], read: Mapping[str, History], *, kept: Kept) -> Document:
        held = list(events)
        document = fold_order(key, held, read, kept=kept)
        seen.append((document, as_text(document)))
        assert seen[-1][1] == as_text(fold_order(key, held, read))
        return document

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "fold_order", fold)
        yield
    for document, text in seen:
        assert as_text(document) == text, "a document that was made is changed by nobody"


def watched(records: Sequence[Keyed | Scan]) -> World:
    """Replay records, each fold watched."""
    with folds_watched():
        return replayed(records)


def assert_changes_are_those_of_strangers(world: World) -> None:
    """Compare each change with that of documents of which no part is shared, as they are read from the database."""
    before: dict[str, Document] = {}
    for one in world.published:
        assert not isinstance(one.item, Again)
        document, previous = copy.deepcopy((one.document, before.get(one.order)))
        version = one.change["version"]
        if one.change["marked"] is None:
            assert change_of(one.item, document, version=version, previous=previous) == one.change
        before[one.order] = one.document


@given(tellings())
def test_after_every_record_the_document_is_that_of_the_whole_history(telling: Telling) -> None:
    for path in (telling.once, telling.otherwise):
        assert_changes_are_those_of_strangers(watched(path))


@given(histories(most=14), st.lists(keyed_events((KEY,)), max_size=2), st.data())
def test_a_parcel_that_is_told_in_order_is_gone_on_with(
    found: list[Scan], others: list[Keyed], data: st.DataObject
) -> None:
    own: dict[str, str | dict[str, str] | None] = {"number": "AB123456785GB", "references": {}, "unique_id": None}
    scans = sorted((one.model_copy(update=own) for one in found), key=lambda one: one.occurred_at)
    records: list[Keyed | Scan] = [*ORDER, *scans]
    for event in others:
        records.insert(data.draw(st.integers(min_value=2, max_value=len(records))), event)
    assert_changes_are_those_of_strangers(watched(records))


def test_only_what_a_scan_changed_is_made_anew() -> None:
    second = (
        KEY,
        told("shipment_created", event_id="t", shipment="S2", number="CD999999999GB", lines=[line(1, name="2")]),
    )
    life = ["announced", "accepted", "in_transit", "in_transit", "delivered"]
    scans = [staged(stage, hours) for hours, stage in enumerate(life, start=1)]
    world = watched([*ORDER, second, *scans])
    documents = [one.document for one in world.published if isinstance(one.item, ScanIn)]
    assert len(documents) == len(life)
    for one, then in itertools.pairwise(documents):
        # Created at the start of the story, the second parcel stands first.
        assert then["parcels"][0] is one["parcels"][0]
        assert then["parcels"][1] is not one["parcels"][1]
        assert then["display"] is one["display"] or then["state"] != one["state"]
        assert then["milestones"] is one["milestones"]
    again = documents[2:4]
    assert again[0]["lines"] is again[1]["lines"], "the same place again moves no unit"
    assert again[0]["parcels"][1]["milestones"] is again[1]["parcels"][1]["milestones"]


def aside(world: World) -> list[tuple[str, str]]:
    """Return what the order's document says of its own events that moved nothing."""
    document = world.orders[KEY].document or {}
    return [(one["event"], one["why"]) for one in document["set_aside"]]


SILENCE: list[Keyed] = [
    *ORDER,
    (KEY, told("time_reached", event_id="t", rule="never_dispatched", basis="oms#p", due_at=after(days=9))),
]


def test_e15_a_scan_from_before_a_time_takes_its_ground_away() -> None:
    early = staged("announced", 1)
    assert aside(watched([*SILENCE, early])) == []
    assert aside(watched([*SILENCE, early, staged("in_transit", 2)])) == [("oms#t", "not_expected")]
    assert aside(watched([*SILENCE, early, staged("in_transit", 10 * 24)])) == []


def test_e15_another_reading_of_a_scan_takes_its_ground_away() -> None:
    label = staged("announced", 1, event_key="k1", told_at=after(days=2))
    moved = staged("in_transit", 1, event_key="k1", told_at=after(days=1))
    world = watched([*SILENCE, label, moved])
    assert aside(world) == [("oms#t", "not_expected")]
    assert (world.orders[KEY].document or {})["parcels"][0]["stage"] == "in_transit"


def test_e15_a_time_in_the_future_that_was_told_earlier_stands_earlier_and_takes_its_ground_away() -> None:
    late = staged("in_transit", 20 * 24, event_key="k1", told_at=after(days=10))
    world = watched([*SILENCE, late, late.model_copy(update={"told_at": after(days=2)})])
    assert aside(world) == [("oms#t", "not_expected")]
    shown = [one.document["parcels"][0]["last_scan"] for one in world.published if isinstance(one.item, ScanIn)]
    assert [one["at"] for one in shown] == [after(days=days).isoformat() for days in (10, 2)]


def test_a_cancelled_order_that_leaves_the_house_was_not_cancelled() -> None:
    world = watched([*ORDER, (KEY, told("cancelled", event_id="c")), staged("announced", 1), staged("in_transit", 2)])
    reached = [[one["name"] for one in made.document["milestones"]] for made in world.published]
    assert reached[-3:] == [["confirmed", "cancelled"], ["confirmed", "cancelled"], ["confirmed"]]


def test_which_of_the_parcels_without_lines_is_slowest_is_asked_of_their_stages() -> None:
    events: list[Keyed] = [
        (KEY, told(event_id="p")),
        (KEY, told("shipment_created", event_id="s", occurred_at=after(minutes=1))),
        (KEY, told("shipment_created", event_id="t", shipment="S2", number="CD999999999GB")),
        (KEY, told("dispatched", event_id="d", shipment="S2", occurred_at=after(minutes=2))),
    ]
    back: Keyed = (KEY, told("override_set", event_id="o", stage="announced", leg="return", occurred_at=after(hours=9)))
    first: list[Keyed | Scan] = [staged("delivered", 1), back]
    second = [staged(stage, hour, number="CD999999999GB") for hour, stage in ((10, "not_found"), (11, "in_transit"))]
    world = watched([*events, *first, *second])
    assert [one.document["lines"][0]["buckets"] for one in world.published[-2:]] == [{"shipped": 2}, {"delivered": 2}]


def test_nothing_is_kept_of_an_order_that_was_never_folded() -> None:
    kept = Kept()
    kept.take(KEY, "S1", make_scan())
    kept.drop(KEY, "S1")
    kept.forget(KEY)
    assert kept == Kept()


def test_what_was_set_aside_beyond_the_limit_leaves_the_oldest_first() -> None:
    scans = [staged("teleported", hours, event_key=f"k{hours}") for hours in range(1, 25)]
    shown = watched([*ORDER, *scans]).orders[KEY].document
    assert shown is not None
    assert [one["event"] for one in shown["parcels"][0]["set_aside"]] == [f"k{hours}" for hours in range(5, 25)]


def test_an_estimate_that_holds_is_shown_until_another_comes() -> None:
    first = staged("in_transit", 2, kind="estimate", window={"day": "2026-11-24"})
    other = staged("in_transit", 4, kind="estimate", window={"day": "2026-11-25"}, event_key="e2")
    world = watched([*ORDER, staged("accepted", 1), first, staged("in_transit", 3), other])
    windows = [one.document["parcels"][0]["window"] for one in world.published if isinstance(one.item, ScanIn)]
    assert [one and one["day"] for one in windows] == [None, "2026-11-24", "2026-11-24", "2026-11-25"]
    assert windows[1] is windows[2]


@given(
    st.text(), st.dictionaries(st.text(), st.integers(min_value=-(2**63), max_value=2**63) | st.booleans() | st.none())
)
def test_the_bytes_of_a_message_are_those_of_plain_json(text: str, fields: dict[str, int | None]) -> None:
    world = replayed(ORDER)
    last = world.published[-1]
    try:
        text.encode()
    except UnicodeEncodeError:
        text = ""  # no text of the contract holds half a character
    named = {name: value for name, value in fields.items() if name.isprintable()}
    document = {**last.document, "printed": text, "condition_counts": named}
    message = status_message(KEY, document, last.change, at=START + timedelta(hours=1), traceparent=None)
    assert message.value == as_text({**document, "truncated": False, "change": last.change}).encode()


def test_a_delivery_that_was_told_of_a_parcel_that_there_is_no_more_is_withdrawn() -> None:
    last = watched([*ORDER, staged("delivered", 1)]).published[-1]
    assert isinstance(last.item, ScanIn)
    change = change_of(last.item, {**last.document, "parcels": []}, version=9, previous=last.document)
    assert (change["reason"], change["correction"]) == ("withdrawn", True)
