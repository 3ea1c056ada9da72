"""Signatures by a private key of the provider's: RSA (ShipEngine) and Ed25519 (`v1a` of Standard Webhooks).

A key is what `secret_key` made of a configured or fetched one, as bytes; a private one stands for its public half too,
so that tests and the simulator can sign. Whatever is sent, one call costs one verification: what cannot be a signature
or a key is verified all the same, against something of the right size that nothing fits. Pure.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.ingest.carriers.signatures import NO_KEY

LEAST_BITS: Final = 2048
MOST_BITS: Final = 8192
ED25519_BYTES: Final = 64

_MOST_EXPONENT: Final = 2**32
_PEM: Final = re.compile(r"-----BEGIN (PUBLIC|PRIVATE) KEY-----\s([A-Za-z0-9+/=\s]+)-----END \1 KEY-----\s*")
_KID: Final = re.compile(r"[!-~]{1,128}")
_LOADED: Final = 64


@dataclass(frozen=True, slots=True)
class RsaKey:
    """A public RSA key, with its name in the provider's key set where it has one and its private half where known."""

    public: rsa.RSAPublicKey
    kid: str | None = None
    private: rsa.RSAPrivateKey | None = None


def rsa_key(text: str) -> bytes:
    """Return a key as bytes: a JWK, a PEM (public, or private for signing), or the base64 inside such a PEM.

    Raises ValueError when it is none, or none that signatures may rest on.
    """
    written = text.strip()
    key = _jwk(written) if written.startswith("{") else _pem(written)
    if _read(key) is None:
        message = f"the secret is no RSA key of {LEAST_BITS} bits or more, as a JWK, a PEM, or base64 of its DER"
        raise ValueError(message)
    return key


def rsa_fits(key: bytes, signature: bytes, *parts: bytes, kid: str | None) -> bool:
    """Tell whether the key signed the parts joined (RSASSA-PKCS1-v1_5, SHA-256) and is called `kid`.

    A configured key without a name may be any of the provider's.
    """
    known = _read(key)
    usable = _dummy() if known is None else known
    size = usable.public.key_size // 8
    sent = signature if len(signature) == size else bytes(size)
    try:
        usable.public.verify(sent, b"".join(parts), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return known is not None and known.kid in (None, kid)


def rsa_signature(key: bytes, *parts: bytes) -> tuple[bytes, str]:
    """Return what a private key makes of the parts, and the key's name; an empty signature of one that is not."""
    known = _read(key)
    if known is None or known.private is None:
        return b"", "none"
    signature = known.private.sign(b"".join(parts), padding.PKCS1v15(), hashes.SHA256())
    # A PEM has no name, and the header needs one.
    return signature, known.kid or hashlib.sha256(_der(known.public)).hexdigest()[:32]


def ed25519_fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether the private half of a public key of 32 bytes signed the message."""
    sent = signature if len(signature) == ED25519_BYTES else bytes(ED25519_BYTES)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(sent, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def ed25519_signature(seed: bytes, message: bytes) -> bytes:
    """Return what a private key of 32 bytes makes of a message."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def ed25519_public(seed: bytes) -> bytes:
    """Return the public half of a private key of 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _jwk(text: str) -> bytes:
    """Return what counts of a JWK; empty for one that is not for this."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return b""
    # A set also holds keys for encryption and for other algorithms.
    fitting = (given.get("kty"), given.get("use", "sig"), given.get("alg", "RS256")) == ("RSA", "sig", "RS256")
    kid, numbers = given.get("kid"), (given.get("n"), given.get("e"))
    named = kid is None or (isinstance(kid, str) and _KID.fullmatch(kid) is not None)
    if not fitting or not named or not all(isinstance(number, str) for number in numbers):
        return b""
    return json.dumps({"kid": kid, "n": numbers[0], "e": numbers[1]}).encode()


def _pem(text: str) -> bytes:
    """Return the DER of a PEM, or of its base64 alone: one line, as an environment variable wants it."""
    inner = found[2] if (found := _PEM.fullmatch(text)) is not None else text
    try:
        return base64.b64decode("".join(inner.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


@lru_cache(maxsize=_LOADED)
def _read(key: bytes) -> RsaKey | None:
    """Return the key; None where it is none, or too short or too long to rest on."""
    try:
        found = _from_jwk(key) if key.startswith(b"{") else _from_der(key)
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    return found if found is not None and LEAST_BITS <= found.public.key_size <= MOST_BITS else None


def _from_jwk(key: bytes) -> RsaKey | None:
    given = json.loads(key)
    modulus, exponent = _number(given["n"]), _number(given["e"])
    if modulus.bit_length() > MOST_BITS or exponent > _MOST_EXPONENT:
        return None  # a huge exponent makes each verification slow
    return RsaKey(rsa.RSAPublicNumbers(exponent, modulus).public_key(), given["kid"])


def _from_der(key: bytes) -> RsaKey | None:
    try:
        public = serialization.load_der_public_key(key)
    except ValueError:
        private = serialization.load_der_private_key(key, password=None)
        return RsaKey(private.public_key(), None, private) if isinstance(private, rsa.RSAPrivateKey) else None
    return RsaKey(public) if isinstance(public, rsa.RSAPublicKey) else None


def _number(text: str) -> int:
    digits = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    return int.from_bytes(digits, "big")


def _der(public: rsa.RSAPublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@lru_cache(maxsize=1)
def _dummy() -> RsaKey:
    """Return a key of the usual size whose private half nobody made: its modulus is drawn from a hash."""
    digits = int.from_bytes(hashlib.shake_256(NO_KEY).digest(LEAST_BITS // 8), "big")
    return RsaKey(rsa.RSAPublicNumbers(65537, digits | 1 << (LEAST_BITS - 1) | 1).public_key())
