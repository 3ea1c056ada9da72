"""What all senders together may take of the process, and a body that Kafka would never take."""

import asyncio
from typing import Any

import httpx2

from services.ingest.carriers.base import LARGEST_BODY_BYTES, Carrier, Request
from services.ingest.carriers.registry import CARRIERS
from services.ingest.http import Webhooks, make_app
from services.ingest.settings import IngestSection
from services.runtime.errors import Poison
from tests.unit.ingest.samples import SECRETS, TOLD_AT, signed
from tests.unit.ingest.test_http import BODY, EASYPOST, KEY, Kept, call_app, headers_of

PART = b"x" * (200 * 1024)


async def test_bodies_of_all_providers_on_their_way_share_one_bound() -> None:
    """Nobody has to sign to send slowly: the sum over all providers counts, not each one's own."""
    go, sent = asyncio.Event(), asyncio.Semaphore(0)

    def drip() -> Any:
        pieces = iter([PART])

        async def receive() -> dict[str, Any]:
            if (piece := next(pieces, None)) is None:
                sent.release()
                await go.wait()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": True}

        return receive

    app = make_app(Webhooks(Kept(), IngestSection(max_arriving_bytes=LARGEST_BODY_BYTES), now=lambda: TOLD_AT))
    slow = [asyncio.create_task(call_app(app, drip())) for _ in range(LARGEST_BODY_BYTES // len(PART))]
    async with asyncio.timeout(5):
        for _ in slow:
            await sent.acquire()
    other = signed(CARRIERS["standard"], PART, CARRIERS["standard"].secret_key(SECRETS["standard"][0]))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest") as http:
        full = await http.post("/webhooks/standard", content=PART, headers=headers_of(other))
        go.set()
        assert set(await asyncio.gather(*slow)) == {None}
        again = await http.post("/webhooks/standard", content=PART, headers=headers_of(other))
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")
    assert again.status_code == 202


class TooLarge(Kept):
    """Kafka's own limit is lower than ours."""

    async def keep(
        self, carrier: Carrier, request: Request, *, told_at: Any, via: str = "push", number: str | None = None
    ) -> None:
        del carrier, request, told_at, via, number
        raise Poison("too_large")


async def test_a_body_that_kafka_will_never_take_is_413_and_not_come_back_later() -> None:
    app = make_app(Webhooks(TooLarge(), IngestSection(), now=lambda: TOLD_AT))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest") as http:
        answer = await http.post("/webhooks/easypost", content=BODY, headers=headers_of(signed(EASYPOST, BODY, KEY)))
    assert (answer.status_code, "retry-after" in answer.headers) == (413, False)
