"""Every refusal looks and costs the same, asserted by calls: so many MACs and comparisons for each active secret.

Counted in the standard library's own names, so that no scheme passes by. Never by the clock: a busy machine proves
nothing.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.ingest.carriers import public_keys
from services.ingest.carriers.base import Carrier, Request
from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.ingest.handler import Intake
from services.ingest.http import Webhooks, make_app
from services.ingest.settings import IngestSection
from services.runtime.settings import KafkaSettings
from tests.unit.ingest.samples import SECRETS, TOLD_AT, signed

BODY = b'{"some":"body"}'
#: What one active secret costs, where that is not one MAC and one comparison.
OF_A_SECRET = {
    "aftership": {"mac": 1, "compare": 3},  # one signature under three names of its header
    "easypost": {"mac": 2, "compare": 2},  # two signatures: over the body, and over time, path and body
    "shipengine": {"verification": 1},
    "track17": {"hash": 1, "compare": 1},  # SHA-256 over body and key
    "ups": {"mac": 8, "compare": 3},  # the secret travels: texts are compared by their MACs, none is over the body
}
#: What a request costs besides, however many secrets there are.
OF_A_REQUEST = {"dhl": {"mac": 1}}  # the token that travels is compared by its MAC


def signers() -> list[Any]:
    return [pytest.param(carrier, id=name) for name, carrier in WEBHOOK_CARRIERS.items()]


def wanted(carrier: Carrier, secrets: int) -> Counter[str]:
    """Return the work of one request with so many active secrets."""
    one = OF_A_SECRET.get(carrier.provider, {"mac": 1, "compare": 1})
    return Counter({name: times * secrets for name, times in one.items()}) + Counter(
        OF_A_REQUEST.get(carrier.provider, {})
    )


class Work:
    """Counts MACs, hashes, comparisons and verifications of one provider's file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, carrier: Carrier) -> None:
        self.counted = Counter[str]()
        places: list[tuple[Any, str, str]] = [
            (hmac, "new", "mac"),
            (hmac, "digest", "mac"),
            (hmac, "compare_digest", "compare"),
            (public_keys, "rsa_fits", "verification"),
            (public_keys, "ed25519_fits", "verification"),
        ]
        if carrier.provider == "track17":  # a MAC hashes as well: counted where there is none
            places.append((hashlib, "sha256", "hash"))
        for owner, attribute, name in places:
            monkeypatch.setattr(owner, attribute, self._counting(name, getattr(owner, attribute)))

    def of(self, carrier: Carrier, request: Request, keys: list[bytes]) -> tuple[bool, Counter[str]]:
        """Return whether the request is taken, and what that cost."""
        self.counted.clear()
        fits = carrier.verify(request, keys, now=TOLD_AT)
        return fits, Counter(self.counted)

    def _counting(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **named: Any) -> Any:
            self.counted[name] += 1
            return real(*args, **named)

        return counting


def keys_of(carrier: Carrier) -> list[bytes]:
    return [carrier.secret_key(secret) for secret in SECRETS[carrier.provider]]


def right(carrier: Carrier, body: bytes = BODY) -> Request:
    """Return a request of the provider's own, without the headers that no signature stands in."""
    request = signed(carrier, body, keys_of(carrier)[0])
    headers = [pair for pair in request.headers if pair[0] not in (b"content-type", b"user-agent")]
    return replace(request, headers=tuple(headers))


def failures(carrier: Carrier) -> dict[str, Request]:
    """Return one request for each way to be refused; none lists more than one signature."""
    request = right(carrier)
    sent = request.headers
    return {
        "no header": replace(request, headers=()),
        "empty": replace(request, headers=tuple((name, b"") for name, _ in sent)),
        "wrong at its end": replace(request, headers=tuple((name, value[:-3] + b"000") for name, value in sent)),
        "wrong at its start": replace(request, headers=tuple((name, b"00" + value[2:]) for name, value in sent)),
        "each header twice": replace(request, headers=(*sent, *sent)),
        "garbage": replace(request, headers=tuple((name, b"\xff\xfe\x00=%") for name, _ in sent)),
        "too long": replace(request, headers=tuple((name, value * 5_000) for name, value in sent)),
        "among too many": replace(request, headers=(*sent, *[(b"x-filler", b"1")] * 200)),
        "under another name": replace(request, headers=tuple((b"x-" + name, value) for name, value in sent)),
    }


