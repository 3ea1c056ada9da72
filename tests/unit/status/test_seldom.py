"""What happens seldom, and has its answer all the same: each test takes a way through the rules that no story takes."""

from typing import Any

from schemas.scans import Scan
from schemas.vocabulary import Leg, Stage
from services.status.expectations import Mark, ShipmentOutlook, expectations
from services.status.explain_text import story_text
from services.status.machine import ShipmentState
from services.status.pieces import Telling, fold_pieces, names_of
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.explaining import BEGIN, explained, scanned
from tests.unit.status.making import buckets, fold, milestones, replayed, told
from tests.unit.status.parcels import staged


def pieces(*scans: Scan) -> ShipmentState:
    return fold_pieces(scans, names_of(scans), declared=2, told=Telling())


def damaged(hours: float, **overrides: Any) -> Scan:
    return staged("in_transit", hours, conditions_set=["damaged"], **overrides)


def test_a_problem_of_two_pieces_stands_since_the_first_of_them_had_it() -> None:
    first, second = damaged(2, piece="1", event_key="k1"), damaged(3, piece="2", event_key="k2")
    assert pieces(first, second).conditions["damaged"].event_key == "k1"
    assert pieces(damaged(4, piece="1"), second).conditions["damaged"].event_key == "k2"


def test_a_problem_of_all_pieces_is_one_problem() -> None:
    state = pieces(staged("accepted", 1, piece="1"), staged("accepted", 1.5, piece="2"), damaged(2, event_key="k1"))
    assert [(one.name, one.source) for one in state.episodes] == [("damaged", "k1")]


def test_a_parcel_whose_units_are_all_in_named_pieces_has_no_others() -> None:
    packed = [line(1) | {"piece": "1"}, line(1) | {"piece": "2"}]
    events = told(lines=[line(2)]), told("shipment_created", lines=packed, pieces=2)
    first, second = staged("delivered", 2, piece="1"), staged("in_transit", 2, piece="2")
    assert buckets(fold(*events, first, second)) == {"delivered": 1, "shipped": 1}


def test_a_late_scan_is_folded_into_the_whole_history() -> None:
    order: list[Any] = [(KEY, told()), (KEY, told("shipment_created"))]
    delivered, late = staged("delivered", 4), staged("out_for_delivery", 2)
    in_turn, belated = replayed([*order, late, delivered]), replayed([*order, delivered, late])
    assert belated.orders[KEY].document == in_turn.orders[KEY].document


def test_a_summary_that_calls_a_parcel_on_its_way_back_delivered_is_set_aside() -> None:
    state = fold(
        told(),
        told("shipment_created"),
        make_scan(stage="in_transit", leg="return"),
        make_scan(stage="delivered", kind="summary", occurred_at=after(hours=9)),
    )
    assert (state["parcels"][0]["stage"], state["parcels"][0]["leg"]) == ("in_transit", "return")


def test_a_day_outside_our_calendar_is_never_over() -> None:
    far = Mark("k1", after(days=366 * 200))
    assert expectations(outlook("out_for_delivery", entered=far, last=None)) == []


def outlook(stage: str, **fields: Any) -> ShipmentOutlook:
    return ShipmentOutlook(stage=Stage(stage), leg=Leg.OUTBOUND, conditions=(), **fields)


def test_an_erased_order_shows_that_it_existed_and_nothing_of_it() -> None:
    order = told(lines=[line(1)]), told("shipment_created"), make_scan(), told("replaced")
    erased, shown = fold(*order, told("erased")), fold(*order)
    assert set(erased) == set(shown)
    assert {name: value for name, value in erased.items() if value not in (None, [], {})} == {
        "shop": "main", "order": "1001", "state": "erased", "display": erased["display"],
    }  # fmt: skip
    lists = {"conditions", "lines", "parcels", "milestones", "sellers", "set_aside"}
    assert {name for name, value in erased.items() if value == []} == lists
    assert erased["condition_counts"] == {}


def test_the_milestones_of_an_order_stand_as_they_come() -> None:
    order = told(), told("ready_to_collect"), told("collected", lines=[line(1)]), told("cancelled", lines=[line(2)])
    reached = [name for name, _ in milestones(fold(*order))]
    assert reached == ["confirmed", "ready_to_collect", "collected", "cancelled"]


def test_a_scan_told_again_from_before_is_folded_into_the_whole_history() -> None:
    order: list[Any] = [(KEY, told()), (KEY, told("shipment_created"))]
    later, earlier = (staged("delivered", 4, event_key="k1", told_at=after(hours=hours)) for hours in (9, 5))
    assert replayed([*order, later, earlier]).orders[KEY].document == replayed([*order, earlier]).orders[KEY].document


def test_the_story_of_an_order_names_its_conditions_and_whose_problem_they_are() -> None:
    delayed = scanned("in_transit", 2, "k1", conditions_set=["delayed"])
    cleared = scanned("in_transit", 5, "k2", conditions_cleared=["delayed"])
    open_story, closed = story_text(explained(*BEGIN, delayed)), story_text(explained(*BEGIN, delayed, cleared))
    assert "Conditions: delayed." in open_story
    assert "Conditions: delayed." in open_story
    assert "Whose problem: carrier." in open_story
    assert "open; set by" in open_story
    assert "by k2" in closed
