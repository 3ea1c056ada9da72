"""Several readings of one scan become one (rule E5). Pure.

The same scan can be told several times with more or other details: grown bodies, poll and push, a newer map. All
readings are kept; which field counts depends on the set of readings alone, never on the order in which they came.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import to_json

from schemas.scans import Place, Scan
from schemas.vocabulary import ScanKind

#: Facts of the telling, not of the scan: two tellings that differ only here are one reading.
_OF_THE_TELLING: Final = {"told_at", "map_version"}
#: An approved remap is one of its map version.
_OF_A_REMAP: Final = {"told_at"}


def _encoder() -> json.JSONEncoder:
    return json.JSONEncoder(sort_keys=True, ensure_ascii=False, check_circular=False)


#: Made once: making one takes longer than the text of a scan.
_SORTED: Final = _encoder()

#: What we make of a raw code, where that can be nothing; the rest of a scan is what the carrier said.
_OUR_READING: Final = frozenset({"stage", "substatus", "conditions_set", "conditions_cleared"})


class _Fields:
    """The fields of a model in the order of their names, with what stands before each in the text of a hash."""

    def __init__(self, model: type[BaseModel], *, but: Collection[str] = ()) -> None:
        names = sorted(model.model_fields.keys() - but)
        defaults = [model.model_fields[name].get_default(call_default_factory=True) for name in names]
        self._told_of = attrgetter(*names)
        self._fields = [(name, f'"{name}": ', default) for name, default in zip(names, defaults, strict=True)]

    def text(self, model: BaseModel) -> str:
        """Return what `digest` makes of the model's plain JSON, without what nobody said, and faster."""
        parts = []
        for (name, head, default), value in zip(self._fields, self._told_of(model), strict=True):
            if value is default or (default is not None and value == default):
                continue
            parts.append(head + _text(model, name, value))
        return f"{{{', '.join(parts)}}}"


def _text(model: BaseModel, name: str, value: object) -> str:
    """Return the text of a field: what nearly every scan has is written without asking the model."""
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is datetime:
        return to_json(value).decode()
    if type(value) is Place:
        return _SAID_OF_A_PLACE.text(value)
    return _SORTED.encode(model.model_dump(mode="json", include={name}, exclude_defaults=True)[name])


_SAID: Final = _Fields(Scan, but=_OF_THE_TELLING)
_SAID_BY_A_REMAP: Final = _Fields(Scan, but=_OF_A_REMAP)
_SAID_OF_A_PLACE: Final = _Fields(Place)


def content_hash(scan: Scan) -> str:
    """Return the hash of what a reading says, without when it was told and (unless approved) by which map."""
    said = _SAID_BY_A_REMAP if scan.kind == ScanKind.REMAP else _SAID
    return _hash(said.text(scan))


def digest(body: Mapping[str, Any]) -> str:
    """Return the hash of plain JSON types, whatever the order of their names."""
    return _hash(_SORTED.encode(body))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def merge(readings: Iterable[Scan]) -> Scan:
    """Return one scan of all readings of one event key: field by field the first reading that has the field.

    Order: approved remaps (highest map first), then the earliest told, then the content hash.
    """
    told = list(readings)
    if len(told) == 1:
        return told[0]
    ranked = sorted(told, key=_precedence)
    first = ranked[0]
    fields = {name: value for reading in reversed(ranked) for name, value in _given(reading).items()}
    fields["told_at"] = min(reading.told_at for reading in ranked)
    # Remaps of a scan that was never told stay remaps: however many there are, they move nothing.
    fields["kind"] = next((r.kind for r in ranked if r.kind != ScanKind.REMAP), ScanKind.REMAP)
    if first.kind == ScanKind.REMAP:
        # A remap corrects our reading: what it leaves empty is meant to be empty.
        fields |= {name: getattr(first, name) for name in _OUR_READING}
    return first.model_copy(update=fields)


def _precedence(scan: Scan) -> tuple[int, float, str]:
    approved = scan.map_version if scan.kind == ScanKind.REMAP else -1
    return -approved, scan.told_at.timestamp(), content_hash(scan)


def _given(scan: Scan) -> dict[str, object]:
    """Return the fields a reading has a value for."""
    return {name: value for name in Scan.model_fields if (value := getattr(scan, name)) not in (None, (), {})}
