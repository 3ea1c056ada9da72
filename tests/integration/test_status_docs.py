"""The OpenAPI document and its page: every answer keeps what they promise."""

from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest

from tests.integration.status_door import Door, opened, order_path, settings
from tests.records import placed, scan, shipment

STORY = (placed(), shipment(), scan("accepted", minutes=60, place={"city": "Bath"}), scan(None, minutes=90))
PARCEL = order_path(shipment="royal-mail:AB1")


@pytest.fixture
async def door(database: str) -> AsyncIterator[Door]:
    """The API on a fresh database."""
    async with opened(settings(database)) as door:
        yield door


async def test_the_openapi_document_is_true(door: Door) -> None:
    await door.apply(*STORY)
    document = (await door.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        errors = {status: answer for status, answer in item["get"]["responses"].items() if int(status) >= 400}
        assert {"401", "404", "503"} <= set(errors), path
        assert {media for answer in errors.values() for media in answer["content"]} == {"application/problem+json"}
        assert item["get"]["security"], path
    for path, model in ((order_path(), "OrderDocument"), (PARCEL, "ShipmentDocument")):
        check(document, model, (await door.get(path)).json())
    check(document, "Problem", (await door.get(order_path("1002"))).json())
    check(document, "Problem", (await door.get(f"{PARCEL}?limit=0")).json())


def check(document: dict[str, Any], model: str, body: object) -> None:
    """Hold an answer against the model that the document promises; unknown fields would be promises not kept."""
    schema = {"$ref": f"#/components/schemas/{model}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)
    promised = document["components"]["schemas"][model]
    assert isinstance(body, dict)
    assert set(body) <= set(promised["properties"])


async def test_the_page_of_the_api_names_every_operation_and_model(door: Door) -> None:
    document = (await door.client.get("/openapi.json")).json()
    answer = await door.client.get("/docs")
    assert answer.status_code == 200
    for item in document["paths"].values():
        assert item["get"]["summary"] in answer.text
    for model in document["components"]["schemas"]:
        assert f'id="model-{model}"' in answer.text
    assert "<script" not in answer.text
    assert "forged.example" not in answer.text


async def test_the_page_of_the_api_can_be_switched_off(database: str) -> None:
    async with opened(settings(database, docs=False)) as door:
        for path in ("/docs", "/openapi.json", "/redoc"):
            assert (await door.client.get(path)).status_code == 404
