"""JSON from strangers: the one place that parses it, and pickers that never fail on a wrong shape.

Pure. A field of the wrong type reads as absent, so that a provider's odd extra never costs a scan.
"""

import re
from datetime import date
from typing import Final

import pydantic_core

from schemas.base import clean_text
from schemas.scans import Proof
from services.ingest.proofs import reference
from services.runtime.errors import Poison

MAX_TEXT: Final = 1000
_FIRST_YEAR: Final = 1990
_LAST_YEAR: Final = 2200


def read_json(body: bytes) -> object:
    """Return the document; Poison when it is no JSON.

    Covers what strangers send: other encodings, NaN, deep nesting (refused at 200 levels), endless numbers, lone
    surrogates. Of duplicate keys the last one counts. Too large a number is infinite, and `text` passes it over.
    """
    try:
        document: object = pydantic_core.from_json(body, allow_inf_nan=False, cache_strings=False)
    except (ValueError, RecursionError) as error:
        raise Poison("not_json", "the body is no JSON in UTF-8") from error
    return document


def read_object(body: bytes) -> dict[str, object]:
    """Return the document where it is a JSON object; Poison otherwise."""
    document = read_json(body)
    if not isinstance(document, dict):
        raise Poison("bad_shape", "the body is no JSON object")
    return document


def child(value: object, name: str) -> dict[str, object]:
    """Return the object under `name`, or an empty one."""
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def rows(value: object, name: str) -> list[object]:
    """Return the list under `name`, or an empty one."""
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []


def history(value: object, name: str) -> list[object]:
    """Return the list under `name`; what stands there and is no list becomes one bad entry, so that it is not lost."""
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else [] if inner is None else [inner]


def text(value: object, name: str) -> str | None:
    """Return a clean, bounded, non-empty text under `name`; a number reads as its digits, anything else as absent."""
    inner = value.get(name) if isinstance(value, dict) else None
    if isinstance(inner, int) and not isinstance(inner, bool):
        inner = str(inner)
    if not isinstance(inner, str):
        return None
    return clean_text(inner[:MAX_TEXT]) or None


def proof(value: object, name: str) -> Proof | None:
    """Return the proof that the text under `name` refers to, since the picture itself was taken out of the body."""
    written = text(value, name)
    return None if written is None else reference.read(written)


def proofs_in(value: object, *, depth: int = 8) -> tuple[Proof, ...]:
    """Return every proof that a text somewhere inside refers to, each once: where bodies have no fixed place for it."""
    if isinstance(value, str):
        found = reference.read(value)
        return () if found is None else (found,)
    if depth == 0 or not isinstance(value, dict | list):
        return ()
    inner = value.values() if isinstance(value, dict) else value
    return tuple(dict.fromkeys(proof for one in inner for proof in proofs_in(one, depth=depth - 1)))


def day(value: object, name: str) -> date | None:
    """Return the local date at the head of a text under `name`, whatever follows it; in our calendar, or None."""
    written = text(value, name)
    try:
        found = date.fromisoformat((written or "")[:10])
    except ValueError:
        return None
    return found if _FIRST_YEAR <= found.year < _LAST_YEAR else None


def number_in(body: bytes, name: str) -> str | None:
    """Return the first text under that name anywhere in the bytes: cheap, and only good for spreading the load."""
    pattern = rb'"%s"\s{0,9}:\s{0,9}"([A-Za-z0-9 ._/+-]{1,64})"' % re.escape(name.encode())
    found = re.search(pattern, body)
    return None if found is None else found[1].decode()
