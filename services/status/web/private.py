"""Answers that are a page for one reader: kept by nobody else, and found by no search engine."""

from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse, Response

from services.runtime.http import RETRY_AFTER_S

_PRIVATE: Final = {"cache-control": "private, no-store", "x-robots-tag": "noindex, nofollow"}


def page(html: str, *, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """Return a page."""
    return HTMLResponse(html, status, headers={**_PRIVATE, **(headers or {})})


def later(html: str) -> Response:
    """Return the page that stands there while the database does not answer."""
    return page(html, status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"retry-after": str(RETRY_AFTER_S)})
