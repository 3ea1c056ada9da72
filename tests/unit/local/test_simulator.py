"""The simulator's timing and patience: all is sent, a 503 is obeyed, a refusal is not repeated, nothing hangs."""

import asyncio
from collections.abc import Mapping

import httpx2

from services.local import sending
from services.local.disorder import plan_arrivals
from services.local.journeys import SCANS
from services.local.messages import KafkaMessage, Webhook
from services.local.sending import Publish, Sender, Tally
from services.local.simulator import Score, Simulator, prefix_of
from services.local.stories import ShopStep, make_story
from services.runtime import clock

SECRETS = {"easypost": "secret", "standard": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"}
FAST = Score(seed=1, prefix="T", orders=12, speed=2_000_000, every_s=0)


class World:
    """Takes what the simulator sends; answers as it is told to."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.events: list[KafkaMessage] = []
        self.webhooks: list[Webhook] = []
        self.answers = list(answers)
        self.tally = Tally()
        self.waits: list[float] = []
        self.sender = self.make_sender(self.publish)

    def make_sender(self, publish: Publish) -> Sender:
        return Sender(publish=publish, post=self.post, secrets=SECRETS, tally=self.tally, pause=self.pause)

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def publish(self, message: KafkaMessage) -> None:
        self.events.append(message)

    async def post(self, message: Webhook, headers: Mapping[str, str]) -> httpx2.Response:
        assert headers
        self.webhooks.append(message)
        answer = self.answers.pop(0) if self.answers else httpx2.Response(202)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_run_sends_every_planned_message_and_ends() -> None:
    world = World()
    planned = [a for n in range(12) for a in plan_arrivals(make_story(1, n, prefix="T"), 1)]

    tally = await Simulator(FAST, world.sender).play(asyncio.Event())

    assert tally.orders == tally.finished == 12
    assert len(world.events) == sum(isinstance(a.what, ShopStep) for a in planned)
    assert len(world.events) + len(world.webhooks) == len(planned)
    assert tally.failed == 0


async def test_a_run_without_end_stops_when_told() -> None:
    world, stopping = World(), asyncio.Event()
    simulator = Simulator(Score(seed=1, prefix="T", speed=2_000_000, every_s=0.001), world.sender)
    playing = asyncio.create_task(simulator.play(stopping))
    while simulator.tally.finished < 3:  # noqa: ASYNC110 -- the tally is not an event
        await asyncio.sleep(0)

    stopping.set()

    assert (await asyncio.wait_for(playing, 5)).orders >= 3


async def test_a_run_ends_at_its_time_limit() -> None:
    score = Score(seed=1, prefix="T", orders=5, speed=1, every_s=0, limit_s=0.05)

    tally = await asyncio.wait_for(Simulator(score, World().sender).play(asyncio.Event()), 5)

    assert tally.finished < 5


async def test_a_503_is_obeyed_and_then_sent_again_with_the_same_delivery() -> None:
    world = World(httpx2.Response(503, headers={"retry-after": "5"}), httpx2.ConnectError("refused"))

    await world.sender.webhook(Webhook("standard", "msg_1", b"{}"))

    assert [message.delivery for message in world.webhooks] == ["msg_1"] * 3
    assert world.waits[0] >= 5
    assert (world.tally.webhooks, world.tally.retries, world.tally.failed) == (1, 2, 0)


async def test_a_refusal_is_counted_and_not_repeated() -> None:
    world = World(httpx2.Response(401))

    await world.sender.webhook(Webhook("easypost", "msg_1", b"{}"))

    assert len(world.webhooks) == 1
    assert world.tally.refused == {"easypost 401": 1}
    assert not world.waits


async def test_a_webhook_that_never_arrives_is_given_up_after_a_bounded_number_of_tries() -> None:
    world = World(*[httpx2.Response(503, headers={"retry-after": "9999"}) for _ in range(50)])

    await world.sender.webhook(Webhook("easypost", "msg_1", b"{}"))

    assert len(world.webhooks) == sending.MAX_TRIES
    assert max(world.waits) <= sending.LONGEST_WAIT_S
    assert world.tally.given_up == 1


async def test_an_order_event_that_kafka_never_takes_is_given_up() -> None:
    async def publish(_: KafkaMessage) -> None:
        raise TimeoutError

    world = World()

    await world.make_sender(publish).event(KafkaMessage(b"k", b"v", []))

    assert world.tally.given_up == 1
    assert len(world.waits) == sending.MAX_TRIES


def test_prefixes_of_two_moments_differ_and_fit_an_order_number() -> None:
    prefix = prefix_of(clock.now())

    assert len(prefix) == 6
    assert prefix.isalnum()
    assert prefix == prefix.upper()


def test_every_kind_of_scan_is_played_by_some_story() -> None:
    stories = [make_story(1, index, prefix="T") for index in range(200)]
    played = {scan.kind for story in stories for parcel in story.parcels for scan in parcel.scans}

    assert played == set(SCANS)
