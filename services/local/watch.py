"""What a person sees of a local run: the links, one parcel that moves, and a line of counts.

Asks the services only through their public doors, with the API key that it prints.
"""

import contextlib
import sys
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx2
from pydantic import SecretStr

from services.local.environments import HOST, SERVICES
from services.local.simulator import Simulator
from services.local.stack import Stack
from services.local.stories import Story
from services.local.talk import Talk
from services.runtime import clock
from services.runtime.links import key_ring, make_token

LINK_LIFE: Final = timedelta(days=30)
ASK_EVERY_S: Final = 1.0
LINGER_S: Final = 10.0
#: What tokens of the tracking page are for (`services/status/web`).
TRACK: Final = "track"


class Watch:
    """Follows one parcel at a time, the outbox and the simulator."""

    def __init__(self, stack: Stack, simulator: Simulator, talk: Talk) -> None:
        self._stack = stack
        self._simulator = simulator
        self._talk = talk
        self._status = f"http://{HOST}:{stack.ports.status}"
        self._outbox = f"http://{HOST}:{stack.ports.outbox}/outbox"
        self._followed: Story | None = None
        self._state = ""
        self._shown_links = False
        self._sent = ""
        self._asked = 0.0
        self._seen_at_work = 0.0
        self._client = httpx2.AsyncClient(
            trust_env=False, timeout=2, headers={"authorization": f"Bearer {stack.secrets.api_key}"}
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def look(self) -> None:
        """Ask how the followed parcel and the outbox are, and show what is new."""
        if clock.monotonic() - self._asked < ASK_EVERY_S:
            return
        self._asked = clock.monotonic()
        with contextlib.suppress(httpx2.TransportError):  # a service on its way up again: the next look will see
            await self._follow()
            await self._count()
        tally = self._simulator.tally
        told = f"{tally.orders} orders, {tally.events} order events, {tally.webhooks} webhooks"
        trouble = f", {tally.failed} FAILED" if tally.failed else ""
        now = f"order {self._followed.order}: {self._state or 'placed'}" if self._followed else "waiting for an order"
        self._talk.status(
            f"{told} ({tally.late} late, {tally.repeated} repeated{trouble}) | {self._sent} | {now} | Ctrl-C stops"
        )

    def tracking_page(self, story: Story) -> str:
        """Make the link that a customer gets."""
        ring = key_ring([SecretStr(self._stack.secrets.link)])
        token = make_token(ring, TRACK, shop=story.shop, order=story.order, expires_at=clock.now() + LINK_LIFE)
        return f"{self._status}/t/{token}"

    async def _follow(self) -> None:
        story = self._followed
        if story is None or self._over(story):
            await self._choose()
            return
        answer = await self._client.get(f"{self._status}/v1/orders/{story.shop}/{story.order}")
        state = str(answer.json().get("state", "")) if answer.is_success else ""
        if state and state != self._state:
            self._talk.say(f"  order {story.order}: {self._state or 'new'} -> {state}", style="green")
            self._state = state

    def _over(self, story: Story) -> bool:
        """Say whether a story is over, and what came last has had the time to be seen."""
        if (story.shop, story.order) in self._simulator.on_the_way:
            self._seen_at_work = clock.monotonic()
        return clock.monotonic() - self._seen_at_work > LINGER_S

    async def _choose(self) -> None:
        """Follow the newest parcel whose page is there, and say where it is."""
        for story in reversed(list(self._simulator.on_the_way.values())):
            if not story.parcels:
                continue
            page = self.tracking_page(story)
            if (await self._client.get(page)).is_success:
                self._followed, self._state, self._seen_at_work = story, "", clock.monotonic()
                await self._show(page)
                return

    async def _show(self, page: str) -> None:
        if self._shown_links:
            self._talk.say(f"  the next moving parcel: {page}")
            return
        self._shown_links = True
        ports, say = self._stack.ports, self._talk.say
        say("\nTrackfold is running.\n", style="bold")
        say(f"  a moving parcel   {page}")
        say(f"  the outbox        {self._outbox}")
        for path, name in (("/docs", "the API's docs"), ("/agent", "the agent desk")):
            if (await self._client.get(self._status + path)).is_success:
                say(f"  {name:<16}  {self._status}{path}")
        for service in SERVICES:
            admin = f"http://{HOST}:{ports.admin(service)}"
            say(f"  {service:<7} metrics   {admin}/metrics   ready? {admin}/readyz")
        key, order = self._stack.secrets.api_key, self._followed.order if self._followed else ""
        say(f"\n  curl -H 'Authorization: Bearer {key}' {self._status}/v1/orders/main/{order}")
        program = Path(sys.executable).with_name("trackfold")
        say(f"  set -a; . {self._stack.settings_file}; {program} simulate --orders 100")
        say(f"  and with the same settings: {program} notify why {order} | carriers unknown | topics plan\n")

    async def _count(self) -> None:
        counts = (await self._client.get(f"{self._outbox}.json?limit=0")).json()
        self._sent = f"{counts['mails_taken']} mails, {counts['sms_taken']} texts"
