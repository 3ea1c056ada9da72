"""The normaliser: records to scans and dead letters, and what it remembers."""

import base64
import json
from datetime import timedelta
from unittest.mock import Mock

import pytest

from schemas.dead_letters import DEAD_LETTER
from schemas.envelope import header
from services.ingest.consumer import Memory, Normaliser
from services.ingest.normalise import normalise
from services.ingest.settings import IngestSettings
from services.runtime.kafka import Record
from tests.unit.ingest.samples import TOLD_AT, body_of, webhook_record

GROWN = [body_of(f"easypost/royal_mail_{name}") for name in ("3_in_transit", "4_out_for_delivery")]


class Producer:
    """Acknowledges what it is given, or fails from the n-th record on."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.fails_at = fails_at

    async def send(self, topic: str, value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]) -> object:
        assert header(headers, "ce_subject") == key.decode()

        async def acknowledge() -> None:
            if self.fails_at is not None and len(self.sent) >= self.fails_at:
                raise TimeoutError
            self.sent.append((topic, key, value))

        return acknowledge()


def make(producer: Producer, **section: object) -> Normaliser:
    return Normaliser(Mock(wraps=producer, send=producer.send), IngestSettings.model_validate({"ingest": section}))


async def test_scans_leave_oldest_first_under_their_parcels_key_with_cloudevents_headers() -> None:
    producer = Producer()
    await make(producer).apply([webhook_record("easypost", GROWN[0])])
    assert {(topic, key) for topic, key, _ in producer.sent} == {("carrier.scans.v1", b"royal-mail:AB123456785GB")}
    assert [json.loads(value)["kind"] for _, _, value in producer.sent] == ["scan"] * 4 + ["summary", "estimate"]
    (first, *_) = normalise(webhook_record("easypost", GROWN[0]), allow_test=False).outgoing
    assert header(first.headers, "ce_type") == "trackfold.carrier.scans.scan.v1"
    assert header(first.headers, "ce_time") == "2026-11-17T16:02:11.000Z"
    assert header(first.headers, "content-type") == "application/json"


async def test_a_full_history_told_again_sends_only_what_is_new() -> None:
    producer = Producer()
    normaliser = make(producer)
    await normaliser.apply([webhook_record("easypost", GROWN[0])])
    await normaliser.apply([webhook_record("easypost", GROWN[1], told_at=TOLD_AT + timedelta(hours=1))])
    assert [json.loads(value)["kind"] for _, _, value in producer.sent[6:]] == ["scan", "summary", "estimate"]


async def test_a_scan_told_earlier_than_the_remembered_one_is_sent() -> None:
    producer = Producer()
    normaliser = make(producer)
    await normaliser.apply([webhook_record("easypost", GROWN[0])])
    await normaliser.apply([webhook_record("easypost", GROWN[0], told_at=TOLD_AT - timedelta(hours=1))])
    assert len(producer.sent) == 12


async def test_without_memory_everything_is_sent_again() -> None:
    producer = Producer()
    normaliser = make(producer, remembered_scans=0)
    for _ in range(2):
        await normaliser.apply([webhook_record("easypost", GROWN[0])])
    assert producer.sent[:6] == producer.sent[6:]


async def test_a_batch_that_fails_half_way_is_sent_again_as_a_whole() -> None:
    producer = Producer(fails_at=3)
    normaliser = make(producer)
    with pytest.raises(TimeoutError):
        await normaliser.apply([webhook_record("easypost", GROWN[0])])
    producer.fails_at = None
    await normaliser.apply([webhook_record("easypost", GROWN[0])])
    assert len(producer.sent) == 3 + 6


async def test_a_batch_of_long_histories_is_sent_piece_by_piece_and_what_was_sent_stays_sent() -> None:
    base = json.loads(body_of("standard/one_scan"))
    long = [json.dumps([base | {"number": f"{n}X{m}"} for m in range(600)]).encode() for n in range(5)]
    producer, beats = Producer(), Mock()
    settings = IngestSettings()
    normaliser = Normaliser(Mock(wraps=producer, send=producer.send), settings, beat=beats)
    producer.fails_at = 2500
    with pytest.raises(TimeoutError):
        await normaliser.apply([webhook_record("standard", body) for body in long])
    assert beats.call_count == 2
    producer.fails_at = None
    await normaliser.apply([webhook_record("standard", body) for body in long])
    assert len(producer.sent) == 2500 + 600
    assert len({value for _, _, value in producer.sent}) == 3000


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    scans = [one.scan for one in normalise(webhook_record("easypost", GROWN[1]), allow_test=False).outgoing if one.scan]
    memory = Memory(2)
    for scan in scans[:3]:
        memory.add(scan)
    assert [memory.has(scan) for scan in scans[:3]] == [False, True, True]


async def test_garbage_becomes_a_dead_letter_with_its_bytes_and_its_neighbours_go_on() -> None:
    producer = Producer()
    garbage = b'{"result":'
    batch = [
        webhook_record("easypost", GROWN[0]),
        webhook_record("easypost", garbage, offset=8),
        webhook_record("standard", body_of("standard/one_scan"), offset=9),
    ]
    await make(producer).apply(batch)
    assert [topic for topic, _, _ in producer.sent] == ["carrier.scans.v1"] * 6 + [
        "dead-letters.v1",
        "carrier.scans.v1",
    ]
    _, key, value = producer.sent[6]
    letter = DEAD_LETTER.validate_json(value)
    assert (key, letter.reason, letter.value, letter.at) == (b"carrier.webhooks.v1/0/8", "not_json", garbage, TOLD_AT)
    assert base64.b64decode(dict(letter.headers)["trackfold_provider"] or "") == b"easypost"


def test_a_body_with_one_bad_scan_gives_its_good_ones_and_a_dead_letter() -> None:
    result = normalise(webhook_record("standard", body_of("standard/bad_scans_beside_good_ones")), allow_test=False)
    assert [one.topic for one in result.outgoing] == ["carrier.scans.v1"] * 2 + ["dead-letters.v1"]


@pytest.mark.parametrize("provider", ["nobody", "UPS", ""])
def test_an_unknown_provider_is_a_dead_letter(provider: str) -> None:
    record = webhook_record("easypost", b"{}")
    headers = tuple(
        (name, provider.encode() if name == "trackfold_provider" else value) for name, value in record.headers
    )
    changed = Record(record.topic, 0, 7, 0, None, b"{}", headers)
    (letter,) = normalise(changed, allow_test=False).outgoing
    assert json.loads(letter.value)["reason"] == ("unknown_provider" if provider == "nobody" else "bad_headers")


@pytest.mark.parametrize("timestamp_ms", [-1, 0, 10**18, -(10**18), 1_795_000_000_000])
@pytest.mark.parametrize(
    "headers", [(), (("trackfold_provider", None),), (("trackfold_told_at", b"\xff"),), (("a", b"b"),) * 1_000]
)
def test_a_record_of_a_stranger_is_a_dead_letter_whatever_its_headers_and_time(
    timestamp_ms: int, headers: tuple[tuple[str, bytes | None], ...]
) -> None:
    for value in (None, b"", b"\xff" * 1_000):
        (letter,) = normalise(
            Record("carrier.webhooks.v1", 3, 9, timestamp_ms, b"\xff", value, headers), allow_test=False
        ).outgoing
        assert DEAD_LETTER.validate_json(letter.value).value == value


def test_a_record_without_a_value_is_a_dead_letter() -> None:
    (letter,) = normalise(webhook_record("easypost", None), allow_test=False).outgoing
    assert json.loads(letter.value)["reason"] == "no_value"


def test_what_is_ignored_leaves_nothing_behind() -> None:
    result = normalise(webhook_record("easypost", body_of("easypost/batch_event_is_ignored")), allow_test=False)
    assert (result.outgoing, result.reading.ignored) == ((), "not_a_tracker")


def test_the_trace_of_the_webhook_goes_on_in_its_scans() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    record = webhook_record("standard", body_of("standard/one_scan"))
    traced = Record(record.topic, 0, 7, 0, None, record.value, (*record.headers, ("traceparent", trace.encode())))
    (scan,) = normalise(traced, allow_test=False).outgoing
    assert header(scan.headers, "traceparent") == trace
