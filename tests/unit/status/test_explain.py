"""The story of an order: why it shows what it shows, and what was made of everything told."""

from hypothesis import given

from schemas.order_status import Change
from schemas.scans import Scan
from services.status.explain_parcel import Path
from services.status.explain_text import path_words, story_text
from tests.builders import KEY, SHIPMENT_KEY, after
from tests.unit.status.explaining import BEGIN, event, explained, parcel, scan_of, scanned
from tests.unit.status.generating import Telling, tellings
from tests.unit.status.making import CHANGE, fold


def test_an_order_says_which_row_of_its_fold_matched_and_who_acts() -> None:
    story = explained(*BEGIN, scanned("out_for_delivery", 24, "k1"))
    assert (story.state, story.row, story.status) == ("out_for_delivery", "some_out_for_delivery", "Out for Delivery")
    assert story.because == "A parcel is out for delivery."
    assert (story.acts, story.action_required) == ("carrier", False)
    assert [(one.line, one.where) for one in story.lines] == [("1", "2 on the way")]


def test_a_parcel_says_by_which_scan_and_rule_it_is_where_it_is() -> None:
    story = explained(*BEGIN, scanned("in_transit", 2, "k1"), scanned("in_transit", 3, "k2"))
    why = parcel(story).set_by
    assert why is not None
    assert (why.event, why.why, why.rule) == ("k1", "moved", "R21")
    assert why.sentence == "It brought the parcel to where it says."
    assert why.rule_says.startswith("The table of moves")
    assert parcel(story).since is not None


def test_a_parcel_nobody_scanned_has_no_reason_and_says_so() -> None:
    story = explained(*BEGIN)
    assert parcel(story).set_by is None
    assert parcel(story).since is None
    assert "No scan yet." in story_text(story)


def test_a_label_that_was_withdrawn_is_the_reason_itself() -> None:
    voided = parcel(explained(*BEGIN, event("shipment_voided", "v")))
    assert voided.set_by is not None
    assert (voided.stage, voided.set_by.event, voided.set_by.why) == ("cancelled", "oms#v", "label_voided")
    assert voided.since is not None
    assert voided.since.at == "2026-11-20T09:20:00+00:00"


def test_every_scan_has_its_verdict_in_words_and_what_moved_nothing_is_set_aside() -> None:
    story = explained(
        *BEGIN,
        scanned("delivered", 24, "k1"),
        scanned("in_transit", 24.5, "k2"),
        scanned(None, 25, "k3", substatus="unmapped", raw_code="XQ7"),
        scanned(None, 26, "k4", conditions_set=["damaged"]),
        scanned("in_transit", 27, "k5", kind="void", voids="nothing"),
    )
    made = [(one.event_key, one.moved, one.set_aside, one.because.why) for one in parcel(story).scans]
    assert made == [
        ("k1", True, False, "moved"),
        ("k2", False, True, "batch_noise"),
        ("k3", False, True, "unmapped"),
        ("k4", False, False, "informational"),
        ("k5", False, True, "voids_nothing"),
    ]
    document = fold(*BEGIN, scanned("delivered", 24, "k1"), scanned("in_transit", 24.5, "k2"))
    assert document["parcels"][0]["set_aside"] == [{"event": "k2", "rule": "R4", "why": "batch_noise"}]


def test_the_document_and_the_story_set_the_same_aside() -> None:
    everything = (*BEGIN, event("gift_wrapped", "x"), scanned("teleported", 3, "k1"), scanned("accepted", 4, "k2"))
    document, story = fold(*everything), explained(*everything)
    assert [one["event"] for one in document["set_aside"]] == [one.event for one in story.events if one.set_aside]
    aside = [one["event"] for one in document["parcels"][0]["set_aside"]]
    assert aside == [one.event_key for one in parcel(story).scans if one.set_aside] == ["k1"]


def test_conditions_say_since_when_why_and_what_ended_them() -> None:
    story = explained(
        *BEGIN,
        scanned("in_transit", 2, "k1", conditions_set=["held", "damaged", "soggy"], raw_code="HLD"),
        scanned("in_transit", 5, "k2"),
    )
    told_of = {one.name: one for one in parcel(story).conditions}
    assert list(told_of) == ["damaged", "soggy", "held"]
    assert (told_of["held"].set_by, told_of["held"].cleared_by) == ("k1", "k2")
    assert (told_of["held"].reason, told_of["held"].cause) == ("HLD", "carrier")
    assert told_of["held"].cleared_at is not None
    assert told_of["damaged"].cleared_at is None
    assert told_of["soggy"].title == "soggy"
    document = fold(*BEGIN, scanned("in_transit", 2, "k1", conditions_set=["damaged"], raw_code="HLD"))
    assert document["parcels"][0]["conditions"] == [
        {"name": "damaged", "since": "2026-11-20T11:00:00+00:00", "event_key": "k1", "reason": "HLD",
         "cause": "carrier"},
    ]  # fmt: skip


