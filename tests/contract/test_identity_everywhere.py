"""Rule R1 over every fixture of every provider: however a scan is told again, it is the same scan, and no other is.

What each provider may tell otherwise stands in `identity_table.py`, and what is not asked of it, with the reason.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from services.ingest.carriers.base import Webhook, read
from services.ingest.carriers.registry import CARRIERS
from tests.contract.identity_table import SENDERS, Document, Sender
from tests.unit.ingest.samples import TOLD_AT, fixture_paths, headers_of

RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
SECONDS = re.compile(r"(.*?\d\d:?\d\d:?)(\d\d)([.Z+-].*)?", re.DOTALL)


def cases(*, xml: bool = False, fits: Callable[[Path], bool] = lambda _: True) -> list[Any]:
    """Return every fixture that says a scan, and of which the test can ask something."""
    paths = [path for path in fixture_paths() if (xml or path.suffix != ".xml") and keys(path, path.read_bytes())]
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in paths if fits(path)]


def keys(path: Path, body: bytes, *, later: timedelta = timedelta()) -> set[str]:
    """Return the event keys of the scans in a body that came as this fixture does."""
    webhook = Webhook(body=body, told_at=TOLD_AT + later, headers=headers_of(path))
    reading = read(CARRIERS[path.parent.name], webhook)
    return {scan.event_key for scan in reading.scans if scan.kind == "scan"}


def sender(path: Path) -> Sender:
    return SENDERS[path.parent.name]


def told(path: Path) -> Document:
    return json.loads(path.read_text("utf-8"))


def body(document: Document) -> bytes:
    return json.dumps(document).encode()


def places(value: Document) -> Iterator[tuple[Any, Any]]:
    """Yield (container, name) of everything in a document."""
    for name in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, name
        yield from places(value[name])


def changed(document: Document, names: tuple[str, ...], change: Callable[[str], str]) -> Document:
    """Return the document with every text under these names changed."""
    other = copy.deepcopy(document)
    for held, name in places(other):
        if name in names and isinstance(held[name], str):
            held[name] = change(held[name])
    return other


def histories(document: Document, names: tuple[str, ...]) -> Iterator[list[Any]]:
    """Yield the lists under these names; the document itself where it is one."""
    if isinstance(document, list):
        yield document
    for held, name in places(document):
        if name in names and isinstance(held[name], list):
            yield held[name]


def rezoned(text: str) -> str:
    """Return the same instant at another offset; a text without an offset, or with a zero one of a Z, as it is."""
    found = RFC_3339.fullmatch(text)
    if found is None or "T00:00:00" in text:
        return text  # a midnight may stand for a day
    try:
        at = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
        moved = at.astimezone(timezone(timedelta(hours=5, minutes=45)))
    except (ValueError, OverflowError):
        return text  # it is meant to be none
    return moved.replace(tzinfo=None).isoformat() + (found[2] or "") + "+05:45"


def rezoned_unless_utc(text: str) -> str:
    """Return the same instant at another offset, where its own is not zero."""
    return text if text.endswith(("Z", "+00:00")) else rezoned(text)


def seconds_later(text: str) -> str:
    """Return a time of a second told seven seconds later; any other as it is."""
    found = SECONDS.fullmatch(text)
    if found is None or (":" not in found[1] and len(text) != 6):
        return text
    return f"{found[1]}{(int(found[2]) + 7) % 60:02}{found[3] or ''}"


def _says_none(path: Path, document: Document, provider: Sender, number: int, position: int) -> bool:
    """Tell whether an entry is no scan by itself: it could not be read, or stands twice."""
    without = copy.deepcopy(document)
    del list(histories(without, provider.histories))[number][position]
    return keys(path, body(without)) == keys(path, body(document))


def is_a_webhook(path: Path) -> bool:
    return sender(path).polled(told(path)) is not None


def twins(path: Path) -> Iterator[bytes]:
    """Yield the body once for each scan of its histories, with a second one seconds later."""
    provider, document = sender(path), told(path)
    for number, held in enumerate(histories(document, provider.histories)):
        for position in range(len(held)):
            longer = copy.deepcopy(document)
            into = list(histories(longer, provider.histories))[number]
            other = changed([into[position]], provider.times, seconds_later)[0]
            if other != into[position] and not _says_none(path, document, provider, number, position):
                into.append(other)
                yield body(longer)


def has_twins(path: Path) -> bool:
    return next(twins(path), None) is not None


@pytest.mark.parametrize("path", cases(xml=True))
def test_r1_a_body_that_is_sent_again_hours_later_says_the_same_scans(path: Path) -> None:
    sent = path.read_bytes()
    assert keys(path, sent, later=timedelta(hours=7)) == keys(path, sent)


@pytest.mark.parametrize("path", cases())
def test_r1_other_ids_of_the_telling_make_no_other_scans(path: Path) -> None:
    provider = sender(path)
    other = changed(told(path), provider.ids, lambda text: f"{text[:-1]}7" if text else text)
    assert keys(path, body(other)) == keys(path, path.read_bytes())


@pytest.mark.parametrize("path", cases())
def test_r1_a_history_in_another_order_says_the_same_scans(path: Path) -> None:
    provider = sender(path)
    for turn in (list.reverse, _first_becomes_last):
        other = told(path)
        for held in histories(other, provider.histories):
            turn(held)
        assert keys(path, body(other)) == keys(path, path.read_bytes())


@pytest.mark.parametrize("path", cases(xml=True))
def test_r1_other_words_for_people_make_no_other_scans(path: Path) -> None:
    provider = sender(path)
    if path.suffix == ".xml":
        text = path.read_bytes()
        for name in provider.wording:
            text = re.sub(rb"(<%s>)[^<]+" % name.encode(), rb"\1In other words", text)
        assert keys(path, text) == keys(path, path.read_bytes())
        return
    other = told(path)
    # Inside the histories alone: around them the same name may be the event's own, as `description` is EasyPost's.
    for held in list(histories(other, provider.histories)) or [[other]]:
        for entry, name in ((entry, name) for entry in held for name in provider.wording):
            _reword(entry, name, provider)
    assert keys(path, body(other)) == keys(path, path.read_bytes())


def _first_becomes_last(held: list[Any]) -> None:
    held.extend(held[:1])
    del held[:1]


def _reword(entry: Any, name: str, provider: Sender) -> None:
    """Change the words under a name, or under a name in a name (`status.description`)."""
    outer, _, inner = name.rpartition(".")
    held = entry.get(outer) if outer and isinstance(entry, dict) else entry
    if isinstance(held, dict) and isinstance(held.get(inner), str):
        held[inner] = provider.words(held[inner])


@pytest.mark.parametrize("path", cases())
def test_r1_the_same_instants_at_another_offset_are_the_same_scans(path: Path) -> None:
    provider = sender(path)
    move = rezoned_unless_utc if "zoned" in provider.but else rezoned
    other = changed(told(path), provider.zones, move)
    assert keys(path, body(other)) == keys(path, path.read_bytes())


@pytest.mark.parametrize("path", cases(fits=is_a_webhook))
def test_r1_the_answer_of_the_api_says_the_scans_of_the_webhook(path: Path) -> None:
    assert keys(path, body(sender(path).polled(told(path)))) == keys(path, path.read_bytes())


@pytest.mark.parametrize("path", cases())
def test_r1_a_body_that_has_grown_says_all_that_the_shorter_one_said(path: Path) -> None:
    provider = sender(path)
    document = told(path)
    for held, name in list(places(document)):
        if name in provider.newest and isinstance(held[name], dict):
            del held[name]
    whole = keys(path, body(document))
    for number, held in enumerate(histories(document, provider.histories)):
        for position in range(len(held)):
            shorter = copy.deepcopy(document)
            del list(histories(shorter, provider.histories))[number][position]
            assert keys(path, body(shorter)) <= whole


@pytest.mark.parametrize("path", cases(fits=has_twins))
def test_r1_the_same_code_some_seconds_later_is_another_scan(path: Path) -> None:
    whole = keys(path, path.read_bytes())
    for longer in twins(path):
        assert whole < keys(path, longer)


def test_every_provider_stands_in_the_table_and_every_reason_is_of_a_test() -> None:
    assert SENDERS.keys() == CARRIERS.keys()
    known = {"everything", "ids", "order", "reworded", "zoned", "polled", "grown", "shifted"}
    assert {name for one in SENDERS.values() for name in one.but} <= known
    for provider in CARRIERS:
        assert keys_of_any(provider) or "everything" in SENDERS[provider].but


@pytest.mark.parametrize(("name", "fits"), [("shifted", has_twins), ("polled", is_a_webhook)])
def test_no_provider_escapes_a_question_without_a_reason(name: str, fits: Callable[[Path], bool]) -> None:
    asked = {case.values[0].parent.name for case in cases(fits=fits)}
    excused = {provider for provider, one in SENDERS.items() if {name, "everything"} & one.but.keys()}
    assert asked | excused == CARRIERS.keys()
    assert asked.isdisjoint(excused)


def keys_of_any(provider: str) -> set[str]:
    return {key for path in fixture_paths(provider) for key in keys(path, path.read_bytes())}
