"""The routes of the pages: who may see one, and what stands there when there is none.

Called by http.py, which owns the application. Every answer is a page, also the unhappy ones: a customer reads them.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.keys import order_key
from services.runtime import clock
from services.runtime.errors import Transient
from services.runtime.links import KeyRing, Link, read_token
from services.runtime.postgres import Pool
from services.status.edge import segment
from services.status.order_facts import ParcelFacts
from services.status.queries import Found, find_order
from services.status.web.assets import by_path
from services.status.web.moments import make_clock
from services.status.web.private import later, page
from services.status.web.rendering import REFRESH_S, message_page, tracking_page
from services.status.web.view import tracking_view

#: What a token must have been made for to open the tracking page.
PURPOSE: Final = "track"

_FOR_EVER: Final = {"cache-control": "public, max-age=31536000, immutable"}


def page_routes(pool: Pool, keys: KeyRing) -> Sequence[BaseRoute]:
    """Return the routes of the tracking page and of the files it needs."""

    async def tracking(request: Request) -> Response:
        token = segment(request.path_params["token"])
        return await _tracking(pool, keys, token, follow=request.query_params.get("follow") != "no")

    async def file(request: Request) -> Response:
        found = by_path().get(request.url.path)
        if found is None:
            return page(message_page("Not found", "There is no such file."), status=HTTPStatus.NOT_FOUND)
        return Response(found.content, media_type=found.media_type, headers=_FOR_EVER)

    return (Route("/t/{token}", tracking, methods=["GET"]), Route("/static/{name}", file, methods=["GET"]))


async def _tracking(pool: Pool, keys: KeyRing, token: str, *, follow: bool) -> Response:
    link = read_token(keys, PURPOSE, token, now=clock.now())
    if link is None:
        return page(_BAD_LINK, status=HTTPStatus.NOT_FOUND)
    try:
        found = await find_order(pool, order_key(link.shop, link.order), wanted=_every_parcel)
    except Transient:
        return later(_LATER)
    if found is None:
        return page(_not_here_yet(link), status=HTTPStatus.NOT_FOUND)
    return page(_shown(found, follow=follow))


def _shown(found: Found, *, follow: bool) -> str:
    reading = make_clock(found.placed, found.status.time_zone, now=clock.now())
    return tracking_page(tracking_view(found.status, found.events, found.histories, clock=reading), follow=follow)


def _every_parcel(_: ParcelFacts) -> bool:
    return True


#: Forged, cut off, too old, made for something else: one answer, so that nobody learns which.
_BAD_LINK: Final = message_page(
    "This link opens no order",
    "It may have been cut off on its way to you, or it is too old.",
    "Please open the link in the newest message about your order once more, or ask the shop for a new one.",
)
_LATER: Final = message_page(
    "Please try again in a moment",
    "We cannot look up your order right now. Nothing is lost, and your parcel travels on.",
    "This page asks again by itself.",
    refresh_s=15,
)


def _not_here_yet(link: Link) -> str:
    return message_page(
        f"Order {link.order} is not here yet",
        "The shop has not told us about it so far. That usually takes only a moment.",
        "This page asks again by itself. If nothing changes within the hour, please ask the shop.",
        refresh_s=REFRESH_S,
    )