def test_an_override_shows_author_reason_end_and_what_the_scans_say_beneath() -> None:
    word = event(
        "override_set", "o", 300, stage="lost", until=after(days=9), pinned=True,
        by={"kind": "agent", "name": "Kim"}, reason="the depot burned down",
    )  # fmt: skip
    story = explained(*BEGIN, scanned("in_transit", 2, "k1"), word)
    said = parcel(story).override
    assert said is not None
    assert (said.author, said.reason, said.pinned) == ("Kim", "the depot burned down", True)
    assert (said.stage, said.beneath, said.beneath_says) == ("lost", "in_transit", "In Transit")
    assert said.until_text == "2026-11-29 09:00 +00:00 (Europe/London)"
    assert parcel(story).set_by is not None
    document = fold(*BEGIN, scanned("in_transit", 2, "k1"), word)["parcels"][0]
    assert document["set_by"] == {"event": "oms#o", "rule": "R17", "why": "override"}
    assert document["override"] == {
        "event": "oms#o", "since": "2026-11-20T14:00:00.000Z", "until": "2026-11-29T09:00:00.000Z", "pinned": True,
        "beneath": "in_transit",
    }  # fmt: skip
    assert "Kim" not in str(document)
    text = story_text(story)
    assert "By Kim: the depot burned down" in text
    assert "Its scans alone say: In Transit (in_transit)." in text
    without_end = event("override_set", "o", 300, stage="lost")
    assert "until it is taken back" in story_text(explained(*BEGIN, without_end))


def test_a_premature_delivery_is_told_as_a_correction() -> None:
    story = explained(
        *BEGIN, scanned("delivered", 24, "k1"), scanned("out_for_delivery", 48, "k2"), scanned("delivered", 50, "k3")
    )
    assert [(one.event, one.why) for one in parcel(story).corrections] == [("k2", "reopened")]
    assert "Corrected" in story_text(story)
    assert parcel(story).attempt_no == 1


def test_late_and_repeated_are_facts_of_the_path_and_stand_beside_the_verdict() -> None:
    path = Path(
        first_n={(SHIPMENT_KEY, "k1"): 3, (SHIPMENT_KEY, "k2"): 2, (SHIPMENT_KEY, "k3"): 4},
        readings={(SHIPMENT_KEY, "k2"): 2},
        repeats={(SHIPMENT_KEY, "k1"): 1, (SHIPMENT_KEY, "k3"): 4},
        events={("oms", "p"): 2},
    )
    scans = (scanned("accepted", 1, "k1"), scanned("in_transit", 2, "k2"), scanned("in_transit", 3, "k3"))
    story = explained(*BEGIN, *scans, path=path)
    assert [(one.late, one.repeated, one.readings) for one in parcel(story).scans] == [
        (True, 1, 1), (False, 0, 2), (False, 4, 1),
    ]  # fmt: skip
    assert path_words(scan_of(story, "k1")) == ("came late", "told again once")
    assert path_words(scan_of(story, "k2")) == ("2 readings, merged",)
    assert story.events[0].repeated == 2
    assert "told again 2 times" in story_text(story)


def test_a_time_event_is_never_late_it_stands_when_it_was_due() -> None:
    due = scanned(None, 2, "t", kind="time", rule="silent", basis="k1", due_at=after(hours=2))
    path = Path(first_n={(SHIPMENT_KEY, "t"): 9, (SHIPMENT_KEY, "k1"): 1})
    story = explained(*BEGIN, due, scanned("accepted", 3, "k1"), path=path)
    assert not scan_of(story, "t").late


def test_events_say_what_they_did_who_did_it_and_why_they_moved_nothing() -> None:
    hold = event("on_hold", "h", by={"kind": "agent", "name": "Kim"}, reason="asked to wait")
    story = explained(*BEGIN, hold, event("dispatched", "x", shipment="S9"))
    held = next(one for one in story.events if one.type == "on_hold")
    assert (held.by, held.reason, held.set_aside) == ("agent Kim", "asked to wait", None)
    assert held.says == "The order is held back until it is released."
    aside = next(one for one in story.events if one.type == "dispatched").set_aside
    assert aside is not None
    assert (aside.why, aside.rule) == ("unknown_shipment", "R12")
    assert story.row == "on_hold"


def test_a_change_says_why_it_corrected() -> None:
    change = Change.model_validate({**CHANGE, "reason": "reopened", "correction": True, "state": "in_transit"})
    story = explained(*BEGIN, scanned("in_transit", 2, "k1"), change=change)
    assert story.change is not None
    assert story.change.sentence == "Later scans proved that a parcel had not been delivered."
    assert not story.unpublished
    behind = explained(*BEGIN, scanned("delivered", 2, "k1"), change=change)
    assert behind.unpublished
    assert "the order's next event publishes it" in story_text(behind)


def test_an_erased_order_says_that_it_existed_and_nothing_of_it() -> None:
    story = explained(*BEGIN, scanned("delivered", 24, "k1"), event("erased", "e", 9999, reason="asked"))
    assert (story.state, story.row) == ("erased", "erased")
    assert (story.parcels, story.events, story.lines, story.conditions) == ((), (), (), ())
    assert story_text(story).count("\n") == 3


@given(tellings(orders=(KEY,)))
def test_any_order_has_a_story_that_agrees_with_its_document(telling: Telling) -> None:
    everything = [one if isinstance(one, Scan) else one[1] for one in telling.once]
    story, document = explained(*everything), fold(*everything)
    assert (story.state, list(story.conditions)) == (document["state"], document["conditions"])
    assert [one.stage for one in story.parcels] == [one["stage"] for one in document["parcels"]]
    for told_of, shown in zip(story.parcels, document["parcels"], strict=True):
        aside = [one.event_key for one in told_of.scans if one.set_aside]
        assert aside[-20:] == [one["event"] for one in shown["set_aside"]]
        opened = {one.name for one in told_of.conditions if one.cleared_at is None}
        assert opened == {one["name"] for one in shown["conditions"]}
    assert story_text(story).startswith("Order 1001")
