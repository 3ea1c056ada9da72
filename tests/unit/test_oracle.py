"""Each invariant is broken by hand once, and the oracle must find it; where nothing is broken it finds nothing."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import oracle
from tests.oracle_evidence import (
    DEAD_LETTERS,
    ORDER_EVENTS,
    OUTCOMES,
    SCANS,
    SNAPSHOTS,
    STATUS,
    WEBHOOKS,
    Answer,
    Event,
    Evidence,
    Expected,
    GapRow,
    LedgerRow,
    Mail,
    NotificationRow,
    OffsetRow,
    OrderRow,
    PageSample,
    ProcessEnd,
    ProcessNow,
    ProcessSample,
    Recovery,
    Sent,
    TopicRecord,
)

ORDER, PARCEL, BUYER = "main:1001", "royal-mail:AB1", "canary.person@example.com"
PLACED = b'{"type": "placed"}'
SCANNED = b'{"event_key": "k1", "occurred_at": "2026-11-20T10:00:00Z", "raw_code": "DL"}'
POSTED = b'{"tracker": 1}'
JUNK = b"junk"
MESSAGE_ID = "<n-1@example.com>"


def sha(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def message(version: int, state: str, *, topic: str = STATUS, offset: int = 0, order: str = ORDER) -> TopicRecord:
    value = json.dumps({"state": state, "change": {"version": version}}).encode()
    return TopicRecord(topic, 0, offset, order.encode(), value, (("ce_id", f"{order}/{version}".encode()),), 1000)


def dead_letter(topic: str, offset: int, **fields: Any) -> TopicRecord:
    body = {"action": "quarantined", "service": "status", "topic": topic, "partition": 0, "offset": offset}
    value = json.dumps({**body, "reason": "unreadable", **fields}).encode()
    return TopicRecord(DEAD_LETTERS, 0, offset, f"{topic}/0/{offset}".encode(), value)


def outcome(state: str, n: int = 1) -> TopicRecord:
    body = {"notification": f"n-{n}", "outcome": state}
    return TopicRecord(OUTCOMES, 0, n - 1, ORDER.encode(), json.dumps(body).encode())


TOMBSTONE = replace(message(2, "delivered", topic=SNAPSHOTS), value=None)


def clean() -> Evidence:
    """Everything of one delivered order, a webhook that told its scan again, and one poison."""
    event, scan = Event(ORDER, "oms/e1"), Event(PARCEL, "k1")
    again = Event(PARCEL, "2026-11-20T10:00:00Z|DL")
    topics = {
        ORDER_EVENTS: (TopicRecord(ORDER_EVENTS, 0, 0, ORDER.encode(), PLACED),),
        SCANS: (
            TopicRecord(SCANS, 0, 0, PARCEL.encode(), SCANNED),
            TopicRecord(SCANS, 0, 1, b"nobody", JUNK),
        ),
        WEBHOOKS: (TopicRecord(WEBHOOKS, 0, 0, b"AB1", POSTED),),
        STATUS: (message(1, "processing"), message(2, "delivered", offset=1), message(1, "processing", offset=2)),
        SNAPSHOTS: (message(1, "processing", topic=SNAPSHOTS), message(2, "delivered", topic=SNAPSHOTS, offset=1)),
        OUTCOMES: (outcome("accepted"),),
        DEAD_LETTERS: (dead_letter(SCANS, 1),),
    }
    return Evidence(
        sent=(
            Sent("e1", ORDER_EVENTS, ORDER, sha(PLACED), (event,), acks=((0, 0),)),
            Sent("k1", SCANS, PARCEL, sha(SCANNED), (scan,), acks=((0, 0),)),
            Sent("w1", WEBHOOKS, "AB1", sha(POSTED), (again,), answers=(Answer(503, retry_after=True), Answer(202))),
            Sent("junk", SCANS, "nobody", sha(JUNK), poison=True, acks=((0, 1),)),
        ),
        expected=(Expected(ORDER, "delivered", {"A": "delivered"}, BUYER, {"delivered": 1}, tokens=("AB1",)),),
        topics=topics,
        log_starts={(name, 0): 0 for name in topics},
        log_ends={(name, 0): len(records) for name, records in topics.items()},
        counted=(
            LedgerRow(PARCEL, frozenset({"k1", "2026-11-20T10:00:00Z|DL"})),
            LedgerRow(ORDER, frozenset({"oms/e1"}), "event"),
        ),
        orders=(OrderRow(ORDER, 2, "delivered", {"A": "delivered"}),),
        notifications=(NotificationRow("n-1", ORDER, "delivered", "accepted"),),
        mails=(Mail(MESSAGE_ID, BUYER, "Your order 1001 has been delivered"),),
        offsets=(OffsetRow("status", "g", SCANS, 0, 1), OffsetRow("status", "g", SCANS, 0, 2)),
        pages=(PageSample(1, ORDER, 404), PageSample(2, ORDER, 200, 1, "AB1"), PageSample(3, ORDER, 200, 2, "AB1")),
        processes=(ProcessSample("status 1", "status", "baseline", 90, 20, 2), sample()),
        ends=(ProcessEnd("status 1 (life 1)", 75), ProcessEnd("status 1 (life 2)", -9, wanted=True)),
        now=(ProcessNow("status 1", running=True, ready=True),),
        canaries=("canary.person",),
        texts={"log of status 1": "started"},
        recovery=Recovery(4.0),
    )


def sample(memory_mib: float = 100, files: int = 22, connections: int = 4) -> ProcessSample:
    return ProcessSample("status 1", "status", "end", memory_mib, files, connections)


def topic(evidence: Evidence, name: str, *records: TopicRecord) -> Evidence:
    """Give the evidence with other records on one topic."""
    return replace(evidence, topics={**evidence.topics, name: records})


def sent(evidence: Evidence, place: int, **changes: Any) -> Evidence:
    """Give the evidence with one thing sent otherwise."""
    changed = list(evidence.sent)
    changed[place] = replace(changed[place], **changes)
    return replace(evidence, sent=tuple(changed))


def notification(evidence: Evidence, state: str) -> Evidence:
    """Give the evidence with the notification in another state, as its outcome says too."""
    row = replace(evidence.notifications[0], state=state)
    return topic(replace(evidence, notifications=(row,)), OUTCOMES, outcome(state))


def in_doubt(evidence: Evidence, count: int) -> Evidence:
    """Give the evidence with so many messages, each of an outcome that nobody knows."""
    rows = tuple(NotificationRow(f"n-{n}", ORDER, "delivered", "unknown") for n in range(1, count + 1))
    return topic(replace(evidence, notifications=rows), OUTCOMES, *(outcome("unknown", n + 1) for n in range(count)))


def repeated(evidence: Evidence, **changes: Any) -> Evidence:
    """Give the evidence with the first status message once more, otherwise."""
    first = evidence.records(STATUS)[0]
    return topic(evidence, STATUS, *evidence.records(STATUS), replace(first, offset=3, **changes))


def look(evidence: Evidence, at: float, *shown: Any, order: str = ORDER) -> Evidence:
    """Give the evidence with one more look at a page."""
    return replace(evidence, pages=(*evidence.pages, PageSample(at, order, *shown)))


def letters(evidence: Evidence, *more: TopicRecord) -> Evidence:
    """Give the evidence with more dead letters."""
    return topic(evidence, DEAD_LETTERS, *evidence.records(DEAD_LETTERS), *more)


def test_clean_evidence_has_no_finding() -> None:
    assert oracle.judge(clean()) == []


def test_no_evidence_has_no_finding() -> None:
    assert oracle.judge(Evidence()) == []


def test_twelve_invariants_are_judged() -> None:
    assert list(oracle.INVARIANTS) == [f"I{n}" for n in range(1, 13)]


def test_an_invariant_can_be_left_out_by_name_only() -> None:
    broken = replace(clean(), counted=clean().counted[1:])
    assert oracle.judge(broken, but_for={"I1"}) == []
    with pytest.raises(ValueError, match="I13"):
        oracle.judge(broken, but_for={"I13"})


Break = Callable[[Evidence], Evidence]
BREAKS: list[tuple[str, str, Break]] = [
    ("I1", "k1 was taken (k1) and is not in the ledger", lambda e: replace(e, counted=e.counted[1:])),
    ("I1", "oms/e1 was taken (e1) and is not in the ledger", lambda e: replace(e, counted=e.counted[:1])),
    ("I2", "k1 counts 2 times", lambda e: replace(e, counted=(*e.counted, e.counted[0]))),
    ("I2", "nobody sent it", lambda e: replace(e, counted=(*e.counted, LedgerRow(PARCEL, frozenset({"k9"}))))),
    ("I2", "ended as in_transit", lambda e: replace(e, orders=(OrderRow(ORDER, 2, "in_transit", {"A": "delivered"}),))),
    ("I2", "{'A': 'lost'}, not", lambda e: replace(e, orders=(OrderRow(ORDER, 2, "delivered", {"A": "lost"}),))),
    ("I2", "status does not know the order", lambda e: topic(replace(e, orders=()), STATUS)),
    ("I3", "first appeared as [1, 3]", lambda e: topic(e, STATUS, message(1, "x"), message(3, "delivered", offset=1))),
    ("I3", "first appeared as [2, 1]", lambda e: topic(e, STATUS, message(2, "delivered"), message(1, "x", offset=1))),
    ("I3", "other bytes", lambda e: repeated(e, value=message(1, "forged").value)),
    ("I3", "other bytes", lambda e: repeated(e, timestamp=2)),
    ("I3", "other bytes", lambda e: repeated(e, headers=())),
    ("I3", "version 2, the topic at 0", lambda e: topic(topic(e, STATUS), SNAPSHOTS)),
    ("I3", "is not its newest message", lambda e: topic(e, SNAPSHOTS, message(1, "processing", topic=SNAPSHOTS))),
    ("I3", "it has no snapshot", lambda e: topic(e, SNAPSHOTS)),
    ("I3", "is wiped, and it is neither erased nor purged", lambda e: topic(e, SNAPSHOTS, TOMBSTONE)),
    ("I4", "the provider took it 2 times", lambda e: replace(e, mails=e.mails * 2)),
    ("I4", "got delivered 2 times", lambda e: replace(e, mails=(*e.mails, replace(e.mails[0], message_id="<n-2@x>")))),
    ("I4", "it is still attempting", lambda e: notification(e, "attempting")),
    ("I4", "its row says suppressed", lambda e: notification(e, "suppressed")),
    ("I4", "the provider never took it", lambda e: replace(e, mails=())),
    ("I4", "must be told 1 times, and was suppressed", lambda e: replace(notification(e, "suppressed"), mails=())),
    ("I4", "no row knows it", lambda e: replace(e, notifications=())),
    ("I4", "is nobody's customer", lambda e: replace(e, mails=(replace(e.mails[0], recipient="x@example.com"),))),
    ("I4", "the outcomes topic says None", lambda e: topic(e, OUTCOMES)),
    ("I4", "20 of 20 messages ended unknown, 18 at most", lambda e: in_doubt(e, 20)),
    ("I5", "went back from 2 to 1", lambda e: replace(e, offsets=e.offsets[::-1])),
    ("I5", "is above the end 2", lambda e: replace(e, offsets=(OffsetRow("status", "g", SCANS, 0, 3),))),
    ("I5", "records 4 to 9 were passed over", lambda e: replace(e, gaps=(GapRow("status", SCANS, 0, 4, 9),))),
    ("I6", "status is 3 behind", lambda e: replace(e, recovery=Recovery(None, why=("status is 3 behind",)))),
    ("I6", "took 61 s", lambda e: replace(e, recovery=Recovery(61.0))),
    ("I7", "is not in carrier.webhooks.v1", lambda e: topic(e, WEBHOOKS)),
    ("I7", "k1 was acknowledged there and is not there", lambda e: topic(e, SCANS, e.records(SCANS)[1])),
    ("I7", "answered 500, which is not documented", lambda e: sent(e, 2, answers=(Answer(500), Answer(202)))),
    ("I7", "503 without Retry-After", lambda e: sent(e, 2, answers=(Answer(503), Answer(202)))),
    ("I8", "MiB of memory", lambda e: replace(e, processes=(e.processes[0], sample(memory_mib=300)))),
    ("I8", "open files", lambda e: replace(e, processes=(e.processes[0], sample(files=90)))),
    ("I8", "connections to Postgres", lambda e: replace(e, processes=(e.processes[0], sample(connections=40)))),
    ("I9", "log of status 1", lambda e: replace(e, texts={"log of status 1": f"to {BUYER.title()}"})),
    ("I9", "order.status.v1/0/0", lambda e: topic(e, STATUS, message(1, BUYER), message(2, "delivered", offset=1))),
    ("I10", "the poison junk is not in the dead letters", lambda e: topic(e, DEAD_LETTERS)),
    ("I10", "no poison was set aside", lambda e: letters(e, dead_letter(SCANS, 0))),
    ("I11", "went back from version 2 to 1", lambda e: look(e, 4, 200, 1)),
    ("I11", "the page answered 500", lambda e: look(e, 4, 500)),
    ("I11", "its page shows ['AB1'] of main:1001", lambda e: look(e, 4, 200, 1, "AB1", order="main:2")),
    ("I12", "runs and is not ready", lambda e: replace(e, now=(ProcessNow("s", running=True, ready=False),))),
    ("I12", "was not started again", lambda e: replace(e, now=(ProcessNow("s", running=False, ready=False),))),
    ("I12", "it ended with 78", lambda e: replace(e, ends=(ProcessEnd("status 1 (life 1)", 78),))),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "words", "broken"), BREAKS, ids=[f"{i} {what}" for i, what, _ in BREAKS])
def test_what_is_broken_is_found(invariant: str, words: str, broken: Break) -> None:
    found = oracle.INVARIANTS[invariant](broken(clean()))
    assert any(words in str(one) for one in found), oracle.report(found)
    assert all(one.invariant == invariant for one in found)


def test_every_invariant_is_broken_once_here() -> None:
    assert {invariant for invariant, _, _ in BREAKS} == oracle.INVARIANTS.keys()


def test_what_was_never_acknowledged_promises_nothing() -> None:
    unsure = sent(sent(clean(), 1, acks=()), 2, answers=(Answer(503, retry_after=True),))
    assert oracle.judge(replace(unsure, counted=unsure.counted[1:]), but_for={"I2"}) == []


def test_as_many_messages_may_be_in_doubt_as_crashes_and_a_silent_provider_explain() -> None:
    doubtful = in_doubt(clean(), 20)
    crash = ProcessEnd("notify 1 (life 1)", -9, wanted=True)
    assert oracle.INVARIANTS["I4"](replace(doubtful, unanswered=2)) == []
    assert oracle.INVARIANTS["I4"](replace(doubtful, ends=(*doubtful.ends, crash))) == []
    assert len(oracle.INVARIANTS["I4"](replace(doubtful, ends=(*doubtful.ends, crash), unknown_share=0.1))) == 1


def test_a_dead_letter_of_an_order_event_holds_a_hash_and_nothing_else() -> None:
    for fields in ({"value_base64": base64.b64encode(PLACED).decode()}, {"detail": f"bad address {BUYER}"}):
        found = oracle.judge(
            topic(clean(), DEAD_LETTERS, dead_letter(SCANS, 1), dead_letter(ORDER_EVENTS, 7, **fields))
        )
        assert "I9" in {one.invariant for one in found}


def test_a_gap_that_the_test_made_itself_is_no_finding() -> None:
    gap = replace(clean(), gaps=(GapRow("status", SCANS, 0, 4, 9),), explained_gaps=frozenset({("status", SCANS, 0)}))
    assert oracle.judge(gap) == []


def test_what_retention_took_is_no_broken_promise_of_kafka() -> None:
    cut = topic(clean(), SCANS, clean().records(SCANS)[1])
    assert oracle.judge(replace(cut, log_starts={**cut.log_starts, (SCANS, 0): 1})) == []


def test_a_tombstone_may_stand_where_the_snapshot_of_an_order_was_that_the_test_had_purged() -> None:
    assert oracle.judge(replace(topic(clean(), SNAPSHOTS, TOMBSTONE), purged=frozenset({ORDER}))) == []


def test_a_tombstone_may_stand_where_the_snapshot_of_an_erased_order_was() -> None:
    erased = topic(topic(clean(), SNAPSHOTS, TOMBSTONE), STATUS, message(1, "placed"), message(2, "erased", offset=1))
    assert oracle.INVARIANTS["I3"](erased) == []


def test_without_status_the_scans_of_a_taken_webhook_must_be_on_their_topic() -> None:
    alone = replace(clean(), services=frozenset({"ingest"}), sent=clean().sent[2:3])
    assert oracle.judge(topic(alone, DEAD_LETTERS)) == []
    (found,) = oracle.judge(topic(topic(alone, DEAD_LETTERS), SCANS))
    assert "is not on carrier.scans.v1" in str(found)


def test_a_report_is_cut_and_says_so() -> None:
    findings = oracle.judge(replace(clean(), mails=clean().mails * 2))
    assert oracle.report(findings * 30).splitlines()[-1].endswith("more")


def test_the_oracle_knows_nothing_of_the_program_it_judges() -> None:
    for name in ("oracle", "oracle_evidence", "oracle_counting", "oracle_telling", "oracle_running", "oracle_collect"):
        source = oracle.__file__.replace("oracle.py", f"{name}.py")
        with open(source, encoding="utf-8") as file:  # noqa: PTH123
            imports = [line for line in file if line.startswith(("import ", "from "))]
        assert not [line for line in imports if "services" in line or "schemas" in line], name
