"""The story of an order over HTTP: for tools as JSON or plain text, for agents as a page. Read-only.

Composed by http.py. Both doors open with an API key only: a browser asks the agent for it as the password.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import SecretStr
from starlette.routing import BaseRoute, Route

from services.runtime.errors import Transient
from services.runtime.postgres import Pool
from services.status.access import key_check, make_guard, offered_key
from services.status.explain import Evidence, story_of
from services.status.explain_answers import Story
from services.status.explain_queries import find_evidence
from services.status.explain_text import story_text
from services.status.openapi import declared
from services.status.paths import UNKNOWN_ORDER, Order, Shop, order_named
from services.status.settings import StatusSettings
from services.status.tagged import tagged, tagged_bytes
from services.status.web.private import later, page
from services.status.web.rendering import explain_page, message_page

_ASK: Final = {"www-authenticate": 'Basic realm="Trackfold for agents", charset="UTF-8"'}


def explain_api(pool: Pool, settings: StatusSettings) -> APIRouter:
    """Return the route for tools."""
    api = APIRouter(prefix="/v1", dependencies=[Depends(make_guard(settings.status.api_keys))], tags=["orders"])

    @api.get(
        "/orders/{shop}/{number}/explain",
        operation_id="explain_order",
        summary="Why an order shows what it shows",
        response_model=Story,
        responses=declared(304, 401, 404, 503, text=True),
    )
    async def explain_order(request: Request, shop: Shop, number: Order) -> Response:
        """Return the story of an order: the reason of its state, and what was made of every scan and event.

        The newest scans of each parcel; with `Accept: text/plain` as text to read.
        """
        found = await _found(pool, shop, number)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, UNKNOWN_ORDER)
        story = story_of(found, most=settings.status.max_history)
        version = 0 if found.change is None else found.change.version
        if _wants_text(request.headers.get("accept", "")):
            return tagged_bytes(request, story_text(story).encode(), "text/plain; charset=utf-8", version=version)
        return tagged(request, story, version=version)

    return api


def agent_routes(pool: Pool, keys: Sequence[SecretStr], *, most: int) -> Sequence[BaseRoute]:
    """Return the route of the agents' page."""
    fits = key_check(keys)

    async def explain(request: Request) -> Response:
        if not fits(offered_key(request)):
            return page(_NO_KEY, status=HTTPStatus.UNAUTHORIZED, headers=_ASK)
        try:
            found = await _found(pool, request.path_params["shop"], request.path_params["number"])
        except Transient:
            return later(_LATER)
        if found is None:
            return page(_UNKNOWN, status=HTTPStatus.NOT_FOUND)
        return page(explain_page(story_of(found, most=most)))

    return (Route("/agent/orders/{shop}/{number}/explain", explain, methods=["GET"]),)


async def _found(pool: Pool, shop: str, number: str) -> Evidence | None:
    """Return what is known of an order; None where the path names none."""
    try:
        key = order_named(shop, number)
    except ValueError:
        return None
    return await find_evidence(pool, key)


def _wants_text(accept: str) -> bool:
    """Tell whether a caller asks for text and not for JSON."""
    offered = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    return "text/plain" in offered and not {"application/json", "*/*"} & set(offered[: offered.index("text/plain")])


_NO_KEY: Final = message_page(
    "This page is for agents",
    "It opens with an API key: give any name, and the key as the password.",
    "Whoever runs Trackfold has the keys.",
)
_UNKNOWN: Final = message_page(
    "No order of this shop has that number",
    "Check the number and the shop in the address: /agent/orders/shop/number/explain.",
    "An order shows here as soon as the shop has told us about it; a tracking number alone is explained by "
    "the command trackfold explain.",
)
_LATER: Final = message_page(
    "Please try again in a moment",
    "The database does not answer right now. Nothing is lost.",
    "This page asks again by itself.",
    refresh_s=15,
)
