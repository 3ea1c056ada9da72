"""Forged requests at the verifiers: each is refused, and none makes one raise or work long."""

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.carriers.base import Carrier, Request
from services.ingest.dry_run import is_asked_for, is_operator
from services.ingest.http import request_id
from tests.fuzz.judging import judge_door, judge_verifier
from tests.fuzz.sources import signers
from tests.unit.ingest.samples import SECRETS, TOLD_AT, signed

_PARTS = (
    b"hmac-sha256-hex=", b"hmac-sha256=", b"v1,", b"v1a,", b"t=", b"v1=", b"Bearer ", b"Basic ", b",", b"=", b"==",
    b" ",
    b".", b"0" * 64, b"f" * 64, b"AAAA", b"AAAA" * 11, b"\x00", b"\xff\xfe", b"1795255205", b"99999999999", b"-1",
    b"NaN", b"1e300", b"Sat, 21 Nov 2026 10:00:05 +0000", b"2026-11-21T10:00:05.000Z", b"9999-12-31T23:59:59+14:00",
    b"msg_1", b"v1,AAAA " * 300,
)  # fmt: skip
VALUES = st.lists(st.one_of(st.sampled_from(_PARTS), st.binary(max_size=12)), max_size=4).map(b"".join)
QUERIES = st.lists(
    st.sampled_from((b"token=", b"&", b"=", b"%", b"%ff", b"%zz", b"dry_run=1", b"a", b"\xff")), max_size=60
)


def names_of(carrier: Carrier) -> list[bytes]:
    """Return the headers that a provider's signature stands in, and those that stand in others'."""
    sent = signed(carrier, b"{}", carrier.secret_key(SECRETS[carrier.provider][0])).headers
    others = (b"authorization", b"x-api-key", b"credential", b"svix-id", b"svix-timestamp", b"svix-signature",
              b"x-webhook-token", b"as-signature-hmac-sha256", b"content-type")  # fmt: skip
    return [*(name for name, _ in sent), *others]


@pytest.mark.parametrize("carrier", signers())
@given(data=st.data(), body=st.binary(max_size=200), query=QUERIES.map(b"".join))
@example(data=None, body=b"", query=b"&".join([b"a=1"] * 40)).via("more fields than a form has")
def test_a_forged_request_is_refused_and_never_raises(
    carrier: Carrier, data: st.DataObject | None, body: bytes, query: bytes
) -> None:
    pairs = st.lists(st.tuples(st.sampled_from(names_of(carrier)), VALUES), max_size=10)
    headers = tuple(data.draw(pairs, "headers")) if data is not None else ()
    request = Request(method="POST", path=f"/webhooks/{carrier.provider}", headers=headers, body=body, query=query)
    judge_verifier(carrier, request, [b"a key that nobody has", b"another"])
    judge_door(carrier, request)
    assert is_asked_for(query) in (True, False)
    assert is_operator(headers, ["a token that nobody has"]) is False
    assert 0 < len(request_id(headers)) <= 64


@pytest.mark.parametrize("carrier", signers())
@given(keys=st.lists(st.binary(min_size=1, max_size=80), max_size=4))
def test_keys_of_any_bytes_never_raise(carrier: Carrier, keys: list[bytes]) -> None:
    request = Request(method="POST", path="/", headers=((b"x-nothing", b"1"),), body=b"{}")
    assert carrier.verify(request, keys, now=TOLD_AT) is False


@pytest.mark.parametrize("carrier", signers())
@given(secret=st.text(max_size=60))
def test_a_secret_is_a_key_or_refused(carrier: Carrier, secret: str) -> None:
    with contextlib.suppress(ValueError):
        assert carrier.secret_key(secret)


@pytest.mark.parametrize("carrier", signers())
def test_a_hundred_headers_of_four_kilobytes_are_refused_at_once(carrier: Carrier) -> None:
    key = carrier.secret_key(SECRETS[carrier.provider][0])
    began = time.thread_time()
    for value in (b"v1,AAAA " * 511, b"," * 4096, b"=" * 4096, b"t=1," * 1023, b"\xff" * 4096, b"a" * 4096):
        headers = tuple((name, value) for name in names_of(carrier))
        judge_verifier(carrier, Request(method="POST", path="/", headers=headers, body=b"x" * 262_144), [key])
    assert time.thread_time() - began < 2
