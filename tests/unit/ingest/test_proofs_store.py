"""A disk that hangs under the store of proofs: how many calls wait for it, and what waits behind them."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import ProofStore, open_store
from services.runtime.errors import Transient
from tests.waiting import eventually


async def put(store: ProofStore, number: int) -> None:
    content = b"proof %d" % number
    await store.put(sha256(content).hexdigest(), content, media_type="image/png")


async def test_a_disk_that_hangs_is_waited_for_by_so_many_calls_and_no_picture_queues_behind_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, submitted = threading.Event(), list[object]()

    class Counted(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            submitted.append(args)
            return super().submit(*args, **kwargs)

    monkeypatch.setattr("services.ingest.proofs.store.ThreadPoolExecutor", Counted)
    monkeypatch.setattr("services.ingest.proofs.store.os.fsync", lambda _: goes_on.wait(10))
    async with open_store(ProofSection(url=tmp_path.as_uri(), timeout_s=0.05)) as store:
        assert store is not None
        for number in range(20):
            with pytest.raises(Transient):
                await put(store, number)
        assert len(submitted) == 1 + 8  # opening it, and one for each thread
        goes_on.set()
        await eventually(lambda: worked(store))


async def worked(store: ProofStore) -> bool:
    with contextlib.suppress(Transient):
        await put(store, 0)
        return True
    return False
