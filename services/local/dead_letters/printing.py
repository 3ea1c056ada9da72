"""How `trackfold dead-letters` prints: data on stdout, for people or as one JSON document; no value unless revealed."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.ingest.printing import console, table
from services.local.dead_letters.deciding import Report, Step
from services.local.dead_letters.letters import Entry, Letter, Letters, counts
from services.local.dead_letters.reading import Gone, Original

SHOWN: Final = 50

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A letter with its record, where that can be had."""

    letter: Letter
    record: Original | Gone
    replay_of: str | None


def listing(letters: Letters, chosen: Sequence[Letter], *, limit: int | None) -> Fields:
    """Return the list as data: how many of each kind, then the letters, newest first."""
    kinds = [
        {"service": service, "topic": topic, "reason": reason, "letters": number}
        for service, topic, reason, number in counts(chosen)
    ]
    rows = [_letter(one, letters.replay_of(one)) for one in chosen[:limit]]
    return {"total": len(chosen), "counts": kinds, "letters": rows, "unreadable": letters.unreadable}


def show_listing(listed: Fields) -> None:
    """Print the list for people."""
    out = console()
    if not listed["total"]:
        out.print("no dead letters of this kind")
        return
    kinds = table("service", "topic", "reason", "letters", title=f"{listed['total']:,} dead letters")
    for one in listed["counts"]:
        kinds.add_row(one["service"], one["topic"], one["reason"], f"{one['letters']:,}")
    out.print(kinds)
    rows = table("key", "service", "reason", "detail", "when", "state")
    for one in listed["letters"]:
        state = one["state"] if one["replay_of"] is None else f"{one['state']}; replay of {one['replay_of']}"
        rows.add_row(one["key"], one["service"], one["reason"], one["detail"] or "", one["at"], state)
    out.print(rows)
    if listed["total"] > len(listed["letters"]):
        out.print(f"the newest {len(listed['letters'])} are shown; --limit shows more, --json has all")


def story(found: Sequence[Found], *, reveal: bool) -> Fields:
    """Return all that is known of the letters under one key; what their record holds only when it is revealed."""
    letters = [
        _letter(one.letter, one.replay_of)
        | {
            "value_sha256": one.letter.sha256,
            "dead_letter": None if one.letter.lies_at is None else str(one.letter.lies_at),
            "record": _record(one, reveal=reveal),
            "history": [_entry(entry) for entry in one.letter.entries],
        }
        for one in found
    ]
    return {"key": found[0].letter.key, "revealed": reveal, "letters": letters}


def show_story(told: Fields) -> None:
    """Print one key's letters for people."""
    out = console()
    for one in told["letters"]:
        out.print(f"{one['key']}: set aside by {one['service']} at {one['at']}, {one['state']}")
        out.print(f"  reason   {one['reason']}" + (f": {one['detail']}" if one["detail"] else ""))
        if one["replay_of"] is not None:
            out.print(f"  again    it is the replay of {one['replay_of']}")
        for line in _record_lines(one["record"]):
            out.print(f"  {line}")
        for entry in one["history"]:
            to = f", written again at {entry['replayed_to']}" if entry["replayed_to"] else ""
            note = f": {entry['note']}" if entry["note"] else ""
            out.print(f"  {entry['at']}  {entry['action']} by {entry['author'] or 'nobody named'}{note}{to}")


def plan(todo: Sequence[Step], before: Sequence[Letter], *, dry_run: bool, left: int) -> Fields:
    """Return what is to be decided as data."""
    return {
        "dry_run": dry_run,
        "todo": [_step(one) for one in todo if one.refused is None],
        "refused": [_step(one) | {"why": one.refused} for one in todo if one.refused is not None],
        "decided_before": [{"key": one.key, "service": one.service, "state": one.state.value} for one in before],
        "left": left,
    }


def done(planned: Fields, report: Report) -> Fields:
    """Return what was decided as data."""
    return planned | {
        "todo": [],
        "refused": [_step(one) | {"why": one.refused} for one in report.refused],
        "done": [_step(one) | {"replayed_to": lies_at} for one, lies_at in report.done],
    }


