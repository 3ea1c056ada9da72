"""What must hold for every body from the wire: the door never stumbles, and nothing that was told is lost.

A parsed body is scans, order events, problems (a dead letter with its bytes) or ignored with a reason: `read` turns a
mistake in a provider's file into `parser_failed`, which keeps the bytes but loses the neighbours until it is mended, so
here it is a fault.
"""

import time
from collections.abc import Sequence
from typing import Final

from schemas.dead_letters import DEAD_LETTER
from schemas.scans import SCAN
from services.ingest.carriers.base import MAX_SCANS, Carrier, RawHeaders, Reading, Request
from services.ingest.handler import to_record
from services.ingest.normalise import DEAD_LETTERS, SCANS, normalise
from services.runtime.kafka import Record
from tests.unit.ingest.samples import TOLD_AT

LIMIT_S: Final = 1.0
"""For one body of the largest size, door and parser together, on a machine that has other things to do as well."""
_KINDS: Final = ("scan", "summary", "estimate")


def judge(carrier: Carrier, body: bytes, *, headers: RawHeaders = (), query: bytes = b"") -> Reading:
    """Return what a body says; AssertionError where a promise does not hold."""
    began = time.thread_time()
    request = Request(method="POST", path=f"/webhooks/{carrier.provider}", headers=headers, body=body, query=query)
    record = judge_door(carrier, request)
    reading = judge_reading(carrier, record)
    took = time.thread_time() - began
    assert took < LIMIT_S, f"{len(body)} bytes took {took:.1f} s"
    return reading


def judge_door(carrier: Carrier, request: Request) -> Record:
    """Return the record that the door writes; whatever raises here would be a 500."""
    last = 0
    for place in carrier.attachments(request.body):
        assert last <= place.start <= place.end <= len(request.body), "attachments stand in order, inside the body"
        last = place.end
    key, value, headers = to_record(carrier, request, told_at=TOLD_AT)
    return Record("carrier.webhooks.v1", 0, 7, int(TOLD_AT.timestamp() * 1000), key, value, tuple(headers))


def judge_reading(carrier: Carrier, record: Record) -> Reading:
    """Return what the normaliser reads from a record, judged."""
    result, again = (normalise(record, allow_test=False) for _ in range(2))
    assert result == again, "the same record reads as the same"
    reading = result.reading
    assert not any(one.reason == "parser_failed" for one in reading.problems), reading.problems
    assert reading.scans or reading.orders or reading.problems or reading.ignored, "an authentic body says something"
    _judge_scans(carrier, reading)
    letters = [one for one in result.outgoing if one.topic == DEAD_LETTERS]
    assert len(letters) == bool(reading.problems), "what could not be read is one dead letter"
    assert all(DEAD_LETTER.validate_json(one.value).value == record.value for one in letters), "with the bytes"
    told = [one for one in result.outgoing if one.topic == SCANS]
    for one, scan in zip(told, reading.scans, strict=True):
        assert one.key.decode() == scan.key
        assert SCAN.validate_json(one.value) == scan, "the contract reads what was written"
    return reading


def _judge_scans(carrier: Carrier, reading: Reading) -> None:
    kinds = [str(scan.kind) for scan in reading.scans]
    assert kinds == sorted(kinds, key=_KINDS.index), kinds
    history = [scan.occurred_at for scan in reading.scans if scan.kind == "scan"]
    assert history == sorted(history), "a history stands oldest first"
    for scan in reading.scans:
        assert (scan.provider, scan.told_at, scan.map_version) == (carrier.provider, TOLD_AT, carrier.map_version)
    assert len(history) <= MAX_SCANS * 40, "a body is bounded"


def judge_verifier(carrier: Carrier, request: Request, keys: Sequence[bytes]) -> None:
    """Check that a forgery is refused and that nothing it holds makes the verifier raise."""
    assert carrier.verify(request, keys, now=TOLD_AT) is False
    assert carrier.verify(request, [], now=TOLD_AT) is False
    named = carrier.key_id(request)
    assert named is None or 0 < len(named) <= 4096
