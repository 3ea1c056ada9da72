"""XML from strangers: the one place that parses it, and pickers that never fail on a wrong shape.

Pure. A document with a DTD is refused before anything in it is read, so there are no entities that grow, no files and
no addresses behind names. Namespaces do not count: answers of one API come with different ones, or none.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import (
    Element,  # the type only: what comes from outside is parsed by defusedxml
    ParseError,
)

from defusedxml import ElementTree

from services.runtime.errors import Poison

MAX_ELEMENTS: Final = 100_000
_BLANK: Final = b" \t\r\n"
_RUN: Final = re.compile(r"\s+")


def read_xml(body: bytes) -> Element:
    """Return the root element; Poison when it is no XML, has a DTD, or is larger than any parcel's history.

    Blanks before the declaration are forgiven: answers of Canada Post come with one.
    """
    try:
        root = ElementTree.fromstring(body.lstrip(_BLANK), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, ValueError, LookupError) as error:  # ValueError: forbidden, or an encoding nobody can read
        raise Poison("not_xml", "the body is no XML, or XML with a DTD") from error
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise Poison("not_xml", f"the body has more than {MAX_ELEMENTS} elements")
    return root


def elements(root: Element, name: str) -> Iterator[Element]:
    """Give every element of that local name, the root included, in the order they stand.

    What lies inside one that fits is its own: so each element is looked at once, however deep they are nested.
    """
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if local_name(element) == name:
            yield element
        else:
            waiting.extend(reversed(element))


def fields(element: Element) -> dict[str, object]:
    """Return the texts of an element's children by local name, for the pickers of `documents`; of equals the first.

    Line breaks and indents inside a text are the file's layout: they read as one blank.
    """
    found: dict[str, object] = {}
    for child in element:
        found.setdefault(local_name(child), _RUN.sub(" ", child.text or "").strip())
    return found


def local_name(element: Element) -> str:
    """Return a tag without its namespace."""
    return str(element.tag).rpartition("}")[2]
