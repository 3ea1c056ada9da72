"""When a timer must look first: what is kept of a parcel's dates says the same as asking its whole state anew."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from services.status.awaited import first_dates, look
from services.status.replay import World
from tests.unit.status.windows import Item, items_of, world_of

SCENARIOS: Final = sorted((Path(__file__).parents[3] / "services" / "local" / "scenarios").glob("*.jsonl"))


def asked_anew(world: World) -> dict[str, datetime | None]:
    """Return the first date of each order, folded whole."""
    awaited = {order: look(order, events.values(), world.histories) for order, events in world.events.items()}
    return {order: min((one.expectation.due_at for one in found), default=None) for order, found in awaited.items()}


def differing(items: Sequence[Item]) -> list[str]:
    """Return the places after which a date differs; dates are asked for after each record, as small batches do."""
    world, found = world_of(items), []
    for place, item in enumerate(items):
        world.apply(item)
        expected = asked_anew(world)
        if any(at != expected[order] for order, at in first_dates(world).items()):
            found.append(f"after record {place + 1}")
    return found


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_what_is_kept_of_dates_is_what_the_state_awaits(path: Path) -> None:
    items = items_of(path)
    assert differing(items) == []
    assert differing(list(reversed(items))) == []


def test_a_date_that_is_kept_behind_its_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date is kept with the number of scans it is of; without that some scenario shows an old one."""
    monkeypatch.setattr("services.status.awaited.len", lambda _: 0, raising=False)
    assert any(differing(items_of(path)) for path in SCENARIOS)
