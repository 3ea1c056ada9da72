"""Which paths the public ports have: what is here and nothing else; no page of a framework's, nothing to try out."""

from typing import TYPE_CHECKING, Any, Final, cast

import httpx2
import pytest
from pydantic import SecretStr
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from services.ingest import http as ingest
from services.runtime.health import Health
from services.runtime.http import Admin
from services.runtime.settings import LinkSettings
from services.status import http as status
from services.status.settings import StatusSection, StatusSettings

if TYPE_CHECKING:
    from services.runtime.postgres import Pool

LINKS: Final = LinkSettings(keys=(SecretStr("k1:0123456789abcdef0123"),))
DOCS: Final = {"/docs", "/openapi.json"}
#: Pages of FastAPI and FastStream that would show or send more than we mean to.
FOREIGN: Final = ("/docs/try", "/redoc", "/docs/oauth2-redirect", "/asyncapi", "/asyncapi.json", "/docs/asyncapi.json",
                  "/metrics", "/readyz", "/livez", "/admin", "/debug")  # fmt: skip


def status_app(*, docs: bool) -> ASGIApp:
    """Return the public port of status; no route of these tests asks the database."""
    return status.make_app(cast("Pool", None), StatusSettings(links=LINKS, status=StatusSection(docs=docs)))


def paths(app: Any) -> set[str]:
    """Return the paths of an application, wherever it is wrapped."""
    inner = getattr(app, "_app", getattr(app, "app", app))
    return {route.path for route in inner.routes if isinstance(route, Route | Mount)}


async def ask(app: ASGIApp, method: str, path: str) -> int:
    """Return the status code of an answer."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return (await client.request(method, path)).status_code


def test_status_serves_its_pages_its_api_and_no_more() -> None:
    beside_the_api = {path for path in paths(status_app(docs=True)) if not path.startswith("/v1/")}
    assert beside_the_api == DOCS | {"/agent/orders/{shop}/{number}/explain", "/static/{name}", "/t/{token}"}


def test_ingest_serves_webhooks_and_no_more() -> None:
    assert paths(ingest.make_app(cast("ingest.Webhooks", None))) == {"/webhooks/{provider}"}


@pytest.mark.parametrize("path", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("app", ["ingest", "status"])
async def test_no_public_port_has_a_page_of_a_framework_or_an_operators(app: str, method: str, path: str) -> None:
    made = status_app(docs=True) if app == "status" else ingest.make_app(cast("ingest.Webhooks", None))
    assert await ask(made, method, path) in (404, 405)


@pytest.mark.parametrize("path", sorted(DOCS))
async def test_the_documentation_of_the_api_can_be_switched_off(path: str) -> None:
    assert await ask(status_app(docs=True), "GET", path) == 200
    assert await ask(status_app(docs=True), "POST", path) in (404, 405)
    assert await ask(status_app(docs=False), "GET", path) == 404
    assert DOCS.isdisjoint(paths(status_app(docs=False)))


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/v1/orders/main/1", "/webhooks/easypost", "/"])
async def test_the_operators_port_has_nothing_of_the_public_ones(path: str) -> None:
    assert await ask(Admin(Health()), "GET", path) == 404
