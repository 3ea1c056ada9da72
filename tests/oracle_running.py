"""I6, I7, I8, I12: it heals by itself, promises only what is durable, gives back what it took, nothing lingers."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from tests.oracle_counting import sha
from tests.oracle_evidence import WEBHOOKS, Evidence, Finding, ProcessSample, Sent

ANSWERS: Final = frozenset({202, 400, 401, 404, 413, 415, 429, 503})
TO_REPEAT: Final = frozenset({429, 503})
#: 0: told to stop; 69, 70, 75: start me again, as the table of exit codes says.
RESTARTED: Final = frozenset({0, 69, 70, 75})
#: What a process may hold more at the end than at the start: caches, grown pools, a worker thread's arena.
MEMORY_MIB: Final = 64.0
FILES: Final = 24
CONNECTIONS: Final = 8


def judge_i6(evidence: Evidence) -> list[Finding]:
    """After healing all was quiet within the limit, and nobody lent a hand."""
    recovery = evidence.recovery
    if recovery is None:
        return []
    why = "; ".join(recovery.why) or "nobody knows why"
    if recovery.seconds is None:
        return [Finding("I6", "recovery", f"not quiet {recovery.limit_s:.0f} s after healing: {why}")]
    if recovery.seconds > recovery.limit_s:
        return [Finding("I6", "recovery", f"took {recovery.seconds:.0f} s, {recovery.limit_s:.0f} s are the limit")]
    return []


def judge_i7(evidence: Evidence) -> list[Finding]:
    """What was acknowledged is in the log as it was sent, and the door gave only documented answers."""
    places = {
        topic: {(one.partition, one.offset): one for one in records} for topic, records in evidence.topics.items()
    }
    kept = {sha(one.value) for one in evidence.records(WEBHOOKS) if one.value is not None}
    found: list[Finding] = []
    for sent in evidence.sent:
        found += _answers(sent)
        if sent.topic == WEBHOOKS and any(answer.status == 202 for answer in sent.answers) and sent.sha256 not in kept:
            found.append(Finding("I7", sent.id, "it was answered 202 and is not in carrier.webhooks.v1"))
        for partition, offset in sent.acks:
            record = places.get(sent.topic, {}).get((partition, offset))
            gone = offset < evidence.log_starts.get((sent.topic, partition), 0)
            if not gone and (record is None or sha(record.value or b"") != sent.sha256):
                where = f"{sent.topic}/{partition}/{offset}"
                found.append(Finding("I7", where, f"{sent.id} was acknowledged there and is not there"))
    return found


def judge_i8(evidence: Evidence) -> list[Finding]:
    """Memory, open files and connections are back where they were before the load."""
    found: list[Finding] = []
    before = _largest(evidence, "baseline")
    for process, after in _largest(evidence, "end").items():
        first = before.get(process)
        if first is None:
            continue
        for what, began, ended, more in (
            ("MiB of memory", first.memory_mib, after.memory_mib, MEMORY_MIB),
            ("open files", first.files, after.files, FILES),
            ("connections to Postgres", first.connections, after.connections, CONNECTIONS),
        ):
            if ended > began + more:
                found.append(
                    Finding("I8", process, f"holds {ended:.0f} {what} at the end, {began:.0f} before the load")
                )
    return found


def judge_i12(evidence: Evidence) -> list[Finding]:
    """Every process is healthy or gone, and ended only in the ways from which it is started again."""
    found = [
        Finding("I12", end.process, f"it ended with {end.code}, which nobody wanted")
        for end in evidence.ends
        if not end.wanted and end.code not in RESTARTED
    ]
    for now in evidence.now:
        if now.running and not now.ready:
            found.append(Finding("I12", now.process, "it runs and is not ready"))
        elif not now.running and not now.expected_gone:
            found.append(Finding("I12", now.process, "it is gone and was not started again"))
    return found


def _answers(sent: Sent) -> Iterator[Finding]:
    for answer in sent.answers:
        if answer.status not in ANSWERS:
            yield Finding("I7", sent.id, f"it was answered {answer.status}, which is not documented")
        elif answer.status in TO_REPEAT and not answer.retry_after:
            yield Finding("I7", sent.id, f"it was answered {answer.status} without Retry-After")


def _largest(evidence: Evidence, moment: str) -> dict[str, ProcessSample]:
    """Return the largest sample of each process at a moment; a restarted one is compared with its first life."""
    found: dict[str, list[ProcessSample]] = defaultdict(list)
    for one in evidence.processes:
        if one.moment == moment:
            found[one.process].append(one)
    return {
        process: ProcessSample(
            process,
            samples[0].service,
            moment,
            max(one.memory_mib for one in samples),
            max(one.files for one in samples),
            max(one.connections for one in samples),
        )
        for process, samples in found.items()
    }
