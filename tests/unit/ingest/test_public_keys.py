"""Keys that are published: the vectors of RFC 7515 and of Svix, and what is no key to rest on."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.ingest.carriers import public_keys, signatures
from services.ingest.carriers.base import Request
from services.ingest.carriers.standard import MAX_PUBLIC_SIGNATURES, STANDARD
from tests.unit.ingest.rsa_keys import PRIVATE_KEYS, jwk_text, public_jwk, public_pem
from tests.unit.ingest.samples import SECRETS, TOLD_AT, signed

#: RFC 7515, appendix A.2: a JWS is signed over `header.payload`, as a webhook is over `timestamp.body`.
RFC_JWK = json.dumps({
    "kty": "RSA",
    "n": (
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ"
        "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2"
        "CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9g"
        "b54h4FRWyuXpoQ"
    ),
    "e": "AQAB",
})  # fmt: skip
RFC_PARTS = (
    b"eyJhbGciOiJSUzI1NiJ9",
    b".",
    b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
)
RFC_SIGNATURE = base64.urlsafe_b64decode(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1d"
    "nZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu"
    "sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    "=="
)
#: The vector of Svix's server for `v1a` (`test_asymmetric_key_signing`).
WHSK = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
WHPK = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
SENT_AT = datetime.fromtimestamp(1614265330, UTC)


def der_of(private: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    der = private.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    return base64.b64encode(der).decode()


def svix(signature: str = V1A, **changes: Any) -> Request:
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"}
    pairs = tuple((k.encode(), v.encode()) for k, v in (headers | {"webhook-signature": signature}).items())
    return replace(Request(method="POST", path="/", headers=pairs, body=b'{"test": 2432232314}'), **changes)


class TestRsa:
    """RSASSA-PKCS1-v1_5 with SHA-256."""

    def test_the_published_vector_fits(self) -> None:
        key = public_keys.rsa_key(RFC_JWK)
        assert public_keys.rsa_fits(key, RFC_SIGNATURE, *RFC_PARTS, kid="any")
        assert not public_keys.rsa_fits(key, RFC_SIGNATURE, *RFC_PARTS, b" ", kid="any")
        assert not public_keys.rsa_fits(key, RFC_SIGNATURE[:-1], *RFC_PARTS, kid="any")
        assert not public_keys.rsa_fits(key, b"", *RFC_PARTS, kid="any")

    def test_a_key_with_a_name_fits_only_under_it(self) -> None:
        signature, _ = public_keys.rsa_signature(public_keys.rsa_key(PRIVATE_KEYS[0]), b"x")
        key = public_keys.rsa_key(jwk_text(PRIVATE_KEYS[0], "k1"))
        assert public_keys.rsa_fits(key, signature, b"x", kid="k1")
        assert not public_keys.rsa_fits(key, signature, b"x", kid="k2")
        assert not public_keys.rsa_fits(key, signature, b"x", kid=None)

    def test_a_pem_and_the_base64_inside_it_are_the_same_key(self) -> None:
        pem = public_pem(PRIVATE_KEYS[0])
        inside = "".join(pem.split("\n")[1:-2])
        assert public_keys.rsa_key(pem) == public_keys.rsa_key(f" {inside}\n")

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "{}", "null", "[]", '{"kty":"RSA"}', "AAAA", "not base64", "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", '{"kty":"RSA","n":7,"e":"AQAB"}',
            '{"kty":"RSA","n":"!","e":"AQAB"}', '{"kty":"RSA","n":"","e":""}', "{" * 5000,
        ],
    )  # fmt: skip
    def test_what_is_no_key_is_refused_without_being_quoted(self, text: str) -> None:
        with pytest.raises(ValueError, match="the secret is no RSA key") as caught:
            public_keys.rsa_key(text)
        assert not text or text not in str(caught.value)

    @pytest.mark.parametrize(
        "changes",
        [
            {"use": "enc"},
            {"alg": "RS512"},
            {"kty": "EC"},
            {"kid": "a b"},
            {"kid": "x" * 129},
            {"e": "AAAA"},
            {"e": "A" * 40},
        ],
        ids=str,
    )
    def test_a_jwk_for_anything_else_is_refused(self, changes: dict[str, str]) -> None:
        assert public_keys.rsa_key(jwk_text(PRIVATE_KEYS[0], "k1"))
        with pytest.raises(ValueError, match="no RSA key"):
            public_keys.rsa_key(json.dumps(public_jwk(PRIVATE_KEYS[0], "k1") | changes))

    def test_a_short_key_and_a_key_of_another_kind_are_refused(self) -> None:
        short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is what is refused
        for private in (short, ec.generate_private_key(ec.SECP256R1())):
            with pytest.raises(ValueError, match="no RSA key"):
                public_keys.rsa_key(der_of(private))

    def test_an_endless_modulus_is_refused_before_it_costs_anything(self) -> None:
        with pytest.raises(ValueError, match="no RSA key"):
            public_keys.rsa_key(json.dumps({"kty": "RSA", "n": "_" * 40_000, "e": "AQAB"}))

    def test_only_a_private_key_signs(self) -> None:
        for key in (public_keys.rsa_key(RFC_JWK), signatures.NO_KEY, b""):
            assert public_keys.rsa_signature(key, b"x") == (b"", "none")
            assert not public_keys.rsa_fits(key, b"", b"x", kid="none")


class TestV1a:
    """Ed25519 under Standard Webhooks."""

    def test_the_published_vector_fits(self) -> None:
        for secret in (WHPK, WHSK):
            key = STANDARD.secret_key(secret)
            assert STANDARD.verify(svix(), [key], now=SENT_AT)
            assert not STANDARD.verify(svix(body=b'{"test":2432232314}'), [key], now=SENT_AT)
            assert not STANDARD.verify(svix(), [key], now=SENT_AT + timedelta(seconds=301))

    def test_what_we_sign_is_the_published_vector(self) -> None:
        headers = STANDARD.sign(
            svix().body, STANDARD.secret_key(WHSK), at=SENT_AT, path="/", delivery="msg_p5jXN8AQM9LWM0D4loKWxJek"
        )
        assert headers["webhook-signature"] == V1A

    def test_it_may_stand_in_a_list_and_beside_a_shared_secret(self) -> None:
        keys = [STANDARD.secret_key(secret) for secret in (SECRETS["standard"][0], WHPK)]
        for listed in (f"v1,AAAA {V1A}", f"{V1A} v2,BBBB", f"v1a,AAAA v1a,*** {V1A}"):
            assert STANDARD.verify(svix(listed), keys, now=SENT_AT)
        assert STANDARD.verify(signed(STANDARD, b"{}", keys[0]), keys, now=TOLD_AT)

    @pytest.mark.parametrize(
        "sent", ["", "v1a", "v1a,", "v1a,AAAA", V1A[4:], "v1," + V1A[4:], V1A + "=", "V1A," + V1A[4:]]
    )
    def test_a_strange_signature_is_refused(self, sent: str) -> None:
        assert not STANDARD.verify(svix(sent), [STANDARD.secret_key(WHPK)], now=SENT_AT)

    def test_whoever_knows_the_public_key_cannot_sign_with_it_as_a_secret(self) -> None:
        key = STANDARD.secret_key(WHPK)
        request = svix()
        for known in (key, key[5:]):
            forged = base64.b64encode(
                signatures.mac(known, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", request.body)
            ).decode()
            assert not STANDARD.verify(svix(f"v1,{forged}"), [key], now=SENT_AT)

    def test_a_shared_secret_fits_no_v1a(self) -> None:
        assert not STANDARD.verify(svix(), [STANDARD.secret_key(SECRETS["standard"][0])], now=SENT_AT)

    def test_a_public_key_signs_nothing(self) -> None:
        key = STANDARD.secret_key(WHPK)
        assert not STANDARD.verify(signed(STANDARD, b"{}", key), [key], now=TOLD_AT)

    @pytest.mark.parametrize(
        "secret", ["whpk_", "whpk_AAAA", "whpk_***", "whsk_AAAA", WHPK + "AAAA", WHSK.replace("whsk", "whpk")]
    )
    def test_a_key_of_another_length_is_no_secret(self, secret: str) -> None:
        with pytest.raises(ValueError, match="secret"):
            STANDARD.secret_key(secret)

    def test_every_header_costs_the_same_number_of_verifications(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[bytes] = []
        real = public_keys.ed25519_fits

        def counted(public: bytes, signature: bytes, message: bytes) -> bool:
            calls.append(signature)
            return real(public, signature, message)

        monkeypatch.setattr(public_keys, "ed25519_fits", counted)
        for sent in (V1A, "", "v1,AAAA", " ".join([V1A] * 16), "v1a,*** v1a,AAAA"):
            calls.clear()
            STANDARD.verify(svix(sent), [STANDARD.secret_key(WHPK)], now=SENT_AT)
            assert len(calls) == MAX_PUBLIC_SIGNATURES