@pytest.mark.parametrize("carrier", signers())
def test_every_refusal_costs_what_the_right_signature_costs(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    work, keys = Work(monkeypatch, carrier), keys_of(carrier)
    assert work.of(carrier, right(carrier), keys) == (True, wanted(carrier, 2))
    for name, request in failures(carrier).items():
        assert work.of(carrier, request, keys) == (False, wanted(carrier, 2)), name


@pytest.mark.parametrize("carrier", signers())
def test_another_body_costs_what_the_right_one_costs(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    work, keys = Work(monkeypatch, carrier), keys_of(carrier)
    other = replace(right(carrier), body=BODY + b" ")
    assert work.of(carrier, other, keys) == (not carrier.signs_the_body, wanted(carrier, 2))


@pytest.mark.parametrize("carrier", signers())
@pytest.mark.parametrize("minutes", [-120, 120])
def test_a_time_out_of_the_window_costs_what_one_inside_costs(
    carrier: Carrier, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, keys = Work(monkeypatch, carrier), keys_of(carrier)
    request = signed(carrier, BODY, keys[0], at=TOLD_AT + timedelta(minutes=minutes))
    _, cost = work.of(carrier, request, keys)
    assert cost == wanted(carrier, 2)


@pytest.mark.parametrize("carrier", signers())
def test_each_active_secret_is_tried_whichever_fits(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    work, (first, second) = Work(monkeypatch, carrier), keys_of(carrier)
    request = right(carrier)
    assert work.of(carrier, request, [first, second]) == (True, wanted(carrier, 2))
    assert work.of(carrier, request, [second, first]) == (True, wanted(carrier, 2))
    assert work.of(carrier, request, [second, second, first]) == (True, wanted(carrier, 3))
    assert work.of(carrier, request, [second]) == (False, wanted(carrier, 1))


@pytest.mark.parametrize("carrier", signers())
def test_without_any_secret_a_refusal_costs_what_one_secret_costs(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch, carrier)
    for name, request in (failures(carrier) | {"a right one": right(carrier)}).items():
        assert work.of(carrier, request, []) == (False, wanted(carrier, 1)), name


class _NobodyKeeps(Intake):
    """An intake that must not be asked to keep anything."""

    async def keep(self, *_: Any, **__: Any) -> None:
        raise AssertionError("a refused webhook was kept")


@pytest.mark.parametrize("carrier", signers())
async def test_every_refusal_is_the_same_answer_byte_for_byte(carrier: Carrier) -> None:
    told = set()
    for keys in ({carrier.provider: keys_of(carrier)}, {}):
        intake = _NobodyKeeps(None, KafkaSettings(), keys=keys, timeout_s=1)
        webhooks = Webhooks(intake, IngestSection(), now=lambda: TOLD_AT)
        transport = httpx2.ASGITransport(make_app(webhooks))
        async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
            for request in failures(carrier).values():
                headers = [*request.headers, (b"x-request-id", b"the-same")]
                answer = await client.post(f"/webhooks/{carrier.provider}", content=request.body, headers=headers)
                told.add((answer.status_code, answer.content, tuple(sorted(answer.headers.items()))))
    assert {status for status, _, _ in told} == {401}
    assert len(told) == 1


def test_a_list_of_signatures_costs_its_comparisons_and_no_further_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = WEBHOOK_CARRIERS["standard"]
    work, keys, request = Work(monkeypatch, carrier), keys_of(carrier), right(carrier)
    listed = {b"webhook-signature": b" ".join([b"v1,AAAA"] * 500)}
    many = replace(request, headers=tuple((name, listed.get(name, value)) for name, value in request.headers))
    fits, cost = work.of(carrier, many, keys)
    assert (fits, cost["mac"]) == (False, 2)
    assert cost["compare"] <= 2 * 20, "however many are listed"
