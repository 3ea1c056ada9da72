"""Bodies, secrets and signed requests for the tests of ingest."""

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from schemas.webhooks import WebhookMeta
from services.ingest.carriers.base import Carrier, Request, Webhook
from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.runtime.kafka import Record
from tests.unit.ingest.rsa_keys import PRIVATE_KEYS

FIXTURES: Final = Path(__file__).parents[2] / "fixtures" / "carriers"
TOLD_AT: Final = datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)

#: Of the providers whose secrets have a form of their own.
_OWN: Final = {
    "orders": ("whsec_b3JkZXJzIG9mIGEgc2hvcA==", "whsec_dGhlIG5leHQgb25l"),
    "shipengine": PRIVATE_KEYS,
    "standard": ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_dGhlIG5leHQgb25l"),
}
#: Two active secrets of every provider, as during a rotation.
SECRETS: Final = {name: _OWN.get(name, ("s\u00e9cret", "the next one")) for name in WEBHOOK_CARRIERS}


def fixture_paths(provider: str = "*") -> list[Path]:
    """Return the bodies of every fixture: `case.json` or `case.xml`."""
    found = (*FIXTURES.glob(f"{provider}/*.json"), *FIXTURES.glob(f"{provider}/*.xml"))
    return sorted(path for path in found if not path.name.endswith((".expected.json", ".headers.json")))


def headers_of(path: Path) -> dict[str, str]:
    """Return the provider's HTTP headers a fixture came with, from `case.headers.json` beside it."""
    beside = path.with_suffix(".headers.json")
    headers: dict[str, str] = json.loads(beside.read_text("utf-8")) if beside.exists() else {}
    return headers


def webhook_of(path: Path, *, allow_test: bool = False) -> Webhook:
    """Return a fixture as the parser gets it."""
    return Webhook(body=path.read_bytes(), told_at=TOLD_AT, headers=headers_of(path), allow_test=allow_test)


def body_of(case: str) -> bytes:
    """Return a fixture, `provider/case`."""
    return (FIXTURES / f"{case}.json").read_bytes()


def document(case: str) -> dict[str, Any]:
    """Return a fixture to change."""
    loaded: dict[str, Any] = json.loads(body_of(case))
    return copy.deepcopy(loaded)


def signed(carrier: Carrier, body: bytes, key: bytes, *, at: datetime = TOLD_AT, path: str = "") -> Request:
    """Return a request as the provider would send it."""
    where = path or f"/webhooks/{carrier.provider}"
    headers = carrier.sign(body, key, at=at, path=where, delivery="msg_1")
    pairs = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    return Request(method="POST", path=where, headers=pairs, body=body)


def webhook_record(
    provider: str,
    body: bytes | None,
    *,
    told_at: datetime = TOLD_AT,
    offset: int = 7,
    kept: Mapping[str, str] = MappingProxyType({}),
) -> Record:
    """Return the body as it lies on `carrier.webhooks.v1`."""
    meta = WebhookMeta(provider=provider, told_at=told_at, delivery="d1").to_headers(kept)
    headers = tuple((name, value.encode()) for name, value in meta.items())
    return Record("carrier.webhooks.v1", 0, offset, int(told_at.timestamp() * 1000), None, body, headers)
