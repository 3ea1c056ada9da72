"""The two servers of the webhook benchmark, each run as a process: `python -m benchmarks.webhook_servers`.

Takes the name of one, the address of Kafka and the topic; prints its port, then answers until it is killed.
"""

import asyncio
import hmac
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

from services.ingest.carriers.easypost import EASYPOST
from services.ingest.handler import Intake, open_raw_producer
from services.ingest.http import Webhooks, make_app
from services.ingest.settings import IngestSection
from services.runtime.server import Listener, bind
from services.runtime.settings import KafkaSettings

SECRET: Final = "a secret of the benchmark"  # noqa: S105 - of the benchmark
PATH: Final = "/webhooks/easypost"
_BODY: Final = Path(__file__).parents[1] / "tests/fixtures/carriers/easypost/royal_mail_5_delivered.json"


def body() -> bytes:
    """Return the body that is posted: a tracker with its whole history."""
    return _BODY.read_bytes()


class Event(BaseModel):
    """What a naive route declares of an EasyPost event."""

    id: str
    description: str
    result: dict[str, Any]


def naive_app(producer: AIOKafkaProducer, topic: str) -> FastAPI:
    """Return the route as a first version of it is written: a function with a model, and the JSON passed on."""
    app = FastAPI()

    @app.post(PATH, status_code=202)
    async def webhook(event: Event, request: Request) -> dict[str, str]:
        signature = request.headers.get("x-hmac-signature", "").removeprefix("hmac-sha256-hex=")
        expected = hmac.new(SECRET.encode(), await request.body(), "sha256").hexdigest()
        if not hmac.compare_digest(signature, expected):
            raise HTTPException(401)
        key = event.result["tracking_code"].encode()
        await producer.send_and_wait(topic, json.dumps(event.model_dump()).encode(), key=key)
        return {"status": "accepted"}

    return app


async def _serve_naive(address: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await producer.start()
    sock = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(naive_app(producer, topic), log_level="warning"))
    _say(sock.getsockname()[1])
    await server.serve(sockets=[sock])


async def _serve_ours(address: str, topic: str) -> None:
    prefix = topic.removesuffix("carrier.webhooks.v1")
    settings = KafkaSettings(bootstrap_servers=(address,), topic_prefix=prefix)
    async with open_raw_producer(settings) as producer:
        intake = Intake(producer, settings, keys={"easypost": (EASYPOST.secret_key(SECRET),)}, timeout_s=3)
        listener = Listener(make_app(Webhooks(intake, IngestSection())), bind("127.0.0.1", 0))
        await listener.start()
        _say(listener.port)
        await asyncio.Event().wait()


def _say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


SERVERS: Final[dict[str, Callable[[str, str], Awaitable[None]]]] = {"ours": _serve_ours, "naive": _serve_naive}


async def _run(name: str, address: str, topic: str) -> None:
    await SERVERS[name](address, topic)


if __name__ == "__main__":
    uvloop.run(_run(*sys.argv[1:4]))
