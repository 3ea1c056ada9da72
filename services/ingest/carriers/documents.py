"""JSON from strangers: the one place that parses it, and pickers that never fail on a wrong shape.

Pure. A field of the wrong type reads as absent, so that a provider's odd extra never costs a scan.
"""

from datetime import date
from typing import Final

import pydantic_core

from schemas.base import clean_text
from services.runtime.errors import Poison

MAX_TEXT: Final = 1000


def read_json(body: bytes) -> object:
    """Return the document; Poison when it is no JSON.

    Covers what hazards 5.1 lists: other encodings, NaN, deep nesting (refused at 200 levels), endless numbers, lone
    surrogates. Of duplicate keys the last one counts.
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


def text(value: object, name: str) -> str | None:
    """Return a clean, bounded, non-empty text under `name`; a number reads as its digits, anything else as absent."""
    inner = value.get(name) if isinstance(value, dict) else None
    if isinstance(inner, int) and not isinstance(inner, bool):
        inner = str(inner)
    if not isinstance(inner, str):
        return None
    return clean_text(inner[:MAX_TEXT]) or None


def day(value: object, name: str) -> date | None:
    """Return the local date at the head of a text under `name`, whatever time of day follows it."""
    written = text(value, name)
    try:
        return None if written is None else date.fromisoformat(written[:10])
    except ValueError:
        return None
