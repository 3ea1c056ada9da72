"""The public port of status on a real database: orders applied as the engine does, questions asked over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx2
from pydantic import SecretStr

from services.runtime import clock
from services.runtime.consume import Batch
from services.runtime.links import key_ring, make_token
from services.runtime.postgres import Pool, open_pool
from services.runtime.settings import LinkSettings, PostgresSettings
from services.status.handler import Handler
from services.status.http import make_app
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from services.status.settings import StatusSection, StatusSettings
from tests.records import record

API_KEY: Final = "api-key-of-the-tests"
OTHER_KEY: Final = "another-key-of-the-tests"
LINK_KEY: Final = SecretStr("test:0123456789abcdef0123456789abcdef")
HANDLER: Final = Handler(Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1}))


@dataclass(frozen=True)
class Door:
    """The application and its database."""

    client: httpx2.AsyncClient
    pool: Pool

    async def apply(self, *bodies: dict[str, Any]) -> None:
        """Apply order events and scans in one batch."""
        async with self.pool.transaction() as connection:
            await HANDLER.apply(Batch(connection, tuple(record(body) for body in bodies)))

    async def get(self, path: str, *, key: str | None = API_KEY, **headers: str) -> httpx2.Response:
        """Ask the API."""
        access = {} if key is None else {"authorization": f"Bearer {key}"}
        return await self.client.get(path, headers=access | {n.replace("_", "-"): v for n, v in headers.items()})

    async def page(self, token: str, *, method: str = "GET", **query: str) -> httpx2.Response:
        """Open a tracking page, as a browser does: without any key."""
        return await self.client.request(method, f"/t/{token}", params=query)


def settings(url: str, *, api_keys: tuple[str, ...] = (API_KEY, OTHER_KEY), **section: Any) -> StatusSettings:
    """Return settings for that database."""
    return StatusSettings(
        postgres=PostgresSettings(url=SecretStr(url), pool_size=2, acquire_timeout_s=0.5, connect_timeout_s=2),
        links=LinkSettings(keys=(LINK_KEY,)),
        status=StatusSection(api_keys=tuple(SecretStr(key) for key in api_keys), **section),
    )


@asynccontextmanager
async def opened(made: StatusSettings) -> AsyncIterator[Door]:
    """Open the application on its database."""
    async with open_pool(made.postgres, "test") as pool:
        transport = httpx2.ASGITransport(app=make_app(pool, made))
        async with httpx2.AsyncClient(transport=transport, base_url="http://forged.example") as client:
            yield Door(client, pool)


def order_path(order: str = "1001", *, shop: str = "main", shipment: str | None = None) -> str:
    """Return the API's path of an order or of one of its parcels."""
    path = f"/v1/orders/{quote(shop, safe='')}/{quote(order, safe='')}"
    return path if shipment is None else f"{path}/shipments/{quote(shipment, safe='')}"


def link(order: str = "1001", *, shop: str = "main", purpose: str = "track", expires: datetime | None = None) -> str:
    """Return the token of a tracking page."""
    until = expires or clock.now() + timedelta(days=1)
    return make_token(key_ring([LINK_KEY]), purpose, shop=shop, order=order, expires_at=until.astimezone(UTC))
