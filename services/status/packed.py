"""The one copy of what an order shows, as its row keeps it: the newest status message, compressed. Pure.

Messages are alike in nearly all of their words, and each lies alone in its row: only with words that both sides know
beforehand is little left of one (docs/decisions/0024-one-compressed-copy-of-what-an-order-shows.md). The first byte
says which words those are, or, as `{`, that the message is plain, as older programs stored it.
"""

import zlib
from importlib import resources
from typing import Final

from pydantic_core import from_json

from services.runtime.errors import Misconfigured
from services.status.drawn import Document

#: Frozen: of whatever was packed with them nothing can be read without these very bytes. Other words get a name of
#: their own, and these stay.
WORDS_1: Final = (resources.files("services.status") / "packed_words_1.txt").read_bytes()

_PLAIN: Final = b"{"
_WORDS_1: Final = b"\x01"
#: A step further leaves 3 % less for 7 % more time.
_LEVEL: Final = 2
#: 16 KiB: the words and a message of usual length.
_WINDOW: Final = 14
#: Has read the words already. Each message goes through a copy, so that any thread may pack.
_BEGUN: Final = zlib.compressobj(_LEVEL, wbits=_WINDOW, zdict=WORDS_1)
#: What a message has beside the document. Inside a text each quotation mark stands behind a backslash: so it is found
#: where it is said and nowhere else.
_SHORTENED: Final = b'"truncated":true'
_OF_THE_MESSAGE: Final = frozenset({"truncated", "change"})


def pack(value: bytes) -> bytes:
    """Return what is stored of a message."""
    packing = _BEGUN.copy()
    return b"".join((_WORDS_1, packing.compress(value), packing.flush()))


def unpack(order: str, stored: bytes) -> bytes:
    """Return the message again, to the byte; raises Misconfigured where it cannot be read."""
    first = stored[:1]
    if first == _PLAIN:
        return stored
    if first != _WORDS_1:
        told = f"the stored message of {order} begins with {first.hex() or 'nothing'}, which this program does not know"
        raise Misconfigured("message_unknown", told, hint="run the program that wrote it, or a newer one")
    unpacking = zlib.decompressobj(_WINDOW, zdict=WORDS_1)
    try:
        value = unpacking.decompress(stored[1:])
    except zlib.error as error:
        raise _damaged(order) from error
    if not unpacking.eof or unpacking.unused_data:
        raise _damaged(order)
    return value


def _damaged(order: str) -> Misconfigured:
    told = f"the stored message of {order} is damaged: status.orders.message cannot be unpacked"
    hint = "put the value of its newest record in order.snapshots.v1 there, as it is; look for a failing disk"
    return Misconfigured("message_damaged", told, hint=hint)


def is_shortened(value: bytes) -> bool:
    """Tell whether a message has less than the document: then the row keeps that too."""
    return _SHORTENED in value


def document(order: str, doc: str | None, message: bytes | None) -> Document | None:
    """Return what an order shows: the document that its row has, else that of the message; None where neither is."""
    if doc is not None:
        stored: Document = from_json(doc)
        return stored
    if message is None:
        return None
    told = from_json(unpack(order, message))
    return {name: value for name, value in told.items() if name not in _OF_THE_MESSAGE}
