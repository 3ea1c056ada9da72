"""What a provider's answer makes of the parcels that were asked about."""

from collections.abc import Sequence

import pytest

from services.ingest.apis.base import Answer, Later, Refused, Registered, Trouble
from services.ingest.poller import outcomes
from services.ingest.poller.outcomes import Asked, Result, Retries
from services.ingest.poller.schedule import ALONE_AFTER, Operation
from services.ingest.poller.watched import Registration, Watched
from tests.unit.ingest.watching import START, after, parcel

NOW = after(hours=2)
RETRIES = Retries(random=lambda: 1.0, first_s=30, longest_s=3600)
ROWS = {key: parcel(shipment=key, number=key[-2:], registration=Registration.WAITING) for key in ("x:A1", "x:A2")}


def applied(operation: Operation, results: Sequence[Result], trouble: Trouble | None = None) -> dict[str, Watched]:
    return outcomes.apply(ROWS, Asked(operation, START, results, trouble), now=NOW, retries=RETRIES)


def test_each_parcel_gets_its_own_result() -> None:
    found = applied(Operation.REGISTER, [Registered("x:A1", "trk"), Refused("x:A2", "unknown")])
    assert (found["x:A1"].registration, found["x:A1"].reference, found["x:A1"].registered_at) == (
        "registered",
        "trk",
        NOW,
    )
    assert (found["x:A2"].registration, found["x:A2"].why, found["x:A2"].refused_at) == ("refused", "unknown", NOW)


def test_an_answer_for_several_is_an_answer_for_each_and_carries_when_it_was_asked() -> None:
    found = applied(Operation.READ, [Answer(("x:A1", "x:A2"), b"{}")])
    assert [row.asked_at for row in found.values()] == [START, START]


def test_a_number_that_cannot_be_read_is_not_refused_to_be_registered() -> None:
    found = applied(Operation.READ, [Refused("x:A1", "not found"), Answer(("x:A2",), b"{}")])
    assert (found["x:A1"].registration, found["x:A1"].why, found["x:A1"].asked_at) == ("waiting", "not found", START)


def test_a_parcel_that_no_result_names_is_tried_again_later() -> None:
    row = applied(Operation.READ, [Answer(("x:A1",), b"{}")])["x:A2"]
    assert (row.attempts, row.why, row.retry_at) == (1, "no_result", after(hours=2, seconds=30))


@pytest.mark.parametrize(("wish_s", "seconds"), [(None, 30), (5, 30), (90, 90)])
def test_a_provider_s_wish_is_kept_where_it_is_longer(wish_s: float | None, seconds: float) -> None:
    later = applied(Operation.READ, [Later("x:A1", "quota", wish_s)])["x:A1"]
    whole = applied(Operation.READ, (), Trouble("http_429", wish_s))["x:A1"]
    assert later.retry_at == whole.retry_at == after(hours=2, seconds=seconds)
    assert (later.why, whole.why, later.attempts) == ("quota", "http_429", 1)


def test_what_was_ended_is_ended() -> None:
    assert {row.registration for row in applied(Operation.END, ()).values()} == {"ended"}
    assert {row.registration for row in applied(Operation.END, (), Trouble("timeout")).values()} == {"waiting"}


@pytest.mark.parametrize(
    ("operation", "results", "trouble", "expected"),
    [
        (Operation.READ, [Answer(("x:A1",), b"")], None, {"answered": 1, "later": 1}),
        (Operation.REGISTER, [Registered("x:A1"), Refused("x:A2", "no")], None, {"registered": 1, "refused": 1}),
        (Operation.END, [], None, {"ended": 2}),
        (Operation.END, [], Trouble("timeout"), {"later": 2}),
    ],
)
def test_outcomes_are_counted(
    operation: Operation, results: Sequence[Result], trouble: Trouble | None, expected: dict[str, int]
) -> None:
    assert outcomes.count(ROWS, Asked(operation, START, results, trouble)) == expected


def test_a_limit_or_a_refused_key_is_no_parcel_s_fault_and_a_failure_without_a_word_may_be() -> None:
    told, silent = (applied(Operation.READ, (), Trouble("http_401", wish))["x:A1"] for wish in (900.0, None))
    assert (told.attempts, silent.attempts) == (0, 1)
    assert told.retry_at is not None
    assert told.why == "http_401"


def test_where_too_much_was_asked_for_at_once_each_parcel_is_asked_for_alone() -> None:
    row = applied(Operation.READ, (), Trouble("too_large", of_the_batch=True))["x:A1"]
    assert row.attempts == ALONE_AFTER
