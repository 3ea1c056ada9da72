"""Where broken bodies begin: a provider's fixtures, roots of nothing, and the corpus that was found and kept."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from services.ingest.carriers.base import RawHeaders
from services.ingest.carriers.registry import CARRIERS, WEBHOOK_CARRIERS
from tests.unit.ingest.samples import fixture_paths, headers_of

CORPUS: Final = Path(__file__).parent / "corpus"


def everyone() -> list[Any]:
    """Return every provider as a parameter."""
    return [pytest.param(carrier, id=name) for name, carrier in CARRIERS.items()]


def signers() -> list[Any]:
    """Return every provider that sends webhooks as a parameter."""
    return [pytest.param(carrier, id=name) for name, carrier in WEBHOOK_CARRIERS.items()]


def kept() -> list[Path]:
    """Return the inputs that were found, by provider."""
    return sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@dataclass(frozen=True)
class Start:
    """A body that somebody sends, and the headers of the provider's own it came with."""

    body: bytes
    headers: RawHeaders = ()


@cache
def starts(provider: str) -> tuple[Start, ...]:
    """Return what a provider really sends, and what was found to be interesting."""
    sent = [(path.read_bytes(), headers_of(path)) for path in fixture_paths(provider)]
    own = [Start(body, tuple((name.encode(), text.encode()) for name, text in named.items())) for body, named in sent]
    return (*own, *(Start(path.read_bytes()) for path in kept() if path.parent.name == provider))
