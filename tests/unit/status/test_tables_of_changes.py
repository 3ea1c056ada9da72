"""The tables of what a version changed, row by row: what corrects, what is told for good, who is asked first."""

from typing import Any

import pytest

from schemas.vocabulary import Bucket, Condition, Milestone, ScanKind, Stage
from services.runtime.kafka import Record
from services.status.changes import action, change_of
from services.status.inputs import SCANS, OrderIn, ScanIn
from services.status.order import Document
from tests.builders import KEY, make_scan
from tests.unit.status.making import told

RECORD = Record(SCANS, partition=0, offset=0, timestamp_ms=0, key=b"", value=b"", headers=())
PHYSICAL = {"accepted", "in_transit", "out_for_delivery", "attempted", "available_for_pickup", "delivered", "returned"}


def scanned(kind: str = "scan") -> ScanIn:
    scan = make_scan(kind=kind)
    return ScanIn(RECORD, scan, scan.key, "hash")


def document(stage: str, *told_of: str, conditions: tuple[str, ...] = (), **fields: Any) -> Document:
    milestones = [{"name": name, "occasion": "claim", "event_key": "k0"} for name in told_of]
    shown = [{"name": name} for name in conditions]
    parcel = {"shipment": "S1", "stage": stage, "leg": "outbound", "conditions": shown, "milestones": milestones,
              "key": "royal-mail:AB123456785GB", "substatus": None, "set_by": None, "set_aside": []}  # fmt: skip
    return {"shop": "main", "order": "1001", "state": "in_transit", "substatus": None, "parcels": [parcel | fields],
            "lines": [], "conditions": [], "milestones": [], "set_aside": []}  # fmt: skip


def reason(item: ScanIn | OrderIn, now: Document, before: Document) -> str | None:
    """Return why it is a correction; None where it is none, whatever its reason."""
    change = change_of(item, now, version=2, previous=before)
    return str(change["reason"]) if change["correction"] else None


@pytest.mark.parametrize("kind", ["shipment_corrected", "shipment_voided", "override_set", "override_ended"])
def test_what_the_shop_takes_back_corrects(kind: str) -> None:
    assert reason(OrderIn(RECORD, KEY, told(kind)), document("in_transit"), document("accepted")) == kind


@pytest.mark.parametrize("kind", list(ScanKind))
def test_a_withdrawal_and_an_agents_word_correct_and_no_other_scan(kind: ScanKind) -> None:
    found = reason(scanned(kind), document("in_transit"), document("accepted"))
    assert found == (kind if kind in {"void", "override"} else None)


@pytest.mark.parametrize("name", list(Milestone))
def test_what_was_told_for_good_and_is_gone_was_withdrawn(name: Milestone) -> None:
    found = reason(scanned(), document("in_transit"), document("in_transit", name))
    assert found == ("withdrawn" if name in {"delivered", "returned", "lost"} else None)


@pytest.mark.parametrize("leg", ["outbound", "return"])
@pytest.mark.parametrize("stage", list(Stage))
def test_an_end_that_the_parcel_left_again_was_told_wrongly(stage: str, leg: str) -> None:
    now = document(stage, leg=leg)
    reopened = leg == "outbound" and stage in PHYSICAL - {"delivered", "returned"}
    assert reason(scanned(), now, document("delivered")) == ("reopened" if reopened else None)
    assert reason(scanned(), now, document("lost")) == ("found" if stage in PHYSICAL else None)
    moving = "shipped_although_cancelled" if stage in PHYSICAL else None
    assert reason(scanned(), now, document("cancelled")) == moving
    assert reason(scanned(), now, document("disposed")) is None


@pytest.mark.parametrize("stage", list(Stage))
def test_a_problem_of_a_parcel_is_somebodys_at_its_end_too_unless_the_label_was_withdrawn(stage: str) -> None:
    asked = action(document(stage, conditions=(Condition.PAYMENT_DUE,)))
    assert asked == ((False, "carrier") if stage == "cancelled" else (True, "customer"))


@pytest.mark.parametrize("name", list(Condition))
def test_the_table_of_words_says_whom_each_condition_of_a_delivered_parcel_asks(name: str) -> None:
    asks = {
        "payment_due": "customer", "pickup_expiring": "customer", "address_problem": "shop",
        "documents_missing": "shop", "damaged": "shop", "refused": "shop",
        "action_required": "shop", "contradiction": "shop",
    }  # fmt: skip
    expected = (name in asks, asks.get(name, "carrier"))
    assert action(document("delivered", conditions=(name,))) == expected


@pytest.mark.parametrize("leg", ["outbound", "return"])
@pytest.mark.parametrize("stage", list(Stage))
def test_a_parcel_asks_for_itself_whatever_the_order_shows(stage: str, leg: str) -> None:
    asks = {"lost": "shop", "disposed": "shop"}
    if leg == "outbound":  # what waits on its way back waits for no customer
        asks["available_for_pickup"] = "customer"
    assert action(document(stage, leg=leg)) == (stage in asks, asks.get(stage, "carrier"))


@pytest.mark.parametrize("bucket", list(Bucket))
def test_units_at_the_store_ask_for_the_customer_whatever_the_order_shows(bucket: str) -> None:
    waiting = document("in_transit") | {"lines": [{"line": "1", "buckets": {bucket: 1}}]}
    assert action(waiting) == ((True, "customer") if bucket == "ready" else (False, "carrier"))
    assert action(waiting | {"state": "on_hold"}) == (True, "shop")


@pytest.mark.parametrize("state", ["delivered", "partially_delivered", "partially_shipped"])
def test_a_requested_return_is_for_the_customer_to_hand_in(state: str) -> None:
    assert action(document("delivered") | {"state": state, "conditions": ["return_requested"]}) == (False, "customer")


@pytest.mark.parametrize(("state", "acts"), [("in_transit", "carrier"), ("delivered", "shop")])
def test_who_is_named_by_the_state_acts_before_who_is_named_by_a_condition(state: str, acts: str) -> None:
    assert action(document("delivered") | {"state": state, "conditions": ["delayed"]}) == (False, acts)


def test_nobody_acts_where_nothing_is_asked() -> None:
    assert action(document("delivered") | {"state": "delivered"}) == (False, "nobody")


def test_the_customer_is_asked_before_the_shop() -> None:
    both = document("in_transit", conditions=(Condition.DAMAGED, Condition.PAYMENT_DUE))
    assert action(both) == (True, "customer")
