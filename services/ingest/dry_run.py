"""`POST /webhooks/PROVIDER?dry_run=1`: what would happen to this very request, and why. Keeps nothing, sends nothing.

For an integrator's first webhook and an operator's doubts, so it needs an operator's token: the answer shows what a
body says of a parcel. Called by `http.py`.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

from services.ingest import handler
from services.ingest.carriers.base import Carrier, RawHeaders, Request
from services.ingest.carriers.signatures import single
from services.ingest.normalise import DEAD_LETTERS, Outgoing, normalise
from services.ingest.reading_document import document
from services.runtime.kafka import Record

_MAX_FIELDS: Final = 20
_OWN_HEADER: Final = "x-trackfold-operator"
_BEARER: Final = b"bearer "


def is_asked_for(query: bytes) -> bool:
    """Tell whether a query asks for a dry run."""
    try:
        asked = parse_qs(query.decode("latin-1"), max_num_fields=_MAX_FIELDS).get("dry_run", [])
    except ValueError:  # too many fields: whatever it is, it is no dry run of ours
        return False
    return asked in (["1"], ["true"])


def is_operator(headers: RawHeaders, tokens: Sequence[str]) -> bool:
    """Tell whether a request carries an operator's token; compares with all of them, in constant time.

    In a header of its own where `Authorization` is the provider's (UPS).
    """
    sent = single(headers, "authorization") or b""
    bearer = sent[len(_BEARER) :] if sent[: len(_BEARER)].lower() == _BEARER else b""
    token = single(headers, _OWN_HEADER) or bearer
    fits = [hmac.compare_digest(token, one.encode()) for one in tokens]
    return any(fits)


def answer(
    carrier: Carrier, request: Request, *, authentic: bool, told_at: datetime, allow_test: bool
) -> dict[str, Any]:
    """Return what would happen: the status, the reading, and each record that would leave ingest."""
    key, value, headers = handler.to_record(carrier, request, told_at=told_at)
    record = Record(handler.TOPIC, 0, 0, int(told_at.timestamp() * 1000), key, value, tuple(headers))
    result = normalise(record, allow_test=allow_test)
    would = [_would_send(one) for one in result.outgoing]
    return {
        "dry_run": True,
        "authentic": authentic,
        "status": 202 if authentic else 401,
        "why": _why(carrier, authentic=authentic, sent=would, ignored=result.reading.ignored),
        "would_publish": would if authentic else [],
        "reading": document(carrier.provider, result.reading),
    }


def _would_send(one: Outgoing) -> dict[str, str]:
    kinds = dict(one.headers)
    # A dead letter's key is the place of a record that was never written.
    key = {} if one.topic == DEAD_LETTERS else {"key": one.key.decode()}
    return {"topic": one.topic, "type": kinds["ce_type"].decode(), **key}


def _why(carrier: Carrier, *, authentic: bool, sent: Sequence[dict[str, str]], ignored: str | None) -> str:
    if not authentic:
        return f"the signature fits none of the secrets of {carrier.provider}: it would be refused and not kept"
    if ignored is not None:
        return f"it would be kept and ignored: {ignored}"
    letters = sum(one["topic"] == DEAD_LETTERS for one in sent)
    said = f"it would be kept, and {len(sent) - letters} records published"
    return said + ("; what cannot be read would be a dead letter" if letters else "")
