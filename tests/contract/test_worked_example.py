"""The provider of docs/carriers.md, taken from the page as it stands: one file makes it work."""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from services.ingest.carriers.base import Carrier, Webhook, read
from tests.unit.ingest.samples import TOLD_AT, signed

PAGE = (Path(__file__).parents[2] / "docs" / "carriers.md").read_text("utf-8")
NAME = "acme_of_the_page"


def block(language: str) -> str:
    """Return the only block of the page in that language."""
    (found,) = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE, re.DOTALL | re.MULTILINE)
    return textwrap.dedent(found[1])


@pytest.fixture
def acme() -> Iterator[Carrier]:
    module = ModuleType(NAME)
    sys.modules[NAME] = module  # dataclasses and protocols look their module up
    exec(compile(block("python"), "docs/carriers.md", "exec"), module.__dict__)  # noqa: S102 - the page's own code
    yield module.ACME
    del sys.modules[NAME]


def test_the_file_of_the_page_reads_the_body_of_the_page(acme: Carrier) -> None:
    (scan,) = read(acme, Webhook(body=block("json").encode(), told_at=TOLD_AT)).scans
    assert (scan.key, scan.stage, scan.raw_code) == ("acme:AC123456785", "out_for_delivery", "OUT")
    assert (scan.occurred_at.isoformat(), scan.description) == ("2026-11-20T09:14:00+01:00", "In van")


def test_a_code_that_its_table_does_not_list_is_unmapped_and_a_bad_entry_costs_only_itself(acme: Carrier) -> None:
    body = json.loads(block("json"))
    body["history"] += [{"at": "2026-11-20T10:00:00Z", "code": "LIFT"}, {"at": "soon", "code": "DONE"}, "nonsense"]
    reading = read(acme, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT))
    assert [(scan.stage, scan.substatus) for scan in reading.scans][1:] == [(None, "unmapped")]
    assert [problem.reason for problem in reading.problems] == ["bad_scan", "bad_scan"]


def test_what_it_signs_it_accepts_and_nothing_else(acme: Carrier) -> None:
    keys = [acme.secret_key("one"), acme.secret_key("two")]
    request = signed(acme, block("json").encode(), keys[1])
    assert acme.verify(request, keys, now=TOLD_AT)
    assert not acme.verify(request, keys[:1], now=TOLD_AT)
    assert not acme.verify(request, [], now=TOLD_AT)


def test_it_says_how_the_identity_of_its_scans_is_made(acme: Carrier) -> None:
    assert "\nIdentity: " in (sys.modules[type(acme).__module__].__doc__ or "")
