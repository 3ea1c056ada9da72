"""The text that takes a proof's place in a body: `proof:<kind>:<sha256>:<media type>:<bytes>`. Pure.

Written by `taking.py`, read by the providers' files through `documents.proof`.
"""

import re
from typing import Final

from schemas.scans import Proof

NONE: Final = "proof:none"
"""Stands where a proof was taken out and not kept: no store, or it was refused."""

MEDIA_TYPES: Final = ("image/jpeg", "image/png", "image/webp", "application/pdf")
"""What a kept proof can be."""

_REFERENCE: Final = re.compile(
    rf"proof:(photo|signature|letter):([0-9a-f]{{64}}):({'|'.join(map(re.escape, MEDIA_TYPES))}):([1-9][0-9]{{0,8}})"
)


def text(proof: Proof) -> str:
    """Return the reference: letters, digits and `:/` only, so that it fits between the quotes of any JSON."""
    return f"proof:{proof.kind}:{proof.sha256}:{proof.media_type}:{proof.bytes}"


def read(written: str) -> Proof | None:
    """Return the proof that a text refers to; None for any other text."""
    found = _REFERENCE.fullmatch(written)
    if found is None:
        return None
    kind, sha256, media_type, size = found.groups()
    return Proof(kind=kind, sha256=sha256, media_type=media_type, bytes=int(size))
