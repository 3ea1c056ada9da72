"""Signatures: what is authentic, and that every forgery looks the same and costs the same."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Oracle

from services.ingest.carriers import public_keys, signatures, track17
from services.ingest.carriers.base import Carrier, Request
from services.ingest.carriers.easypost import EASYPOST
from services.ingest.carriers.registry import CARRIERS, WEBHOOK_CARRIERS
from services.ingest.carriers.standard import STANDARD
from tests.unit.ingest.samples import SECRETS, TOLD_AT, body_of, signed

BODY = body_of("easypost/royal_mail_1_label")
KEY = EASYPOST.secret_key(SECRETS["easypost"][0])
WHSEC = SECRETS["standard"][0]
STANDARD_KEY = STANDARD.secret_key(WHSEC)


def with_headers(request: Request, **changes: str | None) -> Request:
    """Return the request with headers replaced (underscores for hyphens), or removed."""
    headers = dict(request.headers) | {
        name.replace("_", "-").encode(): (value or "").encode("utf-8", "surrogateescape")
        for name, value in changes.items()
    }
    gone = {name.replace("_", "-").encode() for name, value in changes.items() if value is None}
    return replace(request, headers=tuple(pair for pair in headers.items() if pair[0] not in gone))


def only_v2(**changes: str | None) -> Request:
    return with_headers(signed(EASYPOST, BODY, KEY), x_hmac_signature=None, **changes)


class TestEasyPost:
    """v1 over the body, v2 with time and path."""

    def test_v1_is_the_hmac_of_the_bytes_under_the_nfkd_secret(self) -> None:
        digest = hmac.new("se\u0301cret".encode(), BODY, hashlib.sha256).hexdigest()
        for sent in (f"hmac-sha256-hex={digest}", digest, f"hmac-sha256-hex={digest.upper()}"):
            request = Request(method="POST", path="/", headers=((b"x-hmac-signature", sent.encode()),), body=BODY)
            assert EASYPOST.verify(request, [KEY], now=TOLD_AT)
            assert not EASYPOST.verify(request, ["s\u00e9cret".encode()], now=TOLD_AT)

    def test_v2_covers_time_method_path_and_body(self) -> None:
        assert EASYPOST.verify(only_v2(), [KEY], now=TOLD_AT)
        assert not EASYPOST.verify(replace(only_v2(), body=BODY + b" "), [KEY], now=TOLD_AT)
        assert not EASYPOST.verify(replace(only_v2(), method="PUT"), [KEY], now=TOLD_AT)
        assert not EASYPOST.verify(only_v2(x_path="/webhooks/other"), [KEY], now=TOLD_AT)
        assert not EASYPOST.verify(only_v2(x_timestamp="Sat, 21 Nov 2026 10:00:06 +0000"), [KEY], now=TOLD_AT)

    def test_v2_without_its_path_header_is_over_the_path_that_was_asked_for(self) -> None:
        assert EASYPOST.verify(only_v2(x_path=None), [KEY], now=TOLD_AT)
        assert not EASYPOST.verify(replace(only_v2(x_path=None), path="/elsewhere"), [KEY], now=TOLD_AT)

    @pytest.mark.parametrize(("minutes", "fits"), [(0, True), (4.9, True), (-4.9, True), (5.1, False), (-5.1, False)])
    def test_v2_holds_five_minutes_both_ways(self, minutes: float, *, fits: bool) -> None:
        assert EASYPOST.verify(only_v2(), [KEY], now=TOLD_AT + timedelta(minutes=minutes)) is fits

    def test_a_v2_that_does_not_fit_never_spoils_a_v1_that_does(self) -> None:
        request = with_headers(signed(EASYPOST, BODY, KEY), x_hmac_signature_v2="hmac-sha256-hex=00")
        assert EASYPOST.verify(request, [KEY], now=TOLD_AT + timedelta(days=1))

    @pytest.mark.parametrize(
        "stamp", ["", "0", "-1", "NaN", "1e300", "1795000000", "yesterday", ", , ,", "Sat, 99 Nov 2026", "\u0661", None]
    )
    def test_v2_with_a_strange_time_is_refused(self, stamp: str | None) -> None:
        assert not EASYPOST.verify(only_v2(x_timestamp=stamp), [KEY], now=TOLD_AT)


class TestStandard:
    """Standard Webhooks."""

    def test_the_published_vector_fits(self) -> None:
        headers = (
            (b"webhook-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
            (b"webhook-timestamp", b"1614265330"),
            (b"webhook-signature", b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        )
        request = Request(method="POST", path="/", headers=headers, body=b'{"test": 2432232314}')
        sent_at = datetime.fromtimestamp(1614265330, UTC)
        assert STANDARD.verify(request, [STANDARD_KEY], now=sent_at)
        assert not STANDARD.verify(replace(request, body=b'{"test":2432232314}'), [STANDARD_KEY], now=sent_at)
        assert not STANDARD.verify(request, [STANDARD_KEY], now=sent_at + timedelta(seconds=301))
        assert not STANDARD.verify(request, [STANDARD_KEY], now=sent_at - timedelta(seconds=301))

    @given(st.binary(min_size=1, max_size=300).map(lambda data: data.hex()))
    def test_the_reference_library_agrees_on_what_we_sign(self, body: str) -> None:
        now = datetime.now(UTC)  # noqa: TID251 - the oracle asks the machine's clock
        headers = STANDARD.sign(body.encode(), STANDARD_KEY, at=now, path="/", delivery="msg_7")
        assert headers["webhook-signature"] == Oracle(WHSEC).sign("msg_7", now.replace(microsecond=0), body)

    def test_svix_names_are_read_too_but_not_mixed(self) -> None:
        request = signed(STANDARD, BODY, STANDARD_KEY)
        svix = tuple((name.replace(b"webhook-", b"svix-"), value) for name, value in request.headers)
        assert STANDARD.verify(replace(request, headers=svix), [STANDARD_KEY], now=TOLD_AT)
        assert not STANDARD.verify(
            replace(request, headers=(*svix, (b"webhook-id", b"x"))), [STANDARD_KEY], now=TOLD_AT
        )

    def test_any_v1_of_a_list_may_fit(self) -> None:
        request = signed(STANDARD, BODY, STANDARD_KEY)
        fitting = dict(request.headers)[b"webhook-signature"].decode()
        for listed in (f"v1,AAAA {fitting}", f"v1a,BBBB {fitting} v2,CC", f" {fitting} "):
            assert STANDARD.verify(with_headers(request, webhook_signature=listed), [STANDARD_KEY], now=TOLD_AT)

    @pytest.mark.parametrize(
        "sign",
        [
            "",
            "v1",
            "v1,",
            ",",
            "v1,,,,",
            "v1,***",
            "v2,{fitting}",
            "v1a,{fitting}",
            "{bare}",
            "\udcff",
            "v1,{fitting}=",
        ],
    )
    def test_a_strange_signature_is_refused(self, sign: str) -> None:
        request = signed(STANDARD, BODY, STANDARD_KEY)
        bare = dict(request.headers)[b"webhook-signature"].decode().removeprefix("v1,")
        changed = with_headers(request, webhook_signature=sign.format(fitting=bare, bare=bare))
        assert not STANDARD.verify(changed, [STANDARD_KEY], now=TOLD_AT)

    def test_ten_thousand_signatures_are_refused_even_if_one_fits(self) -> None:
        request = signed(STANDARD, BODY, STANDARD_KEY)
        fitting = dict(request.headers)[b"webhook-signature"].decode()
        for listed in (" ".join(["v1,AAAA"] * 10_000 + [fitting]), " ".join([*["v1,AA"] * 20, fitting])):
            assert not STANDARD.verify(with_headers(request, webhook_signature=listed), [STANDARD_KEY], now=TOLD_AT)

    @pytest.mark.parametrize("name", ["webhook_id", "webhook_timestamp", "webhook_signature"])
    def test_each_header_is_needed(self, name: str) -> None:
        changed = with_headers(signed(STANDARD, BODY, STANDARD_KEY), **{name: None})
        assert not STANDARD.verify(changed, [STANDARD_KEY], now=TOLD_AT)

    @pytest.mark.parametrize("message_id", ["a.b", "", "x" * 129, "a b", "a\x00b", "\u00e9"])
    def test_an_id_that_could_shift_what_is_signed_is_refused(self, message_id: str) -> None:
        headers = STANDARD.sign(BODY, STANDARD_KEY, at=TOLD_AT, path="/", delivery=message_id)
        pairs = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
        request = Request(method="POST", path="/", headers=pairs, body=BODY)
        assert not STANDARD.verify(request, [STANDARD_KEY], now=TOLD_AT)

    @pytest.mark.parametrize(
        "stamp", ["", "-1", "+1795255205", "NaN", "1e300", "1795255205000", " 1795255205", "1_795_255_205", "\u0661"]
    )
    def test_a_time_that_is_not_whole_seconds_is_refused(self, stamp: str) -> None:
        changed = with_headers(signed(STANDARD, BODY, STANDARD_KEY), webhook_timestamp=stamp)
        assert not STANDARD.verify(changed, [STANDARD_KEY], now=TOLD_AT)

    @pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "whsec_abc", "\u00e9"])
    def test_a_secret_that_is_no_base64_is_refused_at_the_start(self, secret: str) -> None:
        with pytest.raises(ValueError, match="secret"):
            STANDARD.secret_key(secret)


@pytest.mark.parametrize("carrier", WEBHOOK_CARRIERS.values(), ids=WEBHOOK_CARRIERS)
def test_every_failure_costs_the_same_number_of_macs(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [carrier.secret_key(secret) for secret in SECRETS[carrier.provider]]
    right = signed(carrier, BODY, keys[0])
    calls: list[bytes] = []

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def count(key: bytes, *parts: bytes, **named: Any) -> Any:
            calls.append(key)
            return real(key, *parts, **named)

        return count

    monkeypatch.setattr(signatures, "mac", counted(signatures.mac))
    monkeypatch.setattr(track17, "hash_of", counted(track17.hash_of))
    monkeypatch.setattr(public_keys, "rsa_fits", counted(public_keys.rsa_fits))
    monkeypatch.setattr(public_keys, "ed25519_fits", counted(public_keys.ed25519_fits))

    def cost(request: Request) -> int:
        calls.clear()
        carrier.verify(request, keys, now=TOLD_AT)
        return len(calls)

    wrong: list[Request] = [
        right,
        replace(right, body=b"x"),
        replace(right, headers=()),
        replace(right, headers=(*right.headers, *right.headers)),
        replace(right, headers=tuple(right.headers) * 60),
        replace(right, headers=tuple((name, value * 5000) for name, value in right.headers)),
        replace(right, headers=tuple((name, b"\xff\xfe") for name, _ in right.headers)),
        signed(carrier, BODY, keys[0], at=TOLD_AT - timedelta(hours=1)),
    ]
    assert {cost(request) for request in wrong} == {cost(right)}
    calls.clear()
    assert not carrier.verify(right, [], now=TOLD_AT)
    assert calls


NAMES = [b"x-hmac-signature", b"x-hmac-signature-v2", b"x-timestamp", b"x-path", b"webhook-id", b"webhook-timestamp",
         b"webhook-signature", b"svix-id", b"svix-timestamp", b"svix-signature", b"shippo-auth-signature",
         b"x-shipengine-timestamp", b"x-shipengine-rsa-sha256-key-id",
         b"x-shipengine-rsa-sha256-signature"]  # fmt: skip


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@given(
    headers=st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=80)), max_size=12),
    body=st.binary(max_size=200),
    path=st.text(max_size=20).filter(lambda text: text.isprintable()),
)
@example(headers=[(b"webhook-timestamp", b"99999999999"), (b"x-timestamp", b"1, 1")], body=b"", path="")
def test_the_verifier_refuses_whatever_it_gets_and_never_raises(
    carrier: Carrier, headers: list[tuple[bytes, bytes]], body: bytes, path: str
) -> None:
    request: Any = Request(method="POST", path=path, headers=tuple(headers), body=body)
    assert carrier.verify(request, [b"key"], now=TOLD_AT) is False
