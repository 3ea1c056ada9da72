"""Who must act, per status: the part of the table of words that decides, written out once more by hand."""

from collections.abc import Hashable, Mapping

import pytest

from schemas.vocabulary import Condition, Leg, OrderState, Stage
from schemas.words import (
    CONDITION_WORDS,
    ORDER_CONDITION_WORDS,
    ORDER_SUBSTATUS_WORDS,
    ORDER_WORDS,
    PARCEL_SUBSTATUS_WORDS,
    PARCEL_WORDS,
    RETURN_ANNOUNCED,
    RETURNING,
    SHIPPED_WITHOUT_SCAN,
    Words,
    order_words,
    parcel_words,
)

#: Per table: who acts next, and of these the statuses in which nothing goes on unless they do.
ORDERS = {
    "nobody": {"delivered", "collected", "cancelled", "erased"},
    "customer": {"awaiting_payment", "ready_to_collect"},
    "shop": {
        "on_hold", "processing", "picking", "partially_shipped", "partially_returned", "returned", "lost",
        "closed_short",
    },
    "carrier": {"shipped", "in_transit", "out_for_delivery", "partially_delivered", "attempted", "returning"},
}  # fmt: skip
ORDERS_WAIT = {"awaiting_payment", "on_hold", "ready_to_collect", "lost", "closed_short"}
PARCELS = {
    "nobody": {"delivered", "cancelled"},
    "customer": {"available_for_pickup"},
    "shop": {"announced", "returned", "disposed", "lost"},
    "carrier": {"not_found", "accepted", "in_transit", "out_for_delivery", "attempted"},
}
PARCELS_WAIT = {"available_for_pickup", "disposed", "lost"}
CONDITIONS = {
    "nobody": {"expired_tracking"},
    "customer": {"payment_due", "pickup_expiring"},
    "shop": {"address_problem", "documents_missing", "damaged", "refused", "action_required", "contradiction"},
    "carrier": {
        "delayed", "silent", "held", "customs_hold", "missorted", "weather", "redirect_pending", "redirected",
        "appointment_booked", "investigation_open",
    },
}  # fmt: skip
CONDITIONS_WAIT = CONDITIONS["customer"] | CONDITIONS["shop"]
SUBSTATUS_OF_ORDERS = {
    "carrier": {("attempted", "not_really_attempted")},
    "shop": {("returned", "not_collected"), ("partially_returned", "not_collected")},
}
SUBSTATUS_OF_PARCELS = {"carrier": {("attempted", "not_really_attempted")}}
OF_ORDERS = {"shop": {"delayed", "exception", "backordered"}, "customer": {"return_requested"}}


def acting(table: Mapping[Hashable, Words]) -> dict[str, set[Hashable]]:
    return {who: {name for name in table if table[name].acts == who} for who in {one.acts for one in table.values()}}


def waiting(table: Mapping[Hashable, Words]) -> set[Hashable]:
    return {name for name, words in table.items() if words.required}


@pytest.mark.parametrize(
    ("table", "who", "waits"),
    [
        (ORDER_WORDS, ORDERS, ORDERS_WAIT),
        (PARCEL_WORDS, PARCELS, PARCELS_WAIT),
        (CONDITION_WORDS, CONDITIONS, CONDITIONS_WAIT),
        (ORDER_CONDITION_WORDS, OF_ORDERS, set()),
        (ORDER_SUBSTATUS_WORDS, SUBSTATUS_OF_ORDERS, set()),
        (PARCEL_SUBSTATUS_WORDS, SUBSTATUS_OF_PARCELS, set()),
    ],
    ids=["orders", "parcels", "conditions", "conditions of orders", "sub-statuses of orders", "of parcels"],
)
def test_each_status_says_who_acts_and_whether_it_waits_for_them(
    table: Mapping[Hashable, Words], who: dict[str, set[Hashable]], waits: set[Hashable]
) -> None:
    assert acting(table) == who
    assert waiting(table) == waits


@pytest.mark.parametrize(
    ("vocabulary", "who"), [(OrderState, ORDERS), (Stage, PARCELS), (Condition, CONDITIONS)], ids=str
)
def test_the_tables_here_name_every_status(vocabulary: type[str], who: dict[str, set[str]]) -> None:
    assert set().union(*who.values()) == {str(one) for one in vocabulary}  # type: ignore[attr-defined] # an enumeration


@pytest.mark.parametrize("leg", list(Leg))
@pytest.mark.parametrize("stage", list(Stage))
def test_a_parcel_reads_its_stage_and_on_the_way_back_where_that_ends(stage: Stage, leg: Leg) -> None:
    labelled, ended = {"not_found", "announced"}, {"returned", "lost", "disposed", "cancelled"}
    back = RETURN_ANNOUNCED if stage in labelled else RETURNING
    assert parcel_words(stage, leg) is (back if leg == "return" and stage not in ended else PARCEL_WORDS[stage])


def test_a_parcel_that_was_dispatched_and_not_scanned_says_so_on_its_way_out() -> None:
    assert parcel_words(Stage.ANNOUNCED, Leg.OUTBOUND, dispatched=True) is SHIPPED_WITHOUT_SCAN
    assert parcel_words(Stage.ANNOUNCED, Leg.RETURN, dispatched=True) is RETURN_ANNOUNCED
    assert parcel_words(Stage.ACCEPTED, Leg.OUTBOUND, dispatched=True) is PARCEL_WORDS[Stage.ACCEPTED]


@pytest.mark.parametrize("row", ORDER_SUBSTATUS_WORDS)
def test_a_sub_status_with_a_row_speaks_for_its_state_and_another_does_not(row: tuple[str, str]) -> None:
    state = OrderState(row[0])
    assert order_words(state, row[1]) is ORDER_SUBSTATUS_WORDS[row]
    assert order_words(state, "soggy") is order_words(state) is ORDER_WORDS[state]


def test_r9_no_attempt_is_said_to_be_none() -> None:
    told = (
        parcel_words(Stage.ATTEMPTED, Leg.OUTBOUND, "not_really_attempted"),
        order_words(OrderState.ATTEMPTED, "not_really_attempted"),
    )
    assert [one.status for one in told] == ["No Attempt Made"] * 2
    assert all("The courier reported that no attempt was made" in one.sentence for one in told)
    assert parcel_words(Stage.ATTEMPTED, Leg.OUTBOUND, "nobody_home").status == "Delivery Attempted"
