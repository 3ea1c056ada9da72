"""The work of the commands `carriers` and `webhooks`: on files and the terminal, with the same code as the service."""

import difflib
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import httpx2
from rich.console import Console
from rich.table import Table

from schemas.scans import Scan
from services.ingest.carriers.base import Carrier, Request, Webhook, read
from services.ingest.carriers.registry import CARRIERS
from services.runtime import clock
from services.runtime.errors import ExitCode, Misconfigured, TrackfoldError, Transient

_SEND_LIMIT_S: Final = 10.0


class UsageError(TrackfoldError):
    """The command was called with something that cannot be."""

    exit_code = ExitCode.USAGE


def list_providers(*, as_json: bool) -> None:
    """Print the registry."""
    if as_json:
        rows = ((one.provider, one.map_version, one.max_body_bytes) for one in CARRIERS.values())
        _print_json(
            [{"provider": name, "map_version": version, "max_body_bytes": size} for name, version, size in rows]
        )
        return
    table = Table("provider", "map version", "largest body")
    for one in CARRIERS.values():
        table.add_row(one.provider, str(one.map_version), f"{one.max_body_bytes // 1024} KiB")
    _console().print(table)


def parse(body: bytes, provider: str, *, as_json: bool, allow_test: bool) -> ExitCode:
    """Print what a body says, as the service would read it."""
    reading = read(_carrier(provider), Webhook(body=body, told_at=clock.now(), allow_test=allow_test))
    problems = [{"reason": one.reason, "detail": one.detail} for one in reading.problems]
    if as_json:
        scans = [one.model_dump(mode="json", exclude_none=True) for one in reading.scans]
        _print_json({"scans": scans, "problems": problems, "ignored": reading.ignored})
    else:
        _print_scans(reading.scans)
        if reading.ignored is not None:
            _console().print(f"ignored: {reading.ignored}")
        for problem in problems:
            sys.stderr.write(f"problem: {problem['reason']} {problem['detail']}\n")
    return ExitCode.FAILED if problems else ExitCode.OK


def sign(body: bytes, provider: str, *, secret: str, path: str, delivery: str, as_json: bool) -> None:
    """Print the headers of a signed body."""
    headers = _signed(body, provider, secret=secret, path=path, delivery=delivery)
    if as_json:
        _print_json(headers)
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
        _print_json(
            {"status": answer.status_code, "body": answer.text, "request_id": answer.headers.get("x-request-id")}
        )
    else:
        sys.stdout.write(f"{answer.status_code} {answer.text}\n")
    return ExitCode.OK if answer.is_success else ExitCode.FAILED


def verify(
    body: bytes, provider: str, *, secret: str, headers: Sequence[str], path: str, at: str, as_json: bool
) -> ExitCode:
    """Print whether a captured request is authentic."""
    carrier = _carrier(provider)
    if any(":" not in one for one in headers):
        raise UsageError("bad_header", "a header has no colon", hint="as in -H 'webhook-id: msg_1'")
    pairs = [(name, value) for name, _, value in (one.partition(":") for one in headers)]
    request = _request(body, provider, pairs, path=path)
    authentic = carrier.verify(request, (_key(carrier, secret),), now=_time(at))
    if as_json:
        _print_json({"authentic": authentic})
    else:
        sys.stdout.write("authentic\n" if authentic else "not authentic\n")
    return ExitCode.OK if authentic else ExitCode.FAILED


def _signed(body: bytes, provider: str, *, secret: str, path: str, delivery: str) -> dict[str, str]:
    carrier = _carrier(provider)
    name = delivery or f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
    key, now = _key(carrier, secret), clock.now()
    headers = carrier.sign(body, key, at=now, path=path or f"/webhooks/{provider}", delivery=name)
    if not carrier.verify(_request(body, provider, headers.items(), path=path), (key,), now=now):
        hint = "1 to 128 printable ASCII characters without a dot"
        raise UsageError("bad_delivery", f"no webhook can have the delivery id {name!r}", hint=hint)
    return headers


def _request(body: bytes, provider: str, headers: Iterable[tuple[str, str]], *, path: str) -> Request:
    pairs = tuple((name.strip().lower().encode(), value.strip().encode()) for name, value in headers)
    return Request(method="POST", path=path or f"/webhooks/{provider}", headers=pairs, body=body)


def _carrier(provider: str) -> Carrier:
    if (carrier := CARRIERS.get(provider)) is not None:
        return carrier
    close = difflib.get_close_matches(provider, CARRIERS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(CARRIERS)}"
    raise UsageError("unknown_provider", f"no provider is called {provider!r}", hint=hint)


def _key(carrier: Carrier, secret: str) -> bytes:
    try:
        return carrier.secret_key(secret)
    except ValueError as error:
        hint = f"give the secret of {carrier.provider} in WEBHOOK_SECRET"
        raise Misconfigured("bad_secret", str(error), hint=hint) from None


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


def _print_scans(scans: Sequence[Scan]) -> None:
    table = Table()
    for name in ("when", "kind", "key", "stage", "sub-status", "conditions", "raw code", "place", "text"):
        table.add_column(name, overflow="fold")
    for scan in scans:
        place = scan.place
        table.add_row(
            scan.occurred_at.isoformat(),
            scan.kind,
            scan.key,
            (scan.stage or "-") if scan.leg == "outbound" else f"{scan.stage or '-'} ({scan.leg})",
            scan.substatus or "",
            " ".join(scan.conditions_set),
            scan.raw_code or "",
            (place.city or place.region or place.country or "") if place else "",
            scan.description or (str(scan.window.day) if scan.window and scan.window.day else ""),
        )
    _console().print(table)


def _console() -> Console:
    return Console(markup=False, highlight=False)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
