"""The pages' own files: stylesheet, script, icon. Named by their content, they may be kept for ever."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file under its hashed name."""

    path: str
    content: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return every file by its plain name."""
    return MappingProxyType({file.name: _read(file) for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES})


@cache
def by_path() -> Mapping[str, Asset]:
    """Return every file by the path it is served at."""
    return MappingProxyType({asset.path: asset for asset in assets().values()})


def asset_path(name: str) -> str:
    """Return where a page finds a file."""
    return assets()[name].path


def _read(file: Path) -> Asset:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"/static/{file.stem}.{digest}{file.suffix}", content, _TYPES[file.suffix])
