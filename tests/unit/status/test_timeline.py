"""The timeline: what moved an order and its parcels, in time order, each with its event and its rule."""

from schemas.scans import Scan
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.timeline import timeline
from tests.builders import KEY, after, make_scan
from tests.unit.status.making import histories_of, told

PLACED = told(event_id="p")
CREATED = told("shipment_created", event_id="s", occurred_at=after(hours=1))


def scanned(stage: str | None, hours: float, key: str, **overrides: object) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), event_key=key, **overrides)


def lines(*everything: StoredEvent | Scan) -> list[tuple[str, str, str, str | None]]:
    """Return the timeline of the order, its two first events left out."""
    events = [PLACED, CREATED, *(one for one in everything if isinstance(one, StoredEvent))]
    histories = histories_of({KEY: events}, [one for one in everything if isinstance(one, Scan)])
    found = timeline(KEY, events, histories)
    assert [one.at for one in found] == sorted(one.at for one in found)
    return [(one.subject, one.event, one.what, one.rule) for one in found if one.event not in {"oms#p", "oms#s"}]


def test_stages_stand_where_the_scans_took_place_and_what_repeats_them_does_not() -> None:
    late, again = scanned("accepted", 2, "k1", told_at=after(days=3)), scanned("in_transit", 6, "k4")
    assert lines(scanned("in_transit", 5, "k2"), late, again, scanned("out_for_delivery", 9, "k3")) == [
        ("S1", "k1", "accepted", "R21"), ("S1", "k2", "in_transit", "R21"), ("S1", "k3", "out_for_delivery", "R21"),
    ]  # fmt: skip


def test_the_first_word_of_a_parcel_enters_the_stage_in_which_all_of_them_begin() -> None:
    assert lines(scanned("announced", 2, "k1"), scanned("announced", 3, "k2")) == [("S1", "k1", "announced", "R21")]


def test_the_way_back_and_the_piece_are_told_with_the_stage() -> None:
    scans = [scanned("delivered", 2, "k1", piece="1"), scanned("in_transit", 9, "k2", leg="return")]
    histories = histories_of({KEY: [PLACED, CREATED]}, scans)
    shown = {one.event: (one.what, one.leg, one.piece) for one in timeline(KEY, [PLACED, CREATED], histories)}
    assert shown["k1"] == ("delivered", "outbound", "1")
    assert shown["k2"] == ("in_transit", "return", None)


def test_a_condition_has_its_beginning_and_its_end_each_by_its_rule() -> None:
    assert lines(
        scanned("in_transit", 2, "k1"),
        scanned(None, 3, "k2", conditions_set=["held", "delayed"]),
        scanned("in_transit", 4, "k3"),
        scanned(None, 5, "k4", kind="estimate", window={"day": "2026-11-29"}),
    ) == [
        ("S1", "k1", "in_transit", "R21"), ("S1", "k2", "held", "R10"), ("S1", "k2", "delayed", "R10"),
        ("S1", "k3", "held cleared", "R10"), ("S1", "k4", "delayed cleared", "R11"),
    ]  # fmt: skip


def test_a_premature_delivery_is_told_with_the_scan_that_took_it_back() -> None:
    found = lines(
        scanned("delivered", 5, "k1"),
        scanned("in_transit", 9, "k2", place={"city": "Leeds", "country": "GB"}),
        scanned("out_for_delivery", 29, "k3"),
    )
    assert ("S1", "k3", "out_for_delivery", "R4") in found
    assert ("S1", "k3", "reopened", "R4") in found
    assert ("S1", "k2", "contradiction", "R4") in found


def test_a_withdrawal_stands_there_and_what_it_withdrew_does_not() -> None:
    assert lines(scanned("delivered", 5, "k1"), scanned(None, 6, "k2", kind="void", voids="k1")) == [
        ("S1", "k2", "void", "R15")
    ]


def test_time_counts_by_its_rule_and_what_nobody_expected_is_not_there() -> None:
    missed = told(
        "time_reached", event_id="t1", rule="never_dispatched", basis="oms#p", occurred_at=after(days=5),
        due_at=after(days=5),
    )  # fmt: skip
    nothing = told("time_reached", event_id="t2", rule="silent", basis="x", occurred_at=after(days=6))
    ended = scanned(None, 18, "k2", kind="time", rule="day_ended", basis="k1", due_at=after(hours=17))
    assert lines(missed, nothing) == [("order", "oms#t1", "never_dispatched", "E15")]
    assert lines(scanned("out_for_delivery", 2, "k1"), ended) == [
        ("S1", "k1", "out_for_delivery", "R21"), ("S1", "k2", "delayed", "R20"),
    ]  # fmt: skip


def test_an_agents_word_is_told_and_what_it_settled() -> None:
    found = lines(
        scanned("delivered", 5, "k1"),
        scanned("returned", 6, "k2"),
        scanned("in_transit", 9, "k3"),
        told("override_set", event_id="o1", stage="lost", occurred_at=after(hours=10)),
        told("override_ended", event_id="o2", occurred_at=after(hours=11)),
    )
    assert ("S1", "k3", "contradiction", "R21") in found
    assert found[-3:] == [
        ("order", "oms#o1", "override_set", "R17"), ("S1", "oms#o1", "contradiction cleared", "R17"),
        ("order", "oms#o2", "override_ended", "R17"),
    ]  # fmt: skip


def test_the_end_of_an_agents_word_at_its_time_is_told_by_its_rule() -> None:
    said = told("override_set", event_id="o1", occurred_at=after(hours=2), until=after(hours=9))
    over = told(
        "time_reached", event_id="t", rule="override_expired", basis="oms#o1", occurred_at=after(hours=9),
        due_at=after(hours=9),
    )  # fmt: skip
    assert lines(said, over)[-1] == ("order", "oms#t", "override_expired", "R17")


def test_of_an_erased_order_only_the_erasure_is_told() -> None:
    erased = told("erased", event_id="x", occurred_at=after(days=1))
    scan = scanned("in_transit", 2, "k1")
    found = timeline(KEY, [PLACED, CREATED, erased], {scan.key: History(readings={(scan.event_key, "c"): scan})})
    assert [(one.what, one.rule) for one in found] == [("erased", "E9")]


def test_r3_a_day_without_a_time_stands_after_the_scans_of_its_day() -> None:
    events = [PLACED, CREATED]
    day = scanned("delivered", 15, "k2", time_precision="day")
    entries = timeline(KEY, events, histories_of({KEY: events}, [scanned("out_for_delivery", 23, "k1"), day]))
    assert [one.event for one in entries][-2:] == ["k1", "k2"]
    assert entries[-1].at < entries[-2].at