def show_plan(planned: Fields, *, verb: str) -> None:
    """Print for people what would be, or was, decided."""
    out, dry_run = console(), planned["dry_run"]
    rows = planned["todo"] if dry_run else planned.get("done", [])
    if rows:
        title = f"{len(rows):,} records " + (f"would be {verb}" if dry_run else verb)
        shown = table("key", "set aside by", "reason", "record from" if dry_run else "now at", title=title)
        for one in rows[:SHOWN]:
            last = one["record_from"] if dry_run else one["replayed_to"]
            shown.add_row(one["key"], ", ".join(one["services"]), ", ".join(one["reasons"]), last or "-")
        out.print(shown)
    for one in planned["refused"][:SHOWN]:
        out.print(f"{one['key']} cannot be {verb}: {one['why']}")
    if max(len(rows), len(planned["refused"])) > SHOWN:
        out.print(f"the first {SHOWN} are shown; --json has all")
    for state, number in sorted(Counter(one["state"] for one in planned["decided_before"]).items()):
        out.print(f"{number:,} left out, for they were {state} before (`replay --again` takes them too)")
    if planned["left"]:
        out.print(f"{planned['left']:,} more are left for the next time; --limit takes more at once")


def _letter(one: Letter, replay_of: str | None) -> Fields:
    last = one.entries[-1] if one.entries else None
    return {
        "key": one.key,
        "topic": one.source.topic,
        "partition": one.source.partition,
        "offset": one.source.offset,
        "service": one.service,
        "reason": one.reason,
        "detail": one.detail,
        "at": _time(one.at),
        "state": one.state.value,
        "replay_of": replay_of,
        "last": None if last is None else _entry(last),
    }


def _entry(one: Entry) -> Fields:
    return {
        "action": one.action,
        "at": _time(one.at),
        "author": one.author,
        "note": one.note,
        "replayed_to": one.replayed_to,
    }


def _step(one: Step) -> Fields:
    return {
        "key": str(one.source),
        "services": sorted({letter.service for letter in one.letters}),
        "reasons": sorted({letter.reason for letter in one.letters}),
        "record_from": "its dead letter" if any(letter.holds_record for letter in one.letters) else "its topic",
    }


def _record(found: Found, *, reveal: bool) -> Fields:
    if isinstance(found.record, Gone):
        return {"gone": found.record.why}
    record = found.record
    sizes: Fields = {
        "record_from": "its dead letter" if found.letter.holds_record else "its topic",
        "key_bytes": None if record.key is None else len(record.key),
        "value_bytes": None if record.value is None else len(record.value),
        "headers": [{"name": name, "bytes": None if it is None else len(it)} for name, it in record.headers],
    }
    if not reveal:
        return sizes
    headers = [{"name": name} | _text(content) for name, content in record.headers]
    return sizes | {"key": _text(record.key), "value": _text(record.value), "headers": headers}


def _text(content: bytes | None) -> Fields:
    """Return bytes as text where they are UTF-8, else in base64."""
    if content is None:
        return {"encoding": "null", "content": None}
    try:
        return {"encoding": "utf-8", "content": content.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "content": base64.b64encode(content).decode()}


def _record_lines(record: Fields) -> list[str]:
    if "gone" in record:
        return [f"record   gone: {record['gone']}"]
    if "value" in record:
        pairs = [("key", record["key"]), *((one["name"], one) for one in record["headers"]), ("value", record["value"])]
        return [f"{_safe(name)} ({told['encoding']}): {_safe(told['content'] or '')}" for name, told in pairs]
    key, value = _size(record["key_bytes"]), _size(record["value_bytes"])
    names = ", ".join(_safe(one["name"]) for one in record["headers"]) or "none"
    return [f"record   from {record['record_from']}: key {key}, value {value} (masked; --reveal shows them)",
            f"headers  {names}"]  # fmt: skip


def _size(number: int | None) -> str:
    return "null" if number is None else f"{number:,} bytes"


def _safe(text: str) -> str:
    """Return text that a terminal takes for text: a body may hold what moves a cursor or names a window."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
