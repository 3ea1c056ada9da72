"""What holds for any set of records: order and repeats never matter, units add up, orders never mix."""

from collections.abc import Iterable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Scan
from schemas.vocabulary import Bucket, OrderState, ScanKind
from services.status import machine
from services.status.order import Document, fold_order
from services.status.order_facts import StoredEvent, gather
from tests.builders import after, line
from tests.unit.status.generating import Keyed, Telling, scans, tellings
from tests.unit.status.making import fold, histories_of, read_back, replayed, told


def folded(records: Iterable[Keyed | Scan]) -> dict[str, Document]:
    """Return the document of every order from the whole set at once."""
    everything = list(records)
    orders: dict[str, list[StoredEvent]] = {}
    for one in everything:
        if not isinstance(one, Scan):
            orders.setdefault(one[0], []).append(one[1])
    histories = histories_of(orders, [one for one in everything if isinstance(one, Scan)])
    return {key: fold_order(key, events, histories) for key, events in orders.items()}


def event_keys(document: Document) -> set[str]:
    """Return every scan that a document shows in any way."""
    shown = set()
    for parcel in document["parcels"]:
        shown |= {one["event_key"] for one in (*parcel["milestones"], *parcel["conditions"])}
        shown |= {one["event"] for one in parcel["set_aside"]}
        shown |= {parcel["last_scan"]["description"]} if parcel["last_scan"] is not None else set()
    return shown


@given(tellings())
def test_any_order_and_any_repeat_is_the_same_document(telling: Telling) -> None:
    assert folded(telling.otherwise) == folded(telling.once)


@given(tellings())
def test_the_engine_ends_in_the_same_documents_record_by_record(telling: Telling) -> None:
    whole = folded(telling.once)
    for path in (telling.once, telling.otherwise):
        assert {key: row.document for key, row in replayed(path).orders.items()} == whole


@given(tellings())
def test_versions_have_no_gap_and_a_repeat_takes_none(telling: Telling) -> None:
    world = replayed([*telling.otherwise, *telling.otherwise])
    for key, row in world.orders.items():
        own = [one for one in world.published if one.order == key]
        assert [one.change["version"] for one in own] == list(range(1, len(own) + 1))
        assert row.version == len(own) == len([p for p in replayed(telling.otherwise).published if p.order == key])
        assert [one.change["previous"] for one in own] == [None, *(one.document["state"] for one in own[:-1])]


@given(tellings())
def test_the_units_of_a_line_add_up_and_none_is_counted_below_nothing(telling: Telling) -> None:
    for document in folded(telling.once).values():
        assert document["state"] in set(OrderState)
        for one in document["lines"]:
            assert sum(one["buckets"].values()) == one["ordered"]
            assert all(count > 0 for count in one["buckets"].values())
            assert set(one["buckets"]) <= set(Bucket)


@given(tellings())
def test_every_document_reads_as_a_status_message_and_back(telling: Telling) -> None:
    for document in folded(telling.once).values():
        assert read_back(document).model_dump(mode="json", exclude={"change", "truncated"}) == document


@given(tellings())
def test_a_milestone_is_reached_once_an_occasion(telling: Telling) -> None:
    for document in folded(telling.once).values():
        for part in (document, *document["parcels"]):
            reached = [(one["name"], one["occasion"]) for one in part["milestones"]]
            assert len(reached) == len(set(reached))


@given(tellings(orders=("main:1001",)))
def test_other_orders_of_other_numbers_change_nothing(telling: Telling) -> None:
    stranger = told(shop="books", lines=[line(9)])
    parcel = told("shipment_created", shop="books", number="ZZ1", references={"easypost": "trk_9"})
    others: list[Keyed | Scan] = [("books:1001", stranger), ("books:1001", parcel)]
    assert folded([*telling.once, *others])["main:1001"] == folded(telling.once)["main:1001"]


@given(st.lists(scans(), max_size=8), st.floats(min_value=30.1, max_value=120))
def test_two_orders_far_apart_on_one_number_never_show_each_others_scans(found: list[Scan], days: float) -> None:
    told_apart = [
        scan.model_copy(
            update={"event_key": f"k{index}", "description": f"k{index}", "number": "AB123456785GB", "unique_id": None}
        )
        for index, scan in enumerate(found)
        if scan.kind != ScanKind.TIME  # of a shared number an order sees those that are about its own
    ]
    first = [told(), told("shipment_created", occurred_at=after(minutes=1))]
    second = [told(order="1002"), told("shipment_created", order="1002", occurred_at=after(days=days))]
    one = fold(*first, *told_apart, others={"main:1002": second})
    two = fold(*second, *told_apart, key="main:1002", others={"main:1001": first})
    assert not event_keys(one) & event_keys(two)
    border = after(days=days) - timedelta(days=7)
    assert one == fold(*first, *(scan for scan in told_apart if machine.instant(scan) < border))
    assert two == fold(*second, *(scan for scan in told_apart if machine.instant(scan) >= border), key="main:1002")


@given(st.lists(scans(), max_size=8), scans())
def test_a_scan_of_an_unknown_stage_or_kind_moves_nothing(found: list[Scan], then: Scan) -> None:
    told_apart = [scan.model_copy(update={"event_key": f"k{index}"}) for index, scan in enumerate(found)]
    before = machine.fold(told_apart)
    for changed in ({"kind": "prophecy"}, {"kind": "summary", "stage": "teleported"}):
        state = machine.fold([*told_apart, then.model_copy(update={"event_key": "new", **changed})])
        assert (state.stage, state.milestones) == (before.stage, before.milestones)


@given(tellings())
def test_every_claim_an_order_makes_is_one_it_would_read(telling: Telling) -> None:
    for key in folded(telling.once):
        facts = gather(one[1] for one in telling.once if not isinstance(one, Scan) and one[0] == key)
        for parcel in facts.parcels.values():
            assert parcel.key is None or parcel.key in parcel.keys
            assert len(parcel.keys) == len(set(parcel.keys))
