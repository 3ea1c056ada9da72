"""The public port of status: the query API and agents' pages behind a key, the tracking page behind a signed link.

Everything here reads. Every error of the API is a problem document (RFC 9457); unknown and unreadable look the same.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp

from schemas.scans import EventKey
from services.runtime.errors import Transient
from services.runtime.http import problem, unavailable
from services.runtime.links import key_ring
from services.runtime.postgres import Pool
from services.status.access import make_guard
from services.status.answers import OrderDocument, ShipmentDocument, order_document, shipment_document
from services.status.edge import Edge, segment
from services.status.explain_http import agent_routes, explain_api
from services.status.machine import Verdict
from services.status.openapi import DESCRIPTION, TITLE, VERSION, declared, describe, docs_routes
from services.status.order_facts import ParcelFacts
from services.status.paths import UNKNOWN_ORDER, Order, Shop, order_named
from services.status.queries import Found, find_order
from services.status.settings import StatusSettings
from services.status.tagged import tagged
from services.status.web.pages import page_routes

Key = Annotated[
    str,
    Path(
        description="The shipment key `carrier:number` or `ref:kind:value`, or the shop's own id, URL-encoded.",
        examples=["royal-mail:AB123456785GB"],
    ),
]
Limit = Annotated[int | None, Query(ge=1, description="Scans in one answer at most.")]
After = Annotated[EventKey | None, Query(description="Where to go on: `next` of the answer before.")]


def make_app(pool: Pool, settings: StatusSettings) -> ASGIApp:
    """Return the application; raises Misconfigured when there is no key to check links with."""
    keys = key_ring(settings.links.keys)
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.status.docs else None,
        redirect_slashes=False,  # a redirect would be built from the Host header
        separate_input_output_schemas=False,
    )
    app.include_router(_query_api(pool, settings))
    app.include_router(explain_api(pool, settings))
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    app.router.routes.extend(page_routes(pool, keys))
    app.router.routes.extend(agent_routes(pool, settings.status.api_keys, most=settings.status.max_history))
    if settings.status.docs:
        app.router.routes.extend(docs_routes(app, settings.http.public_url))
    app.add_exception_handler(StarletteHTTPException, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_bad_parameter)
    app.add_exception_handler(Transient, _on_transient)
    app.add_exception_handler(Exception, _on_failure)
    return Edge(app, https=settings.links.tracking_base_url.startswith("https:"))


def _query_api(pool: Pool, settings: StatusSettings) -> APIRouter:
    api = APIRouter(prefix="/v1", dependencies=[Depends(make_guard(settings.status.api_keys))], tags=["orders"])

    @api.get(
        "/orders/{shop}/{number}",
        operation_id="get_order",
        summary="One order",
        response_model=OrderDocument,
        responses=declared(304, 401, 404, 503),
    )
    async def get_order(request: Request, shop: Shop, number: Order) -> Response:
        """Return the whole state of an order with its version, its last change and its own events."""
        found = await _find(pool, shop, number, wanted=lambda _: False)
        return tagged(request, order_document(found), version=found.status.change.version)

    @api.get(
        "/orders/{shop}/{number}/shipments/{key}",
        operation_id="get_shipment",
        summary="One parcel with its history",
        response_model=ShipmentDocument,
        responses=declared(304, 401, 404, 422, 503),
    )
    async def get_shipment(
        request: Request, shop: Shop, number: Order, key: Key, limit: Limit = None, after: After = None
    ) -> Response:
        """Return a parcel as its order shows it, with every scan the order may see, oldest first, and its verdict.

        A scan of another order's box under the same number never shows.
        """
        named = segment(key)
        found = await _find(pool, shop, number, wanted=lambda parcel: named in (*parcel.keys, parcel.shipment))
        parcel = next((one for one in found.status.parcels if one.shipment in found.histories), None)
        if parcel is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no parcel of this order has that key")
        most = min(limit or settings.status.max_history, settings.status.max_history)
        page, next_key = _page_of(found.histories[parcel.shipment], after=after, most=most)
        document = shipment_document(found, parcel, page, next_key=next_key)
        return tagged(request, document, version=document.version)

    return api


async def _find(pool: Pool, shop: str, number: str, *, wanted: Callable[[ParcelFacts], bool]) -> Found:
    try:
        key = order_named(shop, number)
    except ValueError:
        raise HTTPException(HTTPStatus.NOT_FOUND, UNKNOWN_ORDER) from None
    found = await find_order(pool, key, wanted=wanted)
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, UNKNOWN_ORDER)
    return found


def _page_of(verdicts: Sequence[Verdict], *, after: str | None, most: int) -> tuple[Sequence[Verdict], str | None]:
    """Return one page of a history and where the next one starts."""
    start = 0
    if after is not None:
        start = next((n for n, verdict in enumerate(verdicts, 1) if verdict.scan.event_key == after), 0)
        if not start:
            raise RequestValidationError([{"loc": ("query", "after"), "msg": "no scan of this parcel has that key"}])
    page = verdicts[start : start + most]
    return page, page[-1].scan.event_key if start + most < len(verdicts) else None


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - registered for it
    status = HTTPStatus(error.status_code)
    detail = error.detail if error.detail != status.phrase else ""
    return problem(status, status.phrase, detail, headers=error.headers, request_id=request.state.request_id)


async def _on_bad_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    faults = [
        {"pointer": "/" + "/".join(str(part) for part in fault["loc"]), "detail": fault["msg"]}
        for fault in error.errors()
    ]
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return problem(status, "A parameter cannot be used", errors=faults, request_id=request.state.request_id)


async def _on_transient(_: Request, error: Exception) -> Response:
    assert isinstance(error, Transient)  # noqa: S101 - registered for it
    return unavailable("the database does not answer")


async def _on_failure(request: Request, _: Exception) -> Response:
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong here",
        "The failure is in the log under this request id.",
        request_id=request.state.request_id,
    )
