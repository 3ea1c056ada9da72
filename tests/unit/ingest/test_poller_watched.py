"""What happens to a watched parcel: opened, told, missed, answered, refused, ended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.ingest.apis.base import Traits
from services.ingest.poller import watched
from services.ingest.poller.watched import SEEN, Registration, first_registration
from tests.unit.ingest.watching import START, after, parcel, polled, pulling, telling, traits

GRACE = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("its", "expected"),
    [
        (None, Registration.NONE),
        (pulling(), Registration.PULL),
        (traits(), Registration.WAITING),
        (traits(registers=0), Registration.NOT_NEEDED),
    ],
)
def test_how_a_parcel_is_heard_of_follows_from_its_provider(its: Traits | None, expected: Registration) -> None:
    assert first_registration(its) is expected


def test_a_scan_that_only_a_read_brings_was_missed_by_the_webhooks() -> None:
    row = watched.told(parcel(), [telling(1, hours=1)], hint=False, grace=GRACE)
    row = watched.told(
        row,
        [telling(1, hours=1, told=26, pulled=True), telling(2, hours=2, told=26, pulled=True)],
        hint=False,
        grace=GRACE,
    )
    assert (row.missed, row.told_at, row.event_at) == (1, after(hours=26), after(hours=2))
    assert watched.told(row, [telling(2, hours=2, told=50, pulled=True)], hint=False, grace=GRACE) == row


@pytest.mark.parametrize(
    "one",
    [
        telling(7, hours=-1, told=26, pulled=True),
        telling(7, hours=25.9, told=26, pulled=True),
        telling(7, hours=2, told=26, pulled=True, counts=False),
        telling(7, hours=2, told=26),
    ],
    ids=["before we were told at all", "perhaps still on its way", "a summary", "by webhook"],
)
def test_what_is_no_missed_webhook(one: watched.Telling) -> None:
    row = watched.told(parcel(), [one], hint=False, grace=GRACE)
    assert (row.missed, row.told_at) == (0, one.told_at)


def test_a_polled_carrier_misses_no_webhooks_because_it_sends_none() -> None:
    row = watched.told(polled(), [telling(1, hours=1, told=5, pulled=True)], hint=False, grace=GRACE)
    assert (row.missed, row.told_at) == (0, after(hours=5))


def test_repeated_histories_are_no_news() -> None:
    row = watched.told(parcel(), [telling(1), telling(2)], hint=False, grace=GRACE)
    assert watched.told(row, [telling(2, told=9), telling(1, told=9)], hint=False, grace=GRACE) == row


def test_the_memory_of_a_parcel_has_a_bound() -> None:
    row = watched.told(parcel(), [telling(number) for number in range(SEEN + 50)], hint=False, grace=GRACE)
    assert len(row.seen) == SEEN
    assert row.seen[-1] == SEEN + 49


def test_only_webhooks_that_nobody_signed_are_hints() -> None:
    def hinted(*, hint: bool, pulled: bool) -> object:
        return watched.told(parcel(), [telling(1, pulled=pulled)], hint=hint, grace=GRACE).hinted_at

    assert hinted(hint=True, pulled=False) == after(hours=1)
    assert hinted(hint=True, pulled=True) is None
    assert hinted(hint=False, pulled=False) is None


def test_a_repeated_hint_is_a_hint_again() -> None:
    row = watched.told(parcel(), [telling(1)], hint=True, grace=GRACE)
    assert watched.told(row, [telling(1, told=8)], hint=True, grace=GRACE).hinted_at == after(hours=8)


def test_a_parcel_nobody_waits_for_any_more_is_closed_once() -> None:
    row = watched.wanted(parcel(attempts=2, retry_at=START), None, at=after(hours=3), traits=traits())
    assert (row.closed_at, row.attempts, row.retry_at) == (after(hours=3), 0, None)
    assert watched.wanted(row, None, at=after(hours=9), traits=traits()) == row


def test_a_parcel_that_is_wanted_again_begins_anew_where_its_registration_was_ended() -> None:
    closed = parcel(closed_at=after(hours=3))
    again = watched.wanted(closed, "in_transit", at=after(hours=9), traits=traits())
    assert (again.closed_at, again.opened_at, again.registration) == (None, after(hours=9), Registration.REGISTERED)
    ended = watched.ended(closed)
    assert watched.wanted(ended, "in_transit", at=after(hours=9), traits=traits()).registration == Registration.WAITING


def test_a_new_stage_alone_changes_nothing_else() -> None:
    row = parcel()
    assert watched.wanted(row, "attempted", at=after(hours=9), traits=traits()) == replace(row, stage="attempted")


def test_given_to_another_provider_it_is_registered_there_from_the_beginning() -> None:
    row = parcel(reference="trk_1", asked_at=START, why="odd", attempts=4, retry_at=START)
    found = watched.served(row, traits("aftership"))
    assert (found.provider, found.registration, found.reference) == ("aftership", Registration.WAITING, None)
    assert (found.asked_at, found.registered_at, found.why, found.attempts, found.retry_at) == (
        None,
        None,
        None,
        0,
        None,
    )
    assert watched.served(row, None).registration is Registration.NONE


def test_a_refusal_says_why_until_it_is_registered_after_all() -> None:
    row = watched.refused(parcel(registration=Registration.WAITING), "x" * 500, at=after(hours=1))
    assert (row.registration, row.why, row.refused_at) == (Registration.REFUSED, "x" * 200, after(hours=1))
    assert watched.answered(row, at=after(hours=2)).why == "x" * 200
    row = watched.registered(row, "trk_1", at=after(hours=3))
    assert (row.registration, row.why, row.reference) == (Registration.REGISTERED, None, "trk_1")
    assert watched.registered(row, None, at=after(hours=4)).reference == "trk_1"


def test_a_number_that_cannot_be_read_yet_is_asked_for_in_its_time() -> None:
    row = watched.unknown(polled(attempts=3, retry_at=START), "ESB-10001", at=after(hours=1))
    assert (row.asked_at, row.why, row.attempts, row.retry_at) == (after(hours=1), "ESB-10001", 0, None)
    assert watched.answered(row, at=after(hours=5)).why is None
