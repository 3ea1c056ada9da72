"""Forged, stale, repeated and rotated signatures at the running process, for every provider that signs."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.carriers.base import Carrier, RawHeaders, Request
from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.runtime import clock
from tests.integration import webhook_door
from tests.integration.raw_http import exchange, head
from tests.integration.webhook_door import CANARY, SECRETS, Door, body_of, fresh_number, providers, scan_body

running, door = webhook_door.running, webhook_door.door
REFUSED = {"type": "about:blank", "title": "The signature does not fit", "status": 401}
NO_TIME = {"aftership", "dhl", "fedex", "sendcloud", "shopify", "track17", "ups"}
"""They sign no time: a repeat is told apart by what it says (rule R1)."""


def a_document() -> tuple[str, bytes]:
    """Return a mark nobody else has, and a body that holds it."""
    mark = fresh_number()
    return mark, json.dumps({"mark": mark, "of": CANARY}).encode()


def own_headers(request: Request) -> RawHeaders:
    """Return the headers a signature stands in."""
    return [(name, value) for name, value in request.headers if name not in (b"content-type", b"user-agent")]


def forgeries(door: Door, carrier: Carrier, body: bytes) -> dict[str, Request]:
    """Return requests with the same body that are not the provider's."""
    right = door.signed(body, provider=carrier.provider)
    sent = own_headers(right)
    stranger = {"shipengine": "standard", "sendcloud": "aftership"}.get(carrier.provider, "sendcloud")
    return {
        "no signature": replace(right, headers=[]),
        "an empty one": replace(right, headers=[(name, b"") for name, _ in sent]),
        "a wrong one": replace(right, headers=[(name, value[:-4] + b"AAA=") for name, value in sent]),
        "two of each header": replace(right, headers=[*sent, *sent]),
        "another provider's": door.signed(body, provider=stranger),
        "a letter more": replace(right, headers=[(name, b"X" + value) for name, value in sent]),
        "no letters of ASCII": replace(right, headers=[(name, b"\xff\xfe\x80") for name, _ in sent]),
        "commas alone": replace(right, headers=[(name, b",,,,") for name, _ in sent]),
        "of too many letters": replace(right, headers=[(name, value + b"0" * 5000) for name, value in sent]),
        "ten thousand of them": replace(right, headers=[(name, b" ".join([b"v1,AAAA"] * 700)) for name, _ in sent]),
    }


