"""The work of the commands `carriers` and `webhooks`: on files and the terminal, with the same code as the service."""

import asyncio
import difflib
import hashlib
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2

from services.ingest import parse_command
from services.ingest import unmapped as unmapped_codes
from services.ingest.carriers.base import Carrier, Request
from services.ingest.carriers.registry import CARRIERS, WEBHOOK_CARRIERS
from services.ingest.printing import console, print_json, progress, table
from services.runtime import clock, environment
from services.runtime.errors import ExitCode, Misconfigured, TrackfoldError, Transient
from services.runtime.settings import OperatorSettings

_SEND_LIMIT_S: Final = 10.0


class UsageError(TrackfoldError):
    """The command was called with something that cannot be."""

    exit_code = ExitCode.USAGE


def list_providers(*, as_json: bool) -> None:
    """Print the registry."""
    rows = [_listed(carrier) for carrier in CARRIERS.values()]
    if as_json:
        print_json(rows)
        return
    shown = table("provider", "takes", "map version", "largest body", "signs the body")
    for row in rows:
        size = f"{row['max_body_bytes'] // 1024} KiB"
        signs = "-" if row["takes"] == "polls" else "yes" if row["signs_the_body"] else "no: a hint"
        shown.add_row(row["provider"], row["takes"], str(row["map_version"]), size, signs)
    console().print(shown)


def _listed(carrier: Carrier) -> dict[str, Any]:
    return {
        "provider": carrier.provider,
        "takes": "webhooks" if carrier.provider in WEBHOOK_CARRIERS else "polls",
        "map_version": carrier.map_version,
        "max_body_bytes": carrier.max_body_bytes,
        "signs_the_body": carrier.provider in WEBHOOK_CARRIERS and carrier.signs_the_body,
    }


def parse(body: bytes, provider: str, *, headers: Sequence[str], as_json: bool, allow_test: bool) -> ExitCode:
    """Print what a body says, as the service would read it."""
    carrier = find_carrier(provider)
    kept = {name.strip().lower(): value.strip() for name, value in _pairs(headers)}
    return parse_command.parse(carrier, body, headers=kept, as_json=as_json, allow_test=allow_test)


def unmapped(since: str, *, provider: str | None, as_json: bool) -> None:
    """Print the codes that no table knows."""
    if provider is not None:
        find_carrier(provider)
    at, settings = read_since(since), environment.load(OperatorSettings)
    with progress("scans") as tell:
        codes = asyncio.run(unmapped_codes.find(settings.kafka, since=at, tell=tell))
    unmapped_codes.show(codes, provider=provider, as_json=as_json)


def sign(body: bytes, provider: str, *, secret: str, path: str, delivery: str, as_json: bool) -> None:
    """Print the headers of a signed body."""
    headers = _signed(body, provider, secret=secret, path=path, delivery=delivery)
    if as_json:
        print_json(headers)
        return
    for name, value in headers.items():
        sys.stdout.write(f"{name}: {value}\n")


def send(body: bytes, provider: str, *, secret: str, url: str, delivery: str, as_json: bool) -> ExitCode:
    """Post a signed body and print the answer."""
    path = f"/webhooks/{provider}"
    headers = _signed(body, provider, secret=secret, path=path, delivery=delivery)
    try:
        answer = httpx2.post(url.rstrip("/") + path, content=body, headers=headers, timeout=_SEND_LIMIT_S)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        raise UsageError("bad_url", f"{url!r} is no URL", hint="as in --url http://127.0.0.1:8000") from None
    except httpx2.HTTPError as error:
        hint = "is ingest running there? --url says where to send it"
        raise Transient("no_answer", f"no answer from {url} ({type(error).__name__})", hint=hint) from None
    if as_json:
        print_json(
            {"status": answer.status_code, "body": answer.text, "request_id": answer.headers.get("x-request-id")}
        )
    else:
        sys.stdout.write(f"{answer.status_code} {answer.text}\n")
    return ExitCode.OK if answer.is_success else ExitCode.FAILED


def verify(
    body: bytes, provider: str, *, secret: str, headers: Sequence[str], path: str, at: str, as_json: bool
) -> ExitCode:
    """Print whether a captured request is authentic."""
    carrier = _signer(provider)
    request = _request(body, provider, _pairs(headers), path=path)
    authentic = carrier.verify(request, (_key(carrier, secret),), now=_time(at))
    if as_json:
        print_json({"authentic": authentic})
    else:
        sys.stdout.write("authentic\n" if authentic else "not authentic\n")
    return ExitCode.OK if authentic else ExitCode.FAILED


def _signed(body: bytes, provider: str, *, secret: str, path: str, delivery: str) -> dict[str, str]:
    carrier = _signer(provider)
    name = delivery or f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
    key, now = _key(carrier, secret), clock.now()
    headers = carrier.sign(body, key, at=now, path=path or f"/webhooks/{provider}", delivery=name)
    if not carrier.verify(_request(body, provider, headers.items(), path=path), (key,), now=now):
        hint = "a delivery id has 1 to 128 printable ASCII characters without a dot; a public key cannot sign"
        raise UsageError("bad_delivery", f"what is signed with the delivery id {name!r} would be refused", hint=hint)
    return headers


def _request(body: bytes, provider: str, headers: Iterable[tuple[str, str]], *, path: str) -> Request:
    pairs = tuple((name.strip().lower().encode(), value.strip().encode()) for name, value in headers)
    return Request(method="POST", path=path or f"/webhooks/{provider}", headers=pairs, body=body)


def _pairs(headers: Sequence[str]) -> list[tuple[str, str]]:
    if any(":" not in one for one in headers):
        raise UsageError("bad_header", "a header has no colon", hint="as in -H 'webhook-id: msg_1'")
    return [(name, value) for name, _, value in (one.partition(":") for one in headers)]


def find_carrier(provider: str) -> Carrier:
    """Return the provider of that id; UsageError, with what may be meant, where there is none."""
    if (carrier := CARRIERS.get(provider)) is not None:
        return carrier
    close = difflib.get_close_matches(provider, CARRIERS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(CARRIERS)}"
    raise UsageError("unknown_provider", f"no provider is called {provider!r}", hint=hint)


def _signer(provider: str) -> Carrier:
    carrier = find_carrier(provider)
    if carrier.provider not in WEBHOOK_CARRIERS:
        hint = "its answers come from the poller: `trackfold carriers parse` reads one"
        raise UsageError("no_webhooks", f"{provider} sends no webhooks", hint=hint)
    return carrier


def _key(carrier: Carrier, secret: str) -> bytes:
    try:
        return carrier.secret_key(secret)
    except ValueError as error:
        hint = f"give the secret of {carrier.provider} in WEBHOOK_SECRET"
        raise Misconfigured("bad_secret", str(error), hint=hint) from None


def read_since(text: str) -> datetime:
    """Return a time given as RFC 3339, as a day, or as so many hours or days back (`36h`, `7d`); UsageError else."""
    now = clock.now()
    if text[-1:] in ("h", "d") and text[:-1].isdecimal() and len(text) <= 5:  # noqa: PLR2004 - 9999 days is enough
        return now - timedelta(**{{"h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("bad_time", f"{text!r} is no time", hint="as in 7d, 36h or 2026-11-21T10:00:00Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _time(text: str) -> datetime:
    if not text:
        return clock.now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError("bad_time", f"{text!r} is no RFC 3339 time with an offset", hint="as in 2026-11-21T10:00:00Z")
    return at
