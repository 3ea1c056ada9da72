"""What is done about a parcel next, and when: every rule at its edges."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.apis.base import Traits
from services.ingest.poller.schedule import Due, Duty, due, retry_delay
from services.ingest.poller.watched import Registration, Watched
from tests.unit.ingest.watching import PACE, START, after, parcel, polled, pulling, traits

REG = Registration
WAITING = parcel(registration=REG.WAITING, registered_at=None)
REFUSED = parcel(registration=REG.REFUSED, registered_at=None, refused_at=after(hours=1), why="unknown carrier")
UPS = traits(renew_after=timedelta(days=13))
SILENT_OFF = traits(reads=0)
UNASKED = parcel(registration=REG.NOT_NEEDED, registered_at=None)
HINTED = parcel(hinted_at=after(hours=2))


@pytest.mark.parametrize(
    ("row", "its", "expected"),
    [
        # Registering: at once, and after a refusal a day later again.
        (WAITING, traits(), Due(Duty.REGISTER, START)),
        (replace(WAITING, closed_at=after(hours=2)), traits(), None),
        (WAITING, traits(registers=0, reads=0), None),
        (REFUSED, SILENT_OFF, Due(Duty.REGISTER, after(hours=25))),
        (replace(REFUSED, closed_at=after(hours=2)), SILENT_OFF, None),
        # Renewing: before it expires, and never once nobody waits for the parcel.
        (parcel(), replace(UPS, reads=0), Due(Duty.RENEW, after(days=13))),
        (parcel(registered_at=after(days=13)), replace(UPS, reads=0), Due(Duty.RENEW, after(days=26))),
        (parcel(closed_at=after(days=1)), replace(UPS, reads=0, ends=0), None),
        (parcel(), SILENT_OFF, None),
        # Ending: a day after nobody waits for it, where something was registered.
        (parcel(closed_at=after(hours=3)), traits(), Due(Duty.END, after(hours=27))),
        (parcel(closed_at=after(hours=3)), traits(ends=0), None),
        (parcel(closed_at=after(hours=3), registration=REG.ENDED), traits(), None),
        (parcel(closed_at=after(hours=3), registration=REG.NOT_NEEDED), traits(), None),
        # Polling: at once, then by stage; never what is over.
        (polled(), pulling(), Due(Duty.POLL, START)),
        (polled(asked_at=START), pulling(), Due(Duty.POLL, after(hours=4))),
        (polled(asked_at=START, stage="out_for_delivery"), pulling(), Due(Duty.POLL, after(hours=1))),
        (polled(asked_at=START, stage="available_for_pickup"), pulling(), Due(Duty.POLL, after(hours=1))),
        (polled(asked_at=START, stage="announced"), pulling(), Due(Duty.POLL, after(hours=12))),
        (polled(closed_at=START), pulling(), None),
        (polled(), pulling(reads=0), None),
        # Silence: once, and while it lasts only after a week again.
        (parcel(), traits(), Due(Duty.SILENT, after(hours=24))),
        (parcel(told_at=after(hours=5)), traits(), Due(Duty.SILENT, after(hours=29))),
        (parcel(told_at=after(hours=5), asked_at=after(hours=29)), traits(), Due(Duty.SILENT, after(days=7, hours=29))),
        (parcel(told_at=after(hours=29), asked_at=after(hours=29)), traits(), Due(Duty.SILENT, after(hours=53))),
        (parcel(told_at=after(hours=30), asked_at=after(hours=29)), traits(), Due(Duty.SILENT, after(hours=54))),
        (UNASKED, traits(registers=0), Due(Duty.SILENT, after(hours=24))),
        (parcel(closed_at=after(hours=1), registration=REG.NOT_NEEDED), traits(), None),
        # Hints: a few seconds after the last one that no read has answered.
        (HINTED, traits(), Due(Duty.HINT, after(hours=2, seconds=5))),
        (replace(HINTED, asked_at=after(hours=1)), traits(), Due(Duty.HINT, after(hours=2, seconds=5))),
        (replace(HINTED, asked_at=after(hours=2), told_at=after(hours=2)), traits(), Due(Duty.SILENT, after(hours=26))),
        (parcel(hinted_at=after(hours=2), closed_at=after(hours=2)), traits(ends=0), None),
        (parcel(hinted_at=after(hours=2)), SILENT_OFF, None),
        # Somebody else's, or nobody's.
        (parcel(), None, None),
        (parcel(), traits("aftership"), None),
        (parcel(provider=None, registration=REG.NONE), None, None),
    ],
)  # fmt: skip
def test_a_parcel_is_due_when_its_rules_say(row: Watched, its: Traits | None, expected: Due | None) -> None:
    assert due(row, its, PACE) == expected


@pytest.mark.parametrize(
    ("row", "its"), [(parcel(asked_at=after(days=54)), traits()), (polled(asked_at=after(days=60)), pulling())]
)
def test_a_parcel_of_which_nothing_was_heard_for_sixty_days_is_left_alone(row: Watched, its: Traits) -> None:
    assert due(row, its, PACE) is None
    assert due(replace(row, told_at=after(days=30)), its, PACE) is not None


def test_what_failed_waits_for_its_next_try() -> None:
    row = replace(WAITING, retry_at=after(minutes=3), attempts=1)
    assert due(row, traits(), PACE) == Due(Duty.REGISTER, after(minutes=3))
    assert due(replace(row, retry_at=after(days=-1)), traits(), PACE) == Due(Duty.REGISTER, START)


@given(
    st.builds(
        parcel,
        registration=st.sampled_from(list(Registration)),
        closed_at=st.none() | st.just(after(days=2)),
        told_at=st.none() | st.just(after(days=1)),
        asked_at=st.none() | st.just(after(days=1, hours=3)),
        hinted_at=st.none() | st.just(after(days=1, hours=2)),
        refused_at=st.none() | st.just(after(hours=4)),
        stage=st.sampled_from(["announced", "in_transit", "out_for_delivery"]),
    ),
    st.builds(
        traits,
        reads=st.integers(0, 1),
        registers=st.integers(0, 1),
        ends=st.integers(0, 1),
        pushes=st.booleans(),
        renew_after=st.none() | st.just(timedelta(days=13)),
    ),
)
def test_nobody_is_asked_for_what_an_api_cannot_do_or_what_is_over(row: Watched, its: Traits) -> None:
    found = due(row, its, PACE)
    possible: dict[str, Any] = {
        Duty.END: its.ends and row.closed_at is not None,
        Duty.REGISTER: its.registers and row.closed_at is None,
        Duty.RENEW: its.renew_after and row.closed_at is None,
        Duty.HINT: its.reads and row.closed_at is None,
        Duty.POLL: its.reads and not its.pushes and row.closed_at is None,
        Duty.SILENT: its.reads and its.pushes and row.closed_at is None,
    }
    assert found is None or possible[found.duty]


@pytest.mark.parametrize(("attempts", "least", "most"), [(0, 15, 30), (1, 30, 60), (3, 120, 240), (60, 1800, 3600)])
def test_failures_wait_longer_each_time_and_never_at_the_same_moment(attempts: int, least: float, most: float) -> None:
    def delay(chance: float) -> float:
        return retry_delay(attempts, lambda: chance, first_s=30, longest_s=3600)

    assert (delay(0.0), delay(1.0)) == (least, most)
    assert delay(0.3) < delay(0.6)
