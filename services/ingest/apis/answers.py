"""What the clients have in common: reading an API's answers without raising, and words for people out of them.

Nothing here repeats what an answer says of a parcel: a reason is a code, or words of our own.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final
from urllib.parse import quote

from schemas.carriers import canonical_carrier
from schemas.keys import clean_number
from services.ingest.apis.base import Answer, Later, Refused, Reply, Subject, Trouble
from services.ingest.carriers.documents import text

OK: Final = 200
CREATED: Final = 201
NO_CONTENT: Final = 204
MULTI_STATUS: Final = 207
NOT_FOUND: Final = 404
SERVER_ERROR: Final = 500

NO_CODE: Final = "no_carrier_code"
"""The API names carriers by codes of its own, and ours for this carrier is not known."""
NOT_REGISTERED: Final = "not_registered"
LONGEST_REFERENCE: Final = 200

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,47}")
#: A code that long is a tracking number, whatever its field is called.
_DIGITS: Final = re.compile(r"\d{10}")


def number_of(value: object, *names: str) -> str | None:
    """Return the cleaned tracking number under the first of the names that holds one."""
    for name in names:
        try:
            return clean_number(text(value, name) or "")
        except ValueError:
            continue
    return None


def code_of(value: object, *names: str, otherwise: str) -> str:
    """Return an error's code: the first of the names that holds one. A sentence is no code and is never repeated."""
    for name in names:
        code = text(value, name)
        if code is not None and _CODE.fullmatch(code) and not _DIGITS.search(code):
            return code
    return otherwise


def reference_of(value: object, name: str) -> str | None:
    """Return the provider's own id of a registration, where it can be kept."""
    found = text(value, name)
    return found if found is not None and len(found) <= LONGEST_REFERENCE else None


def error_document(reply: Reply) -> object:
    """Return the document of an error; None where it is a page or nothing: the status says enough then."""
    try:
        return reply.json()
    except Trouble:
        return None


def taken_for(subject: Subject, name: str | None, provider: str) -> str | None:
    """Return why a registration is of no use: the provider found another carrier out than the parcel's.

    What it tells would be told of another parcel, so people must see it: the order's carrier is wrong, or the
    provider's name for it is missing in `schemas/carriers.py`.
    """
    try:
        carrier = canonical_carrier(name or "", provider=provider)
    except ValueError:
        return None
    return None if carrier == subject.carrier else f"taken_for_{carrier}"


def about_request(reply: Reply, subjects: Sequence[Subject], code: str | None = None) -> list[Refused | Later]:
    """Return what a 4xx means: it is about the request, and only with one number in it about that number."""
    why = code or f"http_{reply.status}"
    return [Refused(one.key, why) if len(subjects) == 1 else Later(one.key, why) for one in subjects]


def answered(subjects: Iterable[Subject], numbers: Collection[str], body: bytes) -> list[Answer]:
    """Return the body as the answer of those subjects whose numbers it tells; nothing where it tells none."""
    keys = tuple(one.key for one in subjects if one.number in numbers)
    return [Answer(keys, body)] if keys else []


def in_path(part: str) -> str:
    """Return a number or an id as one part of a path: some numbers hold a slash, and dots alone would climb up."""
    return quote(part, safe="") if part.strip(".") else "%2E" * len(part)
