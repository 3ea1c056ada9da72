"""I1, I2, I3, I5, I10: every event counts once and leads to the state it must, on the topics as in the database."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from tests.oracle_evidence import (
    DEAD_LETTERS,
    ORDER_EVENTS,
    SCANS,
    SNAPSHOTS,
    STATUS,
    WEBHOOKS,
    Event,
    Evidence,
    Expected,
    Finding,
    LedgerRow,
    Sent,
    TopicRecord,
)

#: The last state that an order's messages tell: its snapshot goes with it.
ERASED: Final = "erased"


def judge_i1(evidence: Evidence) -> list[Finding]:
    """Every acknowledged event is in the ledger; where status takes no part, a webhook's scans are on their topic."""
    with_status = "status" in evidence.services
    known = _names(evidence.counted) if with_status else _names(_on_the_topic(evidence))
    reaching = [one for one in evidence.sent if one.promised and not one.poison and _reaches(evidence, one)]
    where = "in the ledger" if with_status else f"on {SCANS}"
    return [
        Finding("I1", event.subject, f"{event.name} was taken ({one.id}) and is not {where}")
        for one in reaching
        for event in one.events
        if known[event] == 0
    ]


def judge_i2(evidence: Evidence) -> list[Finding]:
    """Each event counts once, the state is the expected one, and versions have no holes."""
    if "status" not in evidence.services:
        return []
    known = _names(evidence.counted)
    sent = {event for one in evidence.sent for event in one.events}
    found = [
        Finding("I2", event.subject, f"{event.name} counts {known[event]} times")
        for event in sorted(sent, key=lambda one: (one.subject, one.name))
        if known[event] > 1
    ]
    strangers = [
        row
        for row in evidence.counted
        if row.kind in {"scan", "event"} and not any(Event(row.subject, name) in sent for name in row.names)
    ]
    found += [Finding("I2", row.subject, f"{sorted(row.names)} counts and nobody sent it") for row in strangers]
    for expected in evidence.expected:
        found += _end_state(evidence, expected)
    return found


def judge_i3(evidence: Evidence) -> list[Finding]:
    """Every version is in the status topic, first appearances in order, repeats and snapshots the same bytes."""
    if "status" not in evidence.services:
        return []
    found: list[Finding] = []
    newest: dict[str, TopicRecord] = {}
    for order, records in _by_key(evidence.records(STATUS)).items():
        firsts: dict[int, TopicRecord] = {}
        for record in records:
            version = _version(record)
            if version is None:
                found.append(Finding("I3", order, f"{record.place} is no status message"))
            elif not _same(firsts.setdefault(version, record), record):
                found.append(Finding("I3", order, f"{record.place} repeats version {version} with other bytes"))
        if list(firsts) != list(range(1, len(firsts) + 1)):
            found.append(Finding("I3", order, f"its versions first appeared as {_short(list(firsts))}, not 1, 2, 3, …"))
        if firsts:
            newest[order] = firsts[max(firsts)]
    found += list(_unpublished(evidence, newest))
    return found + list(_snapshots(evidence, newest))


def judge_i5(evidence: Evidence) -> list[Finding]:
    """Offsets only rise, stay inside the log, and no gap is unexplained."""
    found: list[Finding] = []
    highest: dict[tuple[str, str, str, int], int] = {}
    for row in evidence.offsets:
        place = (row.service, row.group, row.topic, row.partition)
        where = f"{row.service} {row.topic}/{row.partition}"
        before = highest.get(place, 0)
        if row.next_offset < before:
            found.append(Finding("I5", where, f"its next offset went back from {before} to {row.next_offset}"))
        highest[place] = max(before, row.next_offset)
    for (service, _, topic, partition), offset in highest.items():
        end = evidence.log_ends.get((topic, partition))
        if end is not None and offset > end:
            found.append(
                Finding("I5", f"{service} {topic}/{partition}", f"next offset {offset} is above the end {end}")
            )
    found += [
        Finding("I5", f"{gap.service} {gap.topic}/{gap.partition}", f"records {gap.want} to {gap.got} were passed over")
        for gap in evidence.gaps
        if (gap.service, gap.topic, gap.partition) not in evidence.explained_gaps
    ]
    return found


def judge_i10(evidence: Evidence) -> list[Finding]:
    """Poison is set aside with its place, and nothing but poison is: its neighbours were counted."""
    found: list[Finding] = []
    poisoned: dict[tuple[str, int, int], Sent] = {}
    for one in evidence.sent:
        if one.poison:
            poisoned |= {(one.topic, *place): one for place in _places(evidence, one)}
    letters = _letters(evidence)
    wanted = {SCANS: "status", ORDER_EVENTS: "status", WEBHOOKS: "ingest"}
    for place, one in poisoned.items():
        service = wanted[place[0]]
        if service in evidence.services and service not in letters.get(place, {}):
            where = "/".join(map(str, place))
            found.append(Finding("I10", where, f"the poison {one.id} is not in the dead letters of {service}"))
    for place, by_service in letters.items():
        if place not in poisoned and place[0] in wanted:
            where = "/".join(map(str, place))
            why = ", ".join(f"{service}: {reason}" for service, reason in sorted(by_service.items()))
            found.append(Finding("I10", where, f"a record that is no poison was set aside ({why})"))
    return found


