"""Two private RSA keys, made for the tests, that sign nothing else: base64 of PKCS#8, as `secret_key` takes it."""

import base64
import json
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PRIVATE_KEYS: Final = (
    (
        "MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQCi3GuqHNnota9avagkfCH3vL5TRU6FJ3BlaozkGLau9c0zQmzW"
        "LwWNR0ceNAsh4wmBDmJJfMT2cpj0g6Ig5POUqsVqI+sMbevDmhmV5DTa0Nn5s/wDVIbk7mukHDKxSiVjpiEtxVRycHHUQ0XxdyCi"
        "KV3wfiLKi2G76j/GxR43OvdWs9QCCwSO8zkylItNsU3lwKebHk4SliwbrlyZWaFJ2ZB5LCwFe/QxrJ20L878b0xGWXk08z3YFpbt"
        "LO1RxnOrE/IO2OddDF6Fue0kcOLLSJFfkbOJ2fmWsZn5gAyxYETo5ewAUinZtwMqQBRbrCGgdt0ZeMg6E2oHGqoO33EtAgMBAAEC"
        "ggEAG3fcytjJ4gd+t2nEib7MBdo2KZpHZ4ri2KATekc2zKSVgv9BlxBgOddbRdtWQ1VlHXi9GBLsr3pdlOP8vNqQwLLa0A+Vzcde"
        "W+PKS+8tAPj3wrdaGn+vrr4NtqSw4hkU3E1BTFR7bT/M2xWrntHOVbtvZigIGyxOBCE6t344nezVVJaDbdfXg/VJ29tz8Q56yRK0"
        "vOCgF3rWHcjdXO+cz50ZLKtSFnItc/nTvrR9rhdJgg4uvuJ3MXeT4eBk63eqbgMN57VBM4G/HnQZE/URqlLyiAT30msJ0mNCxDYS"
        "pbI/V4OKrzH3BPFIVFaAkTOzTVYKk2Vu+CTqGRGMXg38iwKBgQDjLEPKnFgGApG/8hu5TaPQr63M4uPxur6f8bIwygi8B4OE/otR"
        "HcFxpbs19MbZFer5wRzvOxGgJyVsLVVBZdkFnUHNsUfP+l4/RTpPzSCqkVijzcS/OY+gesPEI74n61HEnoLiOLkPyFFmuIH7ASR1"
        "A4D1cbwoFNq6GKfBtaCiSwKBgQC3hvo1mgL1MkIA2cvLxRm7nWcOp3mNwLNwT6q8omu1jkHI4EFBgoBSlBysvafshMstpzsnarNl"
        "8kgu051h4cr+RIl0v4HOy7NmUGSTEXt332nVn24p7o7fiyRQ2bW85bgLLPEHMRyoYJMCmcRgq55q2WaC4xuD+x580Ulz2dtPZwKB"
        "gQCUm8hdKpmKlPOzlTX9qoSXZ9VSSrrCz18UUpA2ynOcTW4D+mA42DZLmhc13MKYEHZ+m43KEeId2n3onl8/QNkPiygY3vgTXb15"
        "tlfHDHFqI1rRDTK/xW/nk2etT5R9mLsM3ITSaDjn0ist/1VIVh77TSd3aMelkL7lLmvPlHlYsQKBgQCUlZgPO4B3iVf8nlgrwoih"
        "576fE6IKzN+55xYBILJ5TBIgksbiRcikkrtgcy/4Ak8IyCLRN8bEm9Iq7zK1I3wYPd7XgZCTn0HAbQfwNbAzjdJ+nFQxaK2NeHZP"
        "auODaqyFh74gJ3ffLkj3Swy9g1R/h0FCaKJHSVEWls6UF+ZBswKBgQDamJgLgN0W7orfOMTVVZQ6EeWZcKITBlBDPLbzYMF9Fzl0"
        "uNe241bKn0XObhwl3kH1ZUja/mCQocQWNJiSJgiMQ4A5goi9nLkQ78TqRwuV9/yp310q0iZYQj45LMgeACQ5gDN+5BcguEYAekdv"
        "P9zYXHtrjiFwCopmC+qp4IKqwg=="
    ),
    (
        "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDDcYTkFngYSrBe+V941UxWg7ih1UcP/6c9/GA0zDv0QHX6LJs+"
        "zhQZrCUFdA3+LEheAvxG2qQi1N0ft8m953/23si7rnQjpbxkUfx338dGYoU7MjOSgsILXltwslYkspDBNNAjjT3Kul2J86b6e/zA"
        "ZVuuJ1rNWpugm2+k7An8hMJdfY0l17WPSe6rRCgi7cuHoXcectrQJ/sS+I7U2esgmFiqeTWAl0+z/WLiND0FVk9lzkkZaHyFwHOJ"
        "qtm+RXWLXi++AGo6xEd8BPPBvm2bf5xoSi/QWHj4KJPS1p0AFEBGKLzg0gq0Hq8RN0NrqeCYHY1/JYyBTyA9w4lqTZnLAgMBAAEC"
        "gf8K9fdrrrJWqmvwnnlgzXD6jbG6z3IaheB/0EwnPChpwTO4CuzzGMAsZ0Q+igzRIhhamxlmTZOdzi29GaPbXg4GAS9lVyx1ZZ89"
        "bslegfd0Me20mwnbrZ40TiiuFwkrc2qGRstlfCros6+LQ+gHJDYa3Us0sABVX2QR1KXJrE6Z7QgKvYdwm4g4Mm6hAh++TE/Vu0P9"
        "1g2sEhQ7GEeoXyAkPcVqMYiaTI9HAAsWE8xnm99uV8x/LsNiH5MxR1iK5y49hCLfJJhI1MXA43ojtsRrff4sX34taX1/PSJgkqbC"
        "z+Iurfm9Mbor2mAspCm3qUlK38qwuVhfNSoe5Y3TgTECgYEA94ygGY3QsTCqaUyYQQUzPKwfQS2t0flQEi1MeGVczf8JIdE8u9h6"
        "7LvobHsHGkebmoXMZ+v4aCFtMMM6pb8QkSjP+WwJTCG+WPo2P+7N+89rtrxhIbi0nC2H9mwB/+jpLRa9UgYT0YWIH9aGuwT+v3GV"
        "35Ybn4xhq9hwb1pL9RsCgYEAyh2IICQ9AlvPww9+ovKKcwN93y1dEZtRhUXqTcsJQdT370nyQCfpF7xtfmoeomyYdwd2xr2wOCaq"
        "nKp6+1KmFgxCuPUbYFjAI8O2NoHXXE50+aVi6EIXUlAYisZ68tbdWpvTllXOG70Tz7Ib3vr/H22J/4vIVjtO3+TeojATKRECgYEA"
        "vLIxB8mWHrrd6047cLSqDcGWQXS0Xq4QXwqwk8WQLGYPa/u2s+mcKgBCdw6Ap4OWFP+QhFbXD2kLdnQarGUsF7pobdPwclv2YJS5"
        "7Zn24c+GZ9DIqY/F/JaoYSqLi6ras0f2ICQJz1heHwbDxKNWHFBU0g32GHRFr1xYuEi4RakCgYAHTlP6XXT7Hdh/w5KfT0cj6y9k"
        "nt4rYcLrn2Bd2YYHJCymMLUaDpdFbWFD3ZAn7OcB/noTqw2wqe0m5p61cQJh76WFzA5mSC8B2/Q9OipPwuJFl+3gWWtAZXbNpWkS"
        "WCP+P33BhG6D4CzUKCsLv2TzfOEtJJ9kRpaOT1ag5D39EQKBgQDp0aNRMGeEFtrmcKOgwqzzf5nZ/Q1xmi3TGKK8NVdyoY9rxeHV"
        "RwIcqwMMf6YkxGYMyfR3YcKo9f/QC80OL08dyKLeTMHfkkNdJQ+Cmi8NAkKulyVU+Jx8ckLLkn8UKxcLrfAql+SUnPmHEyJwjmCk"
        "8gJtWQatNpsrUy2BLquopg=="
    ),
)


def _public(private: str) -> rsa.RSAPublicKey:
    loaded = serialization.load_der_private_key(base64.b64decode(private), password=None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded.public_key()


def public_pem(private: str) -> str:
    """Return the public half as a PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return _public(private).public_bytes(serialization.Encoding.PEM, form).decode()


def public_jwk(private: str, kid: str | None, **changes: str) -> dict[str, str]:
    """Return the public half as an entry of a key set."""
    numbers = _public(private).public_numbers()
    named = {} if kid is None else {"kid": kid}
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "n": _text(numbers.n), "e": _text(numbers.e)} | named | changes


def jwk_text(private: str, kid: str | None, **changes: str) -> str:
    """Return the public half as the text of a JWK."""
    return json.dumps(public_jwk(private, kid, **changes))


def _text(number: int) -> str:
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(digits).decode().rstrip("=")
