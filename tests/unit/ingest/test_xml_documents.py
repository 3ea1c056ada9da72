"""XML from strangers: what is refused, in bounded time, and what is forgiven."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers.xml_documents import elements, fields, read_xml
from services.runtime.errors import Poison

#: Nine names, each ten times the one before: a billion words behind `&j;`.
_NAMES = b"".join(b'<!ENTITY %c "%s">' % (name, b"&%c;" % (name - 1) * 10) for name in range(ord("b"), ord("k")))
BOMB = b'<!DOCTYPE d [<!ENTITY a "lol">%s]><tracking-detail><pin>&j;</pin></tracking-detail>' % _NAMES
REFUSED = {
    "entities that grow": BOMB,
    "a file behind a name": b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>',
    "an address behind a name": b'<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><d>&x;</d>',
    "a DTD elsewhere": b'<!DOCTYPE d SYSTEM "http://127.0.0.1:1/d.dtd"><d/>',
    "an empty DTD": b"<!DOCTYPE d><d/>",
    "an entity nobody declared": b"<d>&nobody;</d>",
    "JSON": b'{"pin": "1"}',
    "nothing": b"",
    "blanks": b" \n\t ",
    "an end too early": b"<d><e></d>",
    "two roots": b"<d/><d/>",
    "a zero byte": b"<d>\x00</d>",
    "bytes of another encoding": b'<?xml version="1.0" encoding="UTF-8"?><d>\xe9</d>',
    "an encoding nobody knows": b'<?xml version="1.0" encoding="klingon"?><d/>',
    "an encoding of several bytes": b'<?xml version="1.0" encoding="shift_jis"?><d/>',
    "too many elements": b"<d>" + b"<e/>" * 100_001 + b"</d>",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_plain_xml_is_set_aside_at_once(body: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(Poison) as caught:
        read_xml(body)
    assert caught.value.reason == "not_xml"
    assert time.monotonic() - begun < 5


def test_a_very_deep_document_is_read_or_set_aside_and_never_a_crash() -> None:
    root = read_xml(b"<d>" * 50_000 + b"<pin/>" + b"</d>" * 50_000)
    assert [element.tag for element in elements(root, "pin")] == ["pin"]


def test_what_lies_inside_an_element_that_fits_is_its_own() -> None:
    root = read_xml(b"<r><d><n>1</n><d><n>2</n></d></d><d><n>3</n></d></r>")
    assert [fields(element)["n"] for element in elements(root, "d")] == ["1", "3"]


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_poison(body: bytes) -> None:
    reasons = set()
    try:
        read_xml(body)
    except Poison as poison:
        reasons.add(poison.reason)
    assert reasons <= {"not_xml"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_the_declared_encoding_counts(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?><d><site>QUÉBEC</site></d>'.encode(encoding)
    assert fields(read_xml(body)) == {"site": "QUÉBEC"}


def test_blanks_before_the_declaration_are_forgiven() -> None:
    assert read_xml(b' \n<?xml version="1.0"?><d/>').tag == "d"


def test_namespaces_do_not_count_and_the_first_of_equals_is_taken() -> None:
    root = read_xml(b'<a:d xmlns:a="urn:one" xmlns="urn:two"><pin>1</pin><a:pin>2</a:pin><b/></a:d>')
    assert fields(root) == {"pin": "1", "b": ""}
    assert len(list(elements(root, "pin"))) == 2


def test_the_layout_of_a_text_reads_as_one_blank() -> None:
    assert fields(read_xml(b"<d><t> Article\n      livr&#233; </t></d>")) == {"t": "Article livré"}
