"""The OpenAPI document as its page shows it: operations, parameters, answers, and the fields of every model. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something a caller sends."""

    name: str
    place: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible answer."""

    status: str
    text: str
    media_type: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked."""

    id: str
    verb: str
    path: str
    summary: str
    text: str
    example: str
    parameters: tuple[Parameter, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model."""

    name: str
    type: str
    model: str | None
    """The model it links to."""
    text: str


@dataclass(frozen=True, slots=True)
class Model:
    """One model."""

    name: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ApiView:
    """All that the template may use."""

    title: str
    version: str
    text: str
    access: tuple[str, ...]
    operations: tuple[Operation, ...]
    models: tuple[Model, ...]


def api_view(document: Json, base_url: str) -> ApiView:
    """Return the page of an OpenAPI document; `base_url` is where the examples ask."""
    info, components = document["info"], document["components"]
    return ApiView(
        title=info["title"],
        version=info["version"],
        text=info["description"],
        access=tuple(scheme.get("description", "") for scheme in components.get("securitySchemes", {}).values()),
        operations=tuple(
            _operation(verb, path, found, base_url)
            for path, item in document["paths"].items()
            for verb, found in item.items()
        ),
        models=tuple(_model(name, schema) for name, schema in components["schemas"].items()),
    )


def _operation(verb: str, path: str, found: Json, base_url: str) -> Operation:
    parameters = tuple(_parameter(one) for one in found.get("parameters", ()))
    filled = path
    for one in found.get("parameters", ()):
        examples = one.get("schema", {}).get("examples") or [f"<{one['name']}>"]
        filled = filled.replace(f"{{{one['name']}}}", str(examples[0]))
    return Operation(
        id=found["operationId"],
        verb=verb.upper(),
        path=path,
        summary=found.get("summary", ""),
        text=found.get("description", ""),
        example=f'curl -H "Authorization: Bearer $API_KEY" "{base_url}{filled}"',
        parameters=parameters,
        answers=tuple(_answer(status, one) for status, one in found["responses"].items()),
    )


def _parameter(one: Json) -> Parameter:
    return Parameter(one["name"], one["in"], one.get("required", False), one.get("description", ""))


def _answer(status: str, one: Json) -> Answer:
    contents: Json = one.get("content", {})
    media_type = next(iter(contents), None)
    model = None if media_type is None else _named(contents[media_type].get("schema", {}))
    return Answer(status, one.get("description", ""), media_type, model)


def _model(name: str, schema: Json) -> Model:
    required = set(schema.get("required", ()))
    return Model(
        name,
        schema.get("description", ""),
        tuple(
            Field(
                field,
                _type(found) + ("" if field in required else ", may be absent"),
                _named(found),
                found.get("description", ""),
            )
            for field, found in schema.get("properties", {}).items()
        ),
    )


def _type(schema: Json) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return _name(schema["$ref"])
    if "const" in schema or "enum" in schema:
        return " or ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(extra := schema.get("additionalProperties"), dict):
        return f"mapping to {_type(extra)}"
    return {"date-time": "RFC 3339 time", "date": "date"}.get(schema.get("format", ""), kind)


def _named(schema: Json) -> str | None:
    """Return the model that a schema is, holds or may be."""
    if "$ref" in schema:
        return _name(schema["$ref"])
    inner = [*schema.get("anyOf", ()), schema.get("items", {})]
    return next((found for one in inner if one and (found := _named(one)) is not None), None)


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
