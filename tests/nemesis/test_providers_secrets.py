"""The secret that we share with a provider is replaced under load: no valid request is refused, the old one goes."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx2
import pytest

from tests.under_fire import stories
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
VARIABLE: Final = "TRACKFOLD_INGEST__SECRETS__EASYPOST"
OLD: Final = stories.SECRET
NEW: Final = "the next secret shared with EasyPost"
#: Kept like every authentic webhook, and of no parcel.
BODY: Final = (
    b'{"object":"Event","mode":"test","description":"tracker.updated","result":{"object":"Tracker","mode":"test"}}'
)
EVERY_S: Final = 0.05
#: Taken; or, by one that is just starting, to be sent again.
GOOD: Final = frozenset({202, 503})


class Sender:
    """Posts without end, to a door that is there, signed with the secret that it has at that moment."""

    def __init__(self, doors: list[Member]) -> None:
        """Take the doors, by turns."""
        self.answers: Counter[tuple[str, int]] = Counter()
        """By secret and status."""
        #: A door keeps its address in all its lives.
        self._urls = itertools.cycle([f"{door.life.http_url}/webhooks/easypost" for door in doors])

    async def run(self) -> None:
        """Post until cancelled."""
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            while True:
                await self._post(client)
                await asyncio.sleep(EVERY_S)

    async def _post(self, client: httpx2.AsyncClient) -> None:
        secret = stories.SECRET
        try:
            answer = await client.post(
                next(self._urls), content=BODY, headers={"X-Hmac-Signature": stories.signature(BODY)}
            )
        except httpx2.TransportError:  # it is being restarted: the next one is there
            return
        self.answers[secret, answer.status_code] += 1

    async def more(self, secret: str) -> None:
        """Wait until more of its requests were taken with a secret."""
        before = self.answers[secret, 202]
        await eventually(lambda: self.answers[secret, 202] >= before + 10, LIMIT_S, what="it is taken")


@asynccontextmanager
async def sending(doors: list[Member]) -> AsyncIterator[Sender]:
    sender = Sender(doors)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def roll(doors: list[Member], secrets: str) -> None:
    """Restart one process after the other with other secrets, as an operator does."""
    for door in doors:
        assert await door.terminate() == 0, door.log()
        door.env = {**door.env, VARIABLE: secrets}
        await door.restart()


async def knock(door: Member) -> int:
    """Return what a door says to a request that is signed with the present secret."""
    headers = {"X-Hmac-Signature": stories.signature(BODY)}
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return (await client.post(f"{door.life.http_url}/webhooks/easypost", content=BODY, headers=headers)).status_code


@pytest.mark.timeout(200)
@pytest.mark.fault("secret_rotated")
async def test_a_secret_replaced_under_load_costs_no_valid_request_and_the_old_one_is_refused_in_the_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.start_all(ingest=2, notify=0)
    doors = stage.of("ingest")
    await stage.begin(seed=511, orders=24, webhook_share=1.0, per_second=30)
    async with sending(doors) as sender:
        await sender.more(OLD)
        await roll(doors, f"{NEW},{OLD}")
        await sender.more(OLD)
        await stage.sent()
        monkeypatch.setattr(stories, "SECRET", NEW)  # who sends signs with it from now on
        await stage.begin(seed=512, orders=24, webhook_share=1.0, per_second=30)
        await sender.more(NEW)
        await roll(doors, NEW)
        await sender.more(NEW)
    assert {status for _, status in sender.answers} <= GOOD, "every request was signed with a good secret"
    evidence = await stage.heal_and_judge()
    assert {answer.status for one in evidence.sent for answer in one.answers} <= GOOD
    monkeypatch.setattr(stories, "SECRET", OLD)
    assert [await knock(door) for door in doors] == [401, 401]