def _places(evidence: Evidence, sent: Sent) -> Iterator[tuple[int, int]]:
    """Return where a record lies; also where nobody was told that it does: of webhooks, and when an answer was lost."""
    yield from sent.acks
    if sent.promised:
        key = sent.key.encode()
        yield from (
            (one.partition, one.offset)
            for one in evidence.records(sent.topic)
            if (one.key == key or sent.topic == WEBHOOKS) and sha(one.value or b"") == sent.sha256
        )


def sha(value: bytes) -> str:
    """Return the hash that the ledger has of a value."""
    return hashlib.sha256(value).hexdigest()


def _reaches(evidence: Evidence, sent: Sent) -> bool:
    return "ingest" in evidence.services if sent.topic == WEBHOOKS else "status" in evidence.services


def _on_the_topic(evidence: Evidence) -> Iterator[LedgerRow]:
    for record in evidence.records(SCANS):
        with suppress(ValueError, KeyError, TypeError):
            body = json.loads(record.value or b"")
            at = datetime.fromisoformat(body["occurred_at"]).astimezone(UTC)
            names = {body["event_key"], f"{at:%Y-%m-%dT%H:%M:%SZ}|{body['raw_code']}"}
            yield LedgerRow((record.key or b"").decode(errors="replace"), frozenset(names))


def _names(rows: Iterable[LedgerRow]) -> Counter[Event]:
    return Counter(Event(row.subject, name) for row in rows for name in row.names)


def _end_state(evidence: Evidence, expected: Expected) -> Iterator[Finding]:
    row = next((one for one in evidence.orders if one.order == expected.order), None)
    if row is None:
        yield Finding("I2", expected.order, "status does not know the order")
        return
    if (row.state, dict(row.stages)) != (expected.state, dict(expected.stages)):
        what = f"ended as {row.state} {dict(row.stages)}, not {expected.state} {dict(expected.stages)}"
        yield Finding("I2", expected.order, what)
    last = _newest(evidence.records(STATUS), expected.order)
    if last is not None and last.get("state") != row.state:
        yield Finding("I2", expected.order, f"its newest message says {last.get('state')}, the database {row.state}")


def _newest(records: Iterable[TopicRecord], order: str) -> dict[str, Any] | None:
    own = [one for one in records if one.key == order.encode() and _version(one) is not None]
    return None if not own else json.loads(max(own, key=lambda one: _version(one) or 0).value or b"{}")


def _unpublished(evidence: Evidence, newest: Mapping[str, TopicRecord]) -> Iterator[Finding]:
    for row in evidence.orders:
        published = _version(newest[row.order]) if row.order in newest else 0
        if published != row.version:
            yield Finding("I3", row.order, f"the database is at version {row.version}, the topic at {published}")


def _snapshots(evidence: Evidence, newest: Mapping[str, TopicRecord]) -> Iterator[Finding]:
    snapshots = {order: records[-1] for order, records in _by_key(evidence.records(SNAPSHOTS)).items()}
    for order, message in newest.items():
        snapshot = snapshots.get(order)
        if snapshot is None:
            yield Finding("I3", order, "it has no snapshot")
        elif snapshot.value is None:
            if order not in evidence.purged and _state(message) != ERASED:
                yield Finding(
                    "I3", order, f"its snapshot {snapshot.place} is wiped, and it is neither erased nor purged"
                )
        elif not _same(snapshot, message):
            told = f"version {_version(snapshot)} of {_version(message)}"
            yield Finding("I3", order, f"its snapshot {snapshot.place} is not its newest message ({told})")


def _same(one: TopicRecord, other: TopicRecord) -> bool:
    return (one.key, one.value, one.headers, one.timestamp) == (other.key, other.value, other.headers, other.timestamp)


def _by_key(records: Iterable[TopicRecord]) -> dict[str, list[TopicRecord]]:
    found: dict[str, list[TopicRecord]] = defaultdict(list)
    for one in sorted(records, key=lambda record: (record.partition, record.offset)):
        found[(one.key or b"").decode(errors="replace")].append(one)
    return dict(found)


def _version(record: TopicRecord) -> int | None:
    try:
        return int(json.loads(record.value or b"")["change"]["version"])
    except (ValueError, KeyError, TypeError):
        return None


def _state(message: TopicRecord) -> str | None:
    state: str | None = json.loads(message.value or b"{}").get("state")
    return state


def _letters(evidence: Evidence) -> dict[tuple[str, int, int], dict[str, str]]:
    """Return who set aside what, and why."""
    found: dict[tuple[str, int, int], dict[str, str]] = defaultdict(dict)
    for record in evidence.records(DEAD_LETTERS):
        letter = json.loads(record.value or b"{}")
        if letter.get("action", "quarantined") == "quarantined":
            place = (str(letter["topic"]), int(letter["partition"]), int(letter["offset"]))
            found[place][str(letter["service"])] = str(letter["reason"])
    return dict(found)


def _short(values: list[int]) -> str:
    return f"{values}" if len(values) <= 12 else f"{values[:12]}… ({len(values)})"
