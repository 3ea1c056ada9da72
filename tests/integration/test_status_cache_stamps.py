"""Each stamp by which a process knows that its rows are still so is taken out once: then a case goes wrong."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from services.status import loaded, loading, repository, saving
from tests.integration import test_status_cache as cases
from tests.integration.cache_stage import Process, processes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
async def both(database: str) -> AsyncIterator[list[Process]]:
    """Two processes on a fresh database."""
    async with processes(database, 2) as opened:
        yield opened


def no_creation(patch: pytest.MonkeyPatch) -> None:
    """Take out when a shipment was created."""
    real = repository._stamp  # noqa: SLF001
    patch.setattr(repository, "_stamp", lambda row: real(row)._replace(created_at=EPOCH))


def no_revision(patch: pytest.MonkeyPatch) -> None:
    """Take out that rows were changed or deleted."""
    real = repository._stamp  # noqa: SLF001
    patch.setattr(repository, "_stamp", lambda row: real(row)._replace(revision=0))


def no_next_n(patch: pytest.MonkeyPatch) -> None:
    """Take out that rows were appended."""

    async def nothing(*_: object) -> list[Any]:
        return []

    patch.setattr(repository, "read_on", nothing)


def no_events(patch: pytest.MonkeyPatch) -> None:
    """Take out that an order's own events changed."""
    patch.setattr(saving, "COUNT_EVENTS", "update status.orders set events = 1 where order_key = any($1::text[])")
    real = loaded.Loaded._order  # noqa: SLF001
    patch.setattr(loaded.Loaded, "_order", lambda one, order, _: replace(real(one, order, set()), events_stamp=1))


def no_version(patch: pytest.MonkeyPatch) -> None:
    """Take out which version an order was at."""
    real = loading.Loading._orders  # noqa: SLF001

    async def lock(self: Any, orders: Any) -> Any:
        rows, known = await real(self, orders)
        return rows, {key: replace(one, version=rows[key].version) for key, one in known.items()}

    patch.setattr(loading.Loading, "_orders", lock)


#: What is taken out, and what fails then.
STAMPS: Final[dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[list[Process]], Awaitable[None]]]]] = {
    "created_at": (no_creation, cases.test_an_expired_shipment_that_another_process_made_anew_is_not_the_known_one),
    "revision, of what was told earlier": (no_revision, cases.test_a_reading_told_earlier_by_another_process_counts),
    "revision, of what was erased": (no_revision, cases.test_an_erased_claim_on_a_shared_parcel_is_gone),
    "next_n": (no_next_n, cases.test_what_another_process_appended_to_a_sibling_is_seen),
    "events": (no_events, cases.test_an_event_that_another_process_told_of_an_order_counts),
    "events, of another content": (
        no_events,
        cases.test_an_order_event_that_another_process_replaced_by_the_other_content_counts,
    ),
    "version": (no_version, cases.test_a_change_is_compared_with_what_another_process_showed_last),
}


@pytest.mark.parametrize("stamp", STAMPS)
async def test_without_a_stamp_something_stale_is_used(
    both: list[Process], monkeypatch: pytest.MonkeyPatch, stamp: str
) -> None:
    take_out, case = STAMPS[stamp]
    take_out(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):  # it ends otherwise, or an order is not where its claims say
        await case(both)
