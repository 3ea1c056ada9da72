"""What is told of a parcel in pieces, and of an agent's word, row by row (R22, R17)."""

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Milestone
from services.status.pieces import Telling, fold_pieces, names_of
from services.status.shipment import ShipmentState
from services.status.timeline import moves
from tests.builders import after
from tests.unit.status.parcels import fold, reached, reasons, staged

HELD = [staged("in_transit", 1, piece="1", event_key="k1"), staged("in_transit", 2, piece="2", event_key="k2")]


def folded(*scans: Scan) -> ShipmentState:
    return fold_pieces(scans, names_of(scans), declared=2, told=Telling())


def told(*scans: Scan) -> list[tuple[str, str, str | None]]:
    return [(one.event, one.what, one.rule) for one in moves("S1", fold(*scans))]


def test_a_withdrawal_is_judged_by_the_piece_whose_scan_it_withdraws() -> None:
    assert reasons(folded(*HELD, staged(None, 3, kind="void", voids="k2")))[-1] == "void"


def test_a_time_event_is_judged_by_the_piece_that_awaits_it() -> None:
    silent = staged(None, 99, kind="time", rule="silent", basis="k2", due_at=after(days=3, hours=2))
    assert reasons(folded(*HELD, silent))[-1] == "time"


@pytest.mark.parametrize("end", [Milestone.DELIVERED, Milestone.RETURNED, Milestone.LOST])
def test_an_end_is_told_of_the_shipment_and_never_of_one_piece_alone(end: Milestone) -> None:
    first, second = staged(end, 5, piece="1"), staged(end, 6, piece="2")
    assert end not in {name for name, _ in reached(folded(*HELD, first))}
    assert [name for name, _ in reached(folded(*HELD, first, second))].count(end) == 1


def test_the_timeline_has_an_agents_word_and_its_end() -> None:
    word = staged("delivered", 2, kind="override", event_key="w1", until=after(days=1))
    taken_back = staged(None, 3, kind="override", event_key="w2")
    expired = staged(None, 30, kind="time", event_key="t1", rule="override_expired", basis="w1", due_at=after(days=1))
    begin = staged("in_transit", 1, event_key="k1")
    assert told(begin, word, taken_back)[1:] == [("w1", "override", "R17"), ("w2", "override_ended", "R17")]
    assert told(begin, word, expired)[1:] == [("w1", "override", "R17"), ("t1", "override_expired", "R17")]


def test_the_timeline_says_which_rule_found_a_contradiction() -> None:
    moved = told(staged("cancelled", 1, event_key="k1"), staged("in_transit", 2, event_key="k2"))
    assert ("k2", "action_required", "R21") in moved
    illegal = told(staged("returned", 1, event_key="k1"), staged("in_transit", 2, event_key="k2"))
    assert ("k2", "contradiction", "R21") in illegal
