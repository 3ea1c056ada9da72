"""The OpenAPI document, kept honest (errors are problem documents), and the page at /docs made from it."""

from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from services.status.answers import Fault, Problem
from services.status.web.api_view import api_view
from services.status.web.rendering import api_page

TITLE: Final = "Trackfold query API"
VERSION: Final = "1"
DESCRIPTION: Final = (
    "The true status of every order and parcel, with the history behind it. Read-only. "
    "Times of scans keep the carrier's wall clock and offset; all other times are UTC. "
    "An enum value you do not know is new: keep it, and let it move nothing."
)

_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_WORDS: Final[Mapping[int, str]] = {
    304: "Nothing has changed since the answer whose `ETag` you sent in `If-None-Match`.",
    401: "No API key, or not a right one.",
    404: "Unknown to us, or to this order.",
    422: "A parameter cannot be used.",
    503: "Not available right now; `Retry-After` says when to ask again.",
}
_TEXT: Final = {"schema": {"type": "string"}}
_ETAG: Final = {"ETag": {"description": "Starts with the order's version; for `If-None-Match`.", **_TEXT}}
_HEADERS: Final[Mapping[int, Mapping[str, Any]]] = {
    200: _ETAG,
    304: _ETAG,
    401: {"WWW-Authenticate": {"description": "`Bearer`", **_TEXT}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}


def declared(*statuses: int, text: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return what an operation can answer beside its document; `text` where it has a plain one as well."""
    found: dict[int | str, dict[str, Any]] = {200: {"description": "Found.", "headers": _HEADERS[200]}}
    if text:
        found[200]["content"] = {"text/plain": _TEXT}
    for status in statuses:
        body = {} if status == HTTPStatus.NOT_MODIFIED else {"content": _PROBLEM}
        headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
        found[status] = {"description": _WORDS[status], **body, **headers}
    return found


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=_TAGS
        )
        schemas = document["components"]["schemas"]
        for model in (Problem, Fault):
            schemas[model.__name__] = _plain_schema(model)
        # FastAPI adds its own error to every operation with a parameter; ours are all declared above.
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path in document["paths"].values():
            for operation in path.values():
                _drop_foreign_errors(operation)
        document["components"]["schemas"] = dict(sorted(schemas.items()))
        app.openapi_schema = document
    return app.openapi_schema


def docs_routes(app: FastAPI, public_url: str) -> Sequence[BaseRoute]:
    """Return the route of the page of the API."""

    @cache
    def page() -> str:
        return api_page(api_view(describe(app), public_url.rstrip("/")))

    async def docs(_: Request) -> Response:
        return HTMLResponse(page(), headers={"cache-control": "no-cache"})

    return (Route("/docs", docs, methods=["GET"]),)


_TAGS: Final = [{"name": "orders", "description": "Orders and their parcels, by shop and number."}]


def _plain_schema(model: type[Problem | Fault]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return schema


def _drop_foreign_errors(operation: dict[str, Any]) -> None:
    declared_422 = operation["responses"].get("422")
    if declared_422 is not None and "application/problem+json" not in declared_422.get("content", {}):
        del operation["responses"]["422"]
