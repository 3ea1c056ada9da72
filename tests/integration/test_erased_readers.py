"""What readers see of an erased or purged order: that it was erased, or nothing; by API, page and `explain`."""

import base64
from collections.abc import AsyncIterator

import pytest

from schemas.order_status import ORDER_STATUS
from services.runtime.errors import Exit
from services.runtime.life import Life
from services.runtime.settings import OperatorSettings, ServiceSettings
from services.status import explain_command
from services.status.answers import OrderDocument
from services.status.explain_answers import Story
from services.status.purge import Purge
from tests.integration.status_door import API_KEY, HANDLER, Door, link, opened, order_path, settings
from tests.outbox import values
from tests.records import event, placed, scan, shipment

STORY = (placed(printed="#77"), shipment(), scan("in_transit", minutes=60), scan("delivered", minutes=1700))
ERASED = event("erased", minutes=5000, reason="private words")
KEY = {"authorization": f"Basic {base64.b64encode(f'kim:{API_KEY}'.encode()).decode()}"}


@pytest.fixture
async def door(database: str) -> AsyncIterator[Door]:
    """The public port on a fresh database."""
    async with opened(settings(database)) as made:
        yield made


async def purge(door: Door) -> None:
    async with door.pool.acquire() as connection:
        await connection.execute("update status.orders set updated_at = now() - interval '401 days'")
    assert await Purge(Life("status", ServiceSettings()), door.pool, HANDLER.outputs, 400, 396).sweep() == 1


async def test_the_api_says_of_an_erased_order_that_it_was_and_nothing_else(door: Door) -> None:
    await door.apply(*STORY, ERASED)
    answer = await door.get(order_path())
    assert answer.status_code == 200
    found = OrderDocument.model_validate(answer.json())
    assert (found.state, found.change.version, found.change.reason) == ("erased", 5, "erased")
    assert (found.parcels, found.lines, found.milestones, found.printed) == ((), (), (), None)
    assert [one.type for one in found.events] == ["erased"]
    assert "private" not in answer.text
    assert (await door.get(order_path(shipment="S1"))).status_code == 404


async def test_it_is_the_same_state_that_was_told_last(door: Door) -> None:
    await door.apply(*STORY, ERASED)
    async with door.pool.acquire() as connection:
        told = ORDER_STATUS.validate_json((await values(connection))[-1])
    shown = ORDER_STATUS.validate_json((await door.get(order_path())).content)
    path = {"change": None}
    assert shown.model_copy(update=path) == told.model_copy(update=path)
    assert (shown.change.version, shown.change.state) == (told.change.version, told.change.state)


async def test_the_tracking_page_of_an_erased_order_says_so(door: Door) -> None:
    await door.apply(*STORY, ERASED)
    page = await door.page(link())
    assert page.status_code == 200
    assert "The data of this order were erased." in page.text
    assert "AB1" not in page.text


async def test_explain_tells_that_an_order_was_erased_on_every_way(door: Door, database: str) -> None:
    await door.apply(*STORY, ERASED)
    story = Story.model_validate((await door.get(f"{order_path()}/explain")).json())
    assert (story.state, story.row, story.unpublished, story.parcels) == ("erased", "erased", False, ())
    page = await door.client.get("/agent/orders/main/1001/explain", headers=KEY)
    assert (page.status_code, "erased" in page.text) == (200, True)
    operator = OperatorSettings(postgres=settings(database).postgres)
    found = await explain_command.find(operator, "1001", shop="main")
    assert [one.state for one in found.orders] == ["erased"]
    for number in ("AB1", "royal-mail:AB1", "#77"):
        with pytest.raises(Exit):
            await explain_command.find(operator, number, shop="main")


async def test_a_purged_order_is_unknown_to_everybody(door: Door, database: str) -> None:
    await door.apply(*STORY)
    await purge(door)
    for path in (order_path(), f"{order_path()}/explain"):
        assert (await door.get(path)).status_code == 404
    assert (await door.page(link())).status_code == 404
    operator = OperatorSettings(postgres=settings(database).postgres)
    for argument in ("1001", "AB1"):
        with pytest.raises(Exit):
            await explain_command.find(operator, argument, shop="main")
