"""Broken bodies through the door and the parsers: nothing raises, nothing takes long, nothing that was told is lost."""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers.base import Carrier, Reading, Webhook, read
from services.ingest.carriers.registry import CARRIERS
from tests.contract.identity_table import SENDERS
from tests.fuzz import strange
from tests.fuzz.judging import judge
from tests.fuzz.mutating import MOST_BYTES, mutated, mutated_document
from tests.fuzz.sources import Start, everyone, kept, starts
from tests.unit.ingest.samples import TOLD_AT

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("carrier", everyone())
@given(seed=SEEDS)
def test_a_broken_body_is_scans_or_a_dead_letter_or_ignored_and_never_nothing(carrier: Carrier, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    start = chance.choice(starts(carrier.provider))
    judge(carrier, mutated(start.body, chance), headers=start.headers)


#: Where what happened stands, one entry each; a list in a list is told apart by its name.
HISTORIES = {
    name: frozenset(one.histories) - {"providers", "trackable_items"} for name, one in SENDERS.items() if one.histories
}


@pytest.mark.parametrize("carrier", [one for one in everyone() if one.id in HISTORIES and one.id != "canadapost"])
@given(seed=SEEDS)
def test_an_entry_of_a_history_that_was_broken_is_a_scan_or_a_problem_and_costs_no_other(
    carrier: Carrier, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    start, told = chance.choice(with_histories(carrier.provider))
    document = json.loads(start.body)
    lists = found(document, HISTORIES[carrier.provider])
    held = chance.choice(lists)
    at = chance.randrange(len(held))
    broken = mutated_document({"entry": held[at]}, chance)
    held[at] = broken.get("entry") if isinstance(broken, dict) else broken
    reading = judge(carrier, json.dumps(document).encode("utf-8", "surrogatepass"), headers=start.headers)
    whole = any(one.reason == "not_json" for one in reading.problems)  # half a pair of surrogates is no JSON
    assert whole or entries(reading) >= min(told, sum(len(one) for one in lists))


def entries(reading: Reading) -> int:
    """Return how many entries of a history were read, or set aside."""
    return sum(scan.kind == "scan" for scan in reading.scans) + len(reading.problems)


@cache
def with_histories(provider: str) -> list[tuple[Start, int]]:
    """Return the bodies whose history is read, each with the number of its entries."""
    made = []
    for start in starts(provider):
        reading = read(CARRIERS[provider], Webhook(body=start.body, told_at=TOLD_AT))
        if any(scan.kind == "scan" for scan in reading.scans):
            made += [(start, entries(reading))] if found(json.loads(start.body), HISTORIES[provider]) else []
    return made


def found(document: Any, names: frozenset[str]) -> list[list[object]]:
    """Return the lists under these names that hold something, wherever they stand."""
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    deeper = [one for value in inner for one in found(value, names)]
    own = [document[name] for name in names if isinstance(document, dict) and isinstance(document.get(name), list)]
    return [*(one for one in own if one), *deeper]


@pytest.mark.parametrize("carrier", everyone())
@given(body=st.binary(max_size=300))
def test_bytes_that_mean_nothing_are_a_dead_letter(carrier: Carrier, body: bytes) -> None:
    assert judge(carrier, body).scans == ()


@pytest.mark.parametrize("carrier", everyone())
@pytest.mark.parametrize("root", strange.ROOTS, ids=repr)
def test_a_root_that_is_no_document_is_no_scan(carrier: Carrier, root: bytes) -> None:
    reading = judge(carrier, root)
    assert (reading.scans, reading.orders) == ((), ())


@pytest.mark.parametrize("path", kept(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_read_for_good(path: Path) -> None:
    judge(CARRIERS[path.parent.name], path.read_bytes())


#: Sizes of the whole webhook, written as a sender could: each in a second at most, door and parser together.
HUGE = {
    "opened brackets": b"[" * MOST_BYTES,
    "opened objects": b'{"a":' * (MOST_BYTES // 5),
    "a long text": b'"' + b"x" * (MOST_BYTES - 2) + b'"',
    "a long number": b"9" * MOST_BYTES,
    "nothing but quotes": b'"' * MOST_BYTES,
    "nothing but blanks": b" " * MOST_BYTES,
    "escapes": b'"' + b"\\u0041" * (MOST_BYTES // 6 - 1) + b'"',
    "opened tags": b"<a>" * (MOST_BYTES // 3),
    "a tag without end": b"<" + b"a" * (MOST_BYTES - 1),
    "a billion laughs": b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>',
    "keys without end": b"{" + b",".join(b'"%06d":1' % number for number in range(20_000)) + b"}",
    "a name and its blanks": b'"tracking_code"' + b" " * 1_000 + b":" + b'"tracking_code" :' * 15_000,
}


@pytest.mark.parametrize("carrier", everyone())
@pytest.mark.parametrize("body", HUGE.values(), ids=list(HUGE))
def test_a_body_of_the_largest_size_takes_no_second(carrier: Carrier, body: bytes) -> None:
    assert judge(carrier, body[:MOST_BYTES]).scans == ()


@pytest.mark.parametrize("carrier", everyone())
def test_a_fixture_whose_lists_fill_the_largest_size_takes_no_second(carrier: Carrier) -> None:
    for start in starts(carrier.provider):
        if start.body[:1] in (b"{", b"["):
            judge(carrier, _filled(start.body), headers=start.headers)


def _filled(body: bytes) -> bytes:
    """Return the body with every list of objects repeated until the webhook is as large as it may be."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body
    times = max(1, MOST_BYTES // len(body) - 1)

    def fill(value: object) -> object:
        if isinstance(value, dict):
            return {name: fill(inner) for name, inner in value.items()}
        return value * times if isinstance(value, list) and value and isinstance(value[0], dict) else value

    filled = json.dumps(fill(document)).encode()
    return filled if len(filled) <= MOST_BYTES else body
