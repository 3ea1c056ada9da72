"""The AsyncAPI 3.0 document of all topics, made from the topic records; written and compared by `schemas.export`.

Values are not repeated in it: a message points to its topic's JSON Schema file beside it.
"""

from typing import Any, Final

from schemas.envelope import CONTENT_TYPE, SPEC_VERSION
from schemas.topics import TOPICS, Topic

Json = dict[str, Any]

ASYNCAPI_VERSION: Final = "3.0.0"
SCHEMA_FORMAT: Final = "application/schema+json;version=draft-2020-12"
#: What a body that we keep as it came is: any bytes.
_RAW: Final = "application/octet-stream"
_BINDING_VERSION: Final = "0.5.0"


def document() -> Json:
    """Return the whole document."""
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Trackfold topics",
            "version": "1",
            "description": "Every topic of Trackfold: what is in it, its key, who writes and who reads it. "
            "Generated from schemas/topics.py; do not edit.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": {
            f"{who.replace(' ', '_')}.{verb}.{topic.name}": _operation(topic, action=action, who=who)
            for topic in TOPICS.values()
            for action, verb, parties in (("send", "writes", topic.written_by), ("receive", "reads", topic.read_by))
            for who in parties
        },
        "components": {
            "messages": {topic.name: _message(topic) for topic in TOPICS.values()},
            "schemas": {"cloudEventHeaders": _headers()},
        },
    }


def _channel(topic: Topic) -> Json:
    restricted = " Restricted: it may hold personal data." if topic.restricted else ""
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}.{restricted}",
        "messages": {"record": {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": _BINDING_VERSION,
            }
        },
    }


def _configuration(topic: Topic) -> Json:
    configuration: Json = {"cleanup.policy": [topic.cleanup], "max.message.bytes": topic.max_message_bytes}
    if topic.retention is not None:
        configuration["retention.ms"] = int(topic.retention.total_seconds() * 1000)
    return configuration


def _operation(topic: Topic, *, action: str, who: str) -> Json:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "title": f"{who} {'writes' if action == 'send' else 'reads'} {topic.name}",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/record"}],
    }


def _message(topic: Topic) -> Json:
    message: Json = {
        "name": topic.name,
        "contentType": _RAW if topic.model is None else CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/cloudEventHeaders"},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": _BINDING_VERSION}
        },
    }
    if topic.model is not None:
        file = f"./{topic.stem}/v{topic.version}.json"
        message["payload"] = {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": file}}
    return message


def _headers() -> Json:
    """Return the headers that every record may carry: CloudEvents 1.0 in binary mode, and the trace."""
    attributes = ("ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "content-type", "traceparent")
    return {
        "type": "object",
        "properties": {
            "ce_specversion": {"type": "string", "const": SPEC_VERSION},
            **{name: {"type": "string"} for name in attributes},
        },
    }
