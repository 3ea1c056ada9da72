"""When an order's silence counts, bucket by bucket: what is still to come, and what has not begun (E15)."""

import pytest

from schemas.scans import Scan
from services.status.expectations import Rule
from services.status.order_facts import StoredEvent, gather
from services.status.order_times import outlook_of_order, unexpected
from services.status.parcel_fold import fold_parcels, units_of
from tests.builders import KEY, after, make_scan
from tests.unit.status.making import Told, histories_of, told

PLACED = told(lines=[{"line": "1", "quantity": 1}], event_id="p")
PARCEL = told("shipment_created")


def scanned(stage: str, **overrides: str) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=2), **overrides)


@pytest.mark.parametrize(
    ("everything", "to_come", "started"),
    [
        ((), True, False),
        ((told("picking_started"),), True, False),
        ((told("ready_to_collect"),), True, True),
        ((told("collected"),), False, True),
        ((told("cancelled"),), False, False),
        ((PARCEL, scanned("in_transit")), True, True),
        ((PARCEL, scanned("in_transit", leg="return")), True, True),
        ((PARCEL, scanned("delivered")), False, True),
        ((PARCEL, scanned("returned")), False, True),
        ((PARCEL, scanned("lost")), False, True),
    ],
    ids=["open", "picking", "ready", "collected", "cancelled", "shipped", "returning", "delivered", "returned", "lost"],
)
def test_each_bucket_says_whether_it_is_to_come_and_whether_it_has_begun(
    everything: tuple[Told, ...], *, to_come: bool, started: bool
) -> None:
    events = [PLACED, *(one for one in everything if isinstance(one, StoredEvent))]
    facts, histories = gather(events), histories_of({KEY: events}, [one for one in everything if isinstance(one, Scan)])
    outlook = outlook_of_order(facts, units_of(fold_parcels(KEY, facts, histories)))
    assert (outlook.open, outlook.started) == (to_come, started)


@pytest.mark.parametrize("rule", [Rule.PROMISE_MISSED, Rule.NEVER_DISPATCHED])
def test_a_rule_of_the_order_with_a_strange_basis_is_not_expected(rule: Rule) -> None:
    time = told("time_reached", rule=rule, basis="oms#nothing", due_at=after(days=9))
    assert unexpected(KEY, gather([PLACED, time]), {}) == {time.key}


def test_the_end_of_an_override_is_its_parcels_and_none_of_the_orders() -> None:
    time = told("time_reached", rule=Rule.OVERRIDE_EXPIRED, basis="oms#nothing", due_at=after(days=9))
    assert unexpected(KEY, gather([PLACED, time]), {}) == frozenset()


@pytest.mark.parametrize("days", [4, 9])
def test_an_order_that_was_erased_by_then_expects_nothing(days: float) -> None:
    erased = told("erased", occurred_at=after(days=days))
    time = told("time_reached", rule=Rule.NEVER_DISPATCHED, basis="oms#p", due_at=after(days=5))
    assert unexpected(KEY, gather([PLACED, erased, time]), {}) == ({time.key} if days < 5 else frozenset())
