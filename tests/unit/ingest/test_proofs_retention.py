"""The loop that deletes old proofs, and the settings of proofs."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from services.ingest.proofs import retention
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import Kept
from services.ingest.settings import IngestSettings
from services.runtime import environment
from services.runtime.errors import Transient
from services.runtime.life import Life
from services.runtime.settings import ServiceSettings


class Failing:
    """A store that fails when it is looked through, and counts how often."""

    def __init__(self, life: Life, failure: Exception, *, stop_after: int) -> None:
        self.life, self.failure, self.stop_after = life, failure, stop_after
        self.looks = 0

    async def kept(self, shard: int) -> AsyncIterator[Sequence[Kept]]:
        self.looks += 1
        if self.looks >= self.stop_after:
            self.life.stopping.set()
        if shard >= 0:
            raise self.failure
        yield []


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Life:
    """A process whose rounds are short."""
    monkeypatch.setattr(retention, "ROUND_S", 0.001)
    return Life("ingest", ServiceSettings())


async def run(life: Life, store: Any) -> None:
    await retention.run(life, store, None, days=30)


async def test_a_store_that_is_away_is_looked_through_in_a_later_round(life: Life) -> None:
    store = Failing(life, Transient("proof_store"), stop_after=3)
    await run(life, store)
    assert store.looks == 3


async def test_a_fault_of_ours_ends_the_loop(life: Life) -> None:
    with pytest.raises(KeyError):
        await run(life, Failing(life, KeyError("x"), stop_after=3))


async def test_the_loop_ends_when_the_process_stops(life: Life) -> None:
    store = Failing(life, Transient("proof_store"), stop_after=1)
    life.stopping.set()
    await run(life, store)
    assert store.looks == 0


@pytest.mark.parametrize(
    "url", ["", "file:///var/lib/trackfold/proofs", "s3://parcels", "s3://parcels/", "s3://my.parcels-1/proofs/of/us"]
)
def test_a_store_is_a_directory_or_a_bucket(url: str) -> None:
    assert ProofSection(url=url).url == url


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "/var/lib/proofs"},
        {"url": "file://host/proofs"},
        {"url": "https://parcels.example"},
        {"url": "s3://"},
        {"url": "s3://parcels?key=1"},
        {"url": "s3://user:word@parcels/"},
        {"endpoint": "minio:9000"},
        {"access_key": "a"},
        {"secret_key": "a"},
        {"retention_days": 0},
        {"max_pixels": 100_000_000},
        {"timeout_s": 5},
    ],
)
def test_anything_else_is_refused_and_not_repeated_in_the_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ProofSection(**wrong)
    assert "word@" not in str(caught.value)


def test_the_settings_come_from_the_environment_and_the_secret_is_never_shown() -> None:
    prefix = "TRACKFOLD_INGEST__PROOFS__"
    settings = environment.load(
        IngestSettings,
        {f"{prefix}URL": "s3://parcels/x", f"{prefix}ACCESS_KEY": "AK", f"{prefix}SECRET_KEY": "very secret"},
    )
    assert settings.ingest.proofs.url == "s3://parcels/x"
    assert "very secret" not in repr(settings)
    assert "very secret" not in settings.model_dump_json()
