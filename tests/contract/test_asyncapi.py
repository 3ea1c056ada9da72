"""The AsyncAPI document: it says what the topic records say, and every reference in it leads somewhere."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from schemas import asyncapi, export
from schemas.topics import TOPICS, Topic

DOCUMENT = asyncapi.document()

#: What AsyncAPI 3.0 asks of the parts that we use.
REFERENCE = {"type": "object", "required": ["$ref"], "properties": {"$ref": {"type": "string"}}, "maxProperties": 1}
STRUCTURE = {
    "type": "object",
    "required": ["asyncapi", "info", "channels", "operations"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {"type": "object", "required": ["title", "version"]},
        "defaultContentType": {"type": "string"},
        "channels": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["address", "messages"],
                "properties": {"messages": {"type": "object", "additionalProperties": REFERENCE, "minProperties": 1}},
            },
        },
        "operations": {
            "type": "object",
            "propertyNames": {"pattern": r"^[A-Za-z0-9_.-]+$"},
            "additionalProperties": {
                "type": "object",
                "required": ["action", "channel", "messages"],
                "properties": {
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "messages": {"type": "array", "items": REFERENCE, "minItems": 1},
                },
            },
        },
        "components": {"type": "object", "propertyNames": {"enum": ["messages", "schemas"]}},
    },
}


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref")
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_the_document_has_the_structure_of_asyncapi_3() -> None:
    jsonschema.Draft202012Validator(STRUCTURE).validate(DOCUMENT)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        if reference.startswith("#/"):
            part: Any = DOCUMENT
            for name in reference[2:].split("/"):
                part = part[name]
        else:
            jsonschema.Draft202012Validator.check_schema(json.loads((export.ROOT / reference).read_text()))


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_a_topic_stands_in_it_with_its_key_writers_readers_and_limits(topic: Topic) -> None:
    channel = DOCUMENT["channels"][topic.name]
    assert channel["address"] == topic.name
    assert topic.key in channel["description"]
    assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
    own = [one for one in DOCUMENT["operations"].values() if one["channel"]["$ref"] == f"#/channels/{topic.name}"]
    assert len([one for one in own if one["action"] == "send"]) == len(topic.written_by)
    assert len([one for one in own if one["action"] == "receive"]) == len(topic.read_by)
    assert ("payload" in DOCUMENT["components"]["messages"][topic.name]) == (topic.model is not None)


def test_what_is_kept_for_good_has_no_retention() -> None:
    kept = {name: one["bindings"]["kafka"]["topicConfiguration"] for name, one in DOCUMENT["channels"].items()}
    assert kept["order.snapshots.v1"]["cleanup.policy"] == ["compact"]
    assert {name for name, one in kept.items() if "retention.ms" not in one} == {"order.snapshots.v1"}