@pytest.mark.parametrize("carrier", providers())
async def test_no_wrong_empty_or_strangers_signature_is_taken_and_all_get_the_same_answer(
    door: Door, carrier: Carrier
) -> None:
    mark, body = a_document()
    answers = {
        name: await door.post(request, provider=carrier.provider)
        for name, request in forgeries(door, carrier, body).items()
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert {answer.content for answer in answers.values()} == {json.dumps(REFUSED, separators=(",", ":")).encode()}
    assert await door.kept(mark) == []


@pytest.mark.parametrize("carrier", providers())
async def test_the_secret_of_another_provider_does_not_fit(door: Door, carrier: Carrier) -> None:
    mark, body = a_document()
    for name, other in WEBHOOK_CARRIERS.items():
        if name == carrier.provider:
            continue
        try:
            key = carrier.secret_key(SECRETS[name][0])
        except ValueError:
            continue  # it could not even be configured
        headers = carrier.sign(body, key, at=clock.now(), path=f"/webhooks/{carrier.provider}", delivery="msg_1")
        pairs = [(header.lower().encode(), value.encode()) for header, value in headers.items()]
        request = Request(method="POST", path="/", headers=pairs, body=body)
        assert (await door.post(request, provider=carrier.provider)).status_code == 401, other.provider
    assert await door.kept(mark) == []


@pytest.mark.parametrize("carrier", [one for one in providers() if one.values[0].signs_the_body])
async def test_a_signature_over_the_same_document_in_other_bytes_is_refused(door: Door, carrier: Carrier) -> None:
    mark, body = a_document()
    request = door.signed(body, provider=carrier.provider)
    for other in (json.dumps(json.loads(body), indent=1).encode(), body + b"\n", b"\xef\xbb\xbf" + body):
        assert (await door.post(replace(request, body=other), provider=carrier.provider)).status_code == 401
    assert await door.kept(mark) == []


@pytest.mark.parametrize("carrier", [one for one in providers() if one.values[0].provider not in NO_TIME])
async def test_a_signed_time_six_minutes_old_or_ahead_is_refused(door: Door, carrier: Carrier) -> None:
    mark, body = a_document()
    for minutes in (-6, 6):
        late = door.signed(body, provider=carrier.provider, at=clock.now() + timedelta(minutes=minutes))
        # EasyPost's older signature has no time and is good by itself.
        headers = [pair for pair in late.headers if pair[0] != b"x-hmac-signature"]
        assert (await door.post(replace(late, headers=headers), provider=carrier.provider)).status_code == 401
    assert await door.kept(mark) == []


@pytest.mark.parametrize(
    "stamp", [None, b"", b"-1", b"NaN", b"1e300", b"9" * 400, b"seconds", b"0", b"\xd9\xa1", b"+1795255205"]
)
async def test_a_time_that_is_missing_or_none_is_refused(door: Door, stamp: bytes | None) -> None:
    mark, body = a_document()
    names = {"standard": b"webhook-timestamp", "shipengine": b"x-shipengine-timestamp", "easypost": b"x-timestamp"}
    for provider, name in names.items():
        right = door.signed(body, provider=provider)
        headers = [pair for pair in right.headers if pair[0] not in (name, b"x-hmac-signature")]
        headers += [] if stamp is None else [(name, stamp)]
        assert (await door.post(replace(right, headers=headers), provider=provider)).status_code == 401, provider
    assert await door.kept(mark) == []


async def test_a_time_in_milliseconds_is_refused_even_if_it_was_signed(door: Door) -> None:
    mark, body = a_document()
    for number in (1, 1000, 1_000_000):
        stamp = str(int(clock.now().timestamp()) * number).encode()
        fits = await door.post(_standard(body, stamp=stamp))
        assert fits.status_code == (202 if number == 1 else 401)
    assert len(await door.kept(mark)) == 1


def _standard(body: bytes, *, stamp: bytes, message_id: bytes = b"msg_1") -> Request:
    """Return a request that is signed right over whatever stands in its headers."""
    carrier: Any = WEBHOOK_CARRIERS["standard"]
    from services.ingest.carriers import standard  # noqa: PLC0415 - only to sign what no sender would

    key = carrier.secret_key(SECRETS["standard"][0])
    signature = standard._signature(key, (message_id, b".", stamp, b".", body))  # noqa: SLF001 - as above
    headers = [(b"webhook-id", message_id), (b"webhook-timestamp", stamp), (b"webhook-signature", signature)]
    return Request(method="POST", path="/", headers=headers, body=body)


async def test_an_id_or_a_signature_with_a_zero_byte_never_reaches_the_route(door: Door) -> None:
    mark, body = a_document()
    stamp = str(int(clock.now().timestamp())).encode()
    request = _standard(body, stamp=stamp, message_id=b"msg\x00_1")
    lines = [(name.decode(), value.decode("latin-1")) for name, value in request.headers]
    said = await exchange(door.port, [head("/webhooks/standard", [*lines, ("Content-Length", str(len(body)))]) + body])
    assert said.statuses == [400]
    assert await door.kept(mark) == []


@pytest.mark.parametrize("message_id", [b"", b"a.b", b"msg.1795255205.{}", b"a b", b"\xe9", b"x" * 10_000, b"x" * 129])
async def test_an_id_that_could_shift_what_is_signed_or_is_endless_is_refused(door: Door, message_id: bytes) -> None:
    mark, body = a_document()
    stamp = str(int(clock.now().timestamp())).encode()
    assert (await door.post(_standard(body, stamp=stamp, message_id=message_id))).status_code == 401
    assert await door.kept(mark) == []


async def test_the_very_same_request_again_is_taken_and_says_nothing_new(door: Door) -> None:
    number = fresh_number()
    request = door.signed(json.dumps(scan_body(number)).encode())
    answers = await asyncio.gather(*(door.post(request) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [202] * 5
    assert len(await door.kept(number)) == 5
    scans = await door.scans(number)
    assert len({scan.event_key for scan in scans}) == 1


async def test_another_body_under_a_used_id_is_read_too(door: Door) -> None:
    number = fresh_number()
    for code in ("IT", "OFD"):
        body = json.dumps(scan_body(number, code=code)).encode()
        assert (await door.post(door.signed(body))).status_code == 202
    scans = await door.scans(number, lambda found: len({one.event_key for one in found}) >= 2)
    assert {scan.raw_code for scan in scans} == {"IT", "OFD"}


@pytest.mark.parametrize("carrier", providers())
async def test_while_a_secret_is_replaced_both_are_taken_and_a_third_never(door: Door, carrier: Carrier) -> None:
    body = body_of(carrier)
    answers = [
        await door.post(door.signed(body, provider=carrier.provider, secret=secret), provider=carrier.provider)
        for secret in (0, 1, 0)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    third = carrier.sign(body, b"whoever:this is", at=clock.now(), path="/", delivery="msg_1")
    pairs = [(name.lower().encode(), value.encode()) for name, value in third.items()]
    request = Request(method="POST", path="/", headers=pairs, body=body)
    assert (await door.post(request, provider=carrier.provider)).status_code == 401


async def test_after_the_old_secret_is_gone_only_the_new_one_is_taken_and_without_any_nobody_is(door: Door) -> None:
    pipeline = door.pipeline
    settings: dict[str, Any] = {
        f"TRACKFOLD_INGEST__SECRETS__{name.upper()}": json.dumps([pair[1]]) for name, pair in SECRETS.items()
    }
    after = await pipeline.start("ingest", **settings | {"TRACKFOLD_INGEST__SECRETS__TRACK17": "[]"})
    later = Door(pipeline, after, door.client)
    for name in WEBHOOK_CARRIERS:
        old, new = (later.signed(body_of(WEBHOOK_CARRIERS[name]), provider=name, secret=one) for one in (0, 1))
        answers = [(await later.post(one, provider=name)).status_code for one in (old, new)]
        assert answers == ([401, 401] if name == "track17" else [401, 202]), name
    await later.check_unharmed()
    assert await after.terminate() == 0
