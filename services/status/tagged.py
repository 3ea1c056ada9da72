"""Answers under a tag: a caller that knows the newest one is told so instead of sent it again.

Called by the routes of the query API. The tag starts with the order's version; the version alone would not do: an event
that changes nothing visible still adds to the history.
"""

import hashlib
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel

_VARY: Final = "Accept, Authorization, X-API-Key"


def tagged(request: Request, document: BaseModel, *, version: int) -> Response:
    """Return a document under its tag."""
    return tagged_bytes(request, document.model_dump_json().encode(), "application/json", version=version)


def tagged_bytes(request: Request, body: bytes, media_type: str, *, version: int) -> Response:
    """Return these bytes under their tag."""
    tag = f'"{version}-{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": _VARY}
    if _is_known(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _is_known(offered: str, tag: str) -> bool:
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in offered.split(","))
