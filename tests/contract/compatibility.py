"""The check that a changed schema still reads what was written before it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

#: Examples of a later version hold what this version may not know: for them being readable is enough.
OF_A_LATER_VERSION = "of_a_later_version"


def problems(model: TypeAdapter[Any], examples: Iterable[Path]) -> list[str]:
    """Return what the model cannot read, or reads and loses, of messages that are already on the topic."""
    found = []
    for path in examples:
        try:
            read = model.validate_json(path.read_bytes())
        except ValidationError as error:
            found.append(f"{path.name}: {error.errors(include_url=False)[0]['msg']}")
            continue
        if path.stem != OF_A_LATER_VERSION:
            lost = _lost(json.loads(path.read_text()), _plain(read))
            found += [f"{path.name}: {place} is lost" for place in lost]
    return found


def _plain(read: object) -> Any:
    return read.model_dump(mode="json") if isinstance(read, BaseModel) else read


def _lost(written: Any, read: Any, place: str = "$") -> list[str]:
    """Return the places of what was written and is not read; values may be normalised, never dropped."""
    if isinstance(written, dict) and isinstance(read, dict):
        gone = [f"{place}.{name}" for name in written if name not in read]
        kept = [name for name in written if name in read]
        return gone + [where for name in kept for where in _lost(written[name], read[name], f"{place}.{name}")]
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        pairs = enumerate(zip(written, read, strict=True))
        return [where for index, (one, other) in pairs for where in _lost(one, other, f"{place}[{index}]")]
    same = (type(written) is type(read) and not isinstance(written, list)) or written == read
    return [] if same else [place]
