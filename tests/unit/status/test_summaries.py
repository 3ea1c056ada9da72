"""A provider's summary (R23): its end stages count, its other words only where it told no scan."""

import itertools

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Milestone, Stage
from services.status.machine import ShipmentState, fold
from tests.builders import after, make_scan
from tests.unit.status.parcels import reasons, staged


def told(
    stage: str | None, hours: float, kind: str = "scan", provider: str = "easypost", leg: str = "outbound"
) -> Scan:
    return make_scan(kind=kind, stage=stage, occurred_at=after(hours=hours), provider=provider, leg=leg)


def in_any_order(*scans: Scan) -> ShipmentState:
    first = fold(scans)
    assert all(fold(order) == first for order in itertools.permutations(scans))
    return first


def test_an_end_stage_outranks_the_scans_its_provider_told_with_it() -> None:
    scans = [told("in_transit", 1), told("out_for_delivery", 3), told("delivered", 4, "summary")]
    assert in_any_order(*scans).stage is Stage.DELIVERED


def test_an_end_stage_stands_directly_after_the_last_scan_of_its_provider() -> None:
    state = in_any_order(
        told("in_transit", 1), told("out_for_delivery", 2, provider="ups"), told("delivered", 4, "summary")
    )
    assert [(v.scan.kind, v.scan.provider) for v in state.verdicts] == [
        ("scan", "easypost"), ("summary", "easypost"), ("scan", "ups"),
    ]  # fmt: skip


@pytest.mark.parametrize("hours", [0, 5])
def test_another_stage_counts_only_where_its_provider_told_no_scan_ever(hours: float) -> None:
    state = in_any_order(told("in_transit", 2), told("out_for_delivery", hours, "summary"))
    assert state.stage is Stage.IN_TRANSIT
    assert Milestone.OUT_FOR_DELIVERY not in {one.name for one in state.milestones}
    assert "superseded" in {verdict.reason for verdict in state.verdicts}


def test_a_summary_without_any_scan_moves_the_parcel() -> None:
    state = in_any_order(told("in_transit", 1, "summary"), told("out_for_delivery", 2, "summary"))
    assert state.stage is Stage.OUT_FOR_DELIVERY


def test_scans_of_another_provider_do_not_silence_a_summary() -> None:
    state = in_any_order(told("in_transit", 1, provider="ups"), told("out_for_delivery", 2, "summary"))
    assert state.stage is Stage.OUT_FOR_DELIVERY


def test_the_newest_summary_is_shown_where_there_is_no_scan() -> None:
    state = in_any_order(told("in_transit", 1, "summary"), told("delivered", 2, "summary"))
    assert state.last is not None
    assert state.last.stage == "delivered"


def test_a_scan_is_shown_before_a_summary() -> None:
    state = in_any_order(
        told("in_transit", 1, "summary", "ups"), told("in_transit", 2), told("delivered", 3, "summary")
    )
    assert state.last is not None
    assert state.last.kind == "scan"


def test_a_summary_does_not_wipe_out_where_the_parcel_was_left() -> None:
    scan = make_scan(stage="delivered", substatus="safe_place", occurred_at=after(hours=2))
    state = in_any_order(scan, told("delivered", 3, "summary"))
    assert state.substatus == "safe_place"
    assert [one.event_key for one in state.milestones if one.name is Milestone.DELIVERED] == [scan.event_key]


def test_a_summary_that_says_delivered_does_not_outrank_the_way_back() -> None:
    state = in_any_order(told("in_transit", 1), told("in_transit", 2, leg="return"), told("delivered", 3, "summary"))
    assert state.stage is Stage.IN_TRANSIT
    assert Milestone.DELIVERED not in {one.name for one in state.milestones}


def test_a_summary_of_an_unknown_stage_moves_nothing() -> None:
    assert in_any_order(told("teleported", 1, "summary")).stage is Stage.ANNOUNCED


@pytest.mark.parametrize("end", ["lost", "returned"])
def test_r23_a_provider_that_declares_an_end_after_a_delivered_scan_is_believed(end: str) -> None:
    state = in_any_order(told("in_transit", 1), told("delivered", 2), told(end, 9, "summary"))
    assert state.stage == end


def test_r23_a_summary_of_the_way_back_ends_as_returned() -> None:
    state = in_any_order(told("in_transit", 1, leg="return"), told("delivered", 3, "summary", leg="return"))
    assert state.stage is Stage.RETURNED


def test_r23_a_summary_alone_brings_its_conditions_and_one_beside_scans_does_not() -> None:
    alone = make_scan(kind="summary", stage="in_transit", conditions_set=["damaged"])
    assert set(fold([alone]).conditions) == {"damaged"}
    assert fold([alone, make_scan(stage="accepted", occurred_at=after())]).conditions == {}


def test_r23_a_summary_without_a_stage_is_informational() -> None:
    assert [one.reason for one in fold([told(None, 1, "summary")]).verdicts] == ["informational"]


def test_r23_the_newer_of_two_final_words_counts_though_its_provider_told_scans_before() -> None:
    lost = staged("lost", 50, kind="summary")
    state = in_any_order(staged("in_transit", 5), lost, staged("delivered", 90, kind="summary"))
    assert (state.stage, reasons(state)) == (Stage.DELIVERED, ["moved", "moved", "moved"])


def test_r23_a_scan_of_no_stage_moves_no_final_word_from_its_time() -> None:
    scans = [staged("accepted", 1, provider="ups"), staged("delivered", 2, kind="summary")]
    told = [*scans, staged("teleported", 0.5)]
    assert in_any_order(*told).milestones == in_any_order(*scans).milestones


def test_r16_a_tag_that_lags_behind_takes_back_no_delivery_that_somebody_scanned() -> None:
    tag = staged("out_for_delivery", 40, kind="summary", provider="aftership")
    state = in_any_order(staged("in_transit", 2, provider="dpd"), staged("delivered", 20, provider="dpd"), tag)
    assert (state.stage, state.corrections, reasons(state)[-1]) == (Stage.DELIVERED, [], "superseded")


def test_r4_a_tag_takes_back_what_only_a_tag_had_told() -> None:
    first = staged("delivered", 20, kind="summary", provider="aftership")
    state = in_any_order(first, staged("out_for_delivery", 40, kind="summary", provider="aftership"))
    assert (state.stage, len(state.corrections)) == (Stage.OUT_FOR_DELIVERY, 1)


@pytest.mark.parametrize(
    ("then", "before"), [("cancelled", "in_transit"), ("disposed", "delivered"), ("lost", "in_transit")]
)
def test_r23_an_end_that_a_provider_sums_up_counts_where_no_scan_could_tell_it(then: str, before: str) -> None:
    state = in_any_order(staged(before, 5), staged(then, 9, kind="summary"))
    assert state.stage == then
    assert in_any_order(staged("returned", 5), staged(then, 9, kind="summary")).stage is Stage.RETURNED
