"""A bad network to Kafka, packet by packet: one way cut, a fifth of all lost, a cable too narrow for what must pass.

Each service sits in a network of its own, whose only cable is held here (tests/faults/netns.py). Postgres lets in only
whom it knows: at this end of the cable a proxy, which breaks nothing, speaks to it.
"""

from typing import Any, Final

import pytest

from services.runtime import clock
from tests.faults.netns import Network
from tests.faults.proxy import Proxy, through
from tests.nemesis import lengths
from tests.nemesis.striking import logged, metric, unwanted_ends
from tests.stack.kafka import Kafka
from tests.under_fire.stage import Stage
from tests.waiting import eventually

LIMIT_S: Final = 60.0
CUT_S: Final = lengths.seconds(5, 60)
BAD_S: Final = lengths.seconds(8, 60)
#: The sender is told to come again within this.
ANSWER_S: Final = 5.0
#: 200 kbit/s.
NARROW: Final = 25_000
LOST: Final = 0.2
#: Repeated packets take their time; a member that is only slow must not be taken for a dead one.
PATIENT: Final[dict[str, Any]] = {"TRACKFOLD_KAFKA__SESSION_TIMEOUT_MS": "20000", "TRACKFOLD_PROCESS__WATCHDOG_S": "40"}
#: What one process may say of its troubles: once for each of its loops and consumers, not with every packet.
FEW: Final = 40


def port_of(kafka: Kafka) -> int:
    return int(kafka.bootstrap_servers.rpartition(":")[2])


@pytest.mark.timeout(150 + CUT_S)
@pytest.mark.fault("cut_one_way")
async def test_a_door_that_kafka_hears_and_that_does_not_hear_kafka_says_503_and_promises_nothing(
    stage: Stage, kafka: Kafka, private_network: Network
) -> None:
    await stage.start("status")
    env: dict[str, Any] = private_network.env
    ingest = await stage.start("ingest", under=private_network.under, **env)
    load = await stage.begin(seed=521, orders=24, webhook_share=1.0, per_second=40)
    await stage.half()
    private_network.back.lose(ports={port_of(kafka)})
    began = clock.monotonic()
    await eventually(lambda: metric(ingest, "trackfold_webhooks_total", answer="503"), LIMIT_S)
    assert clock.monotonic() - began < ANSWER_S + 1, "no sender waits for longer"
    await lengths.lasts(CUT_S)
    assert load.done < load.total
    assert private_network.back.lost > 0
    assert private_network.out.lost == 0
    private_network.heal()
    evidence = await stage.heal_and_judge()
    refused = [answer for one in evidence.sent for answer in one.answers if answer.status == 503]
    assert refused
    assert all(answer.retry_after for answer in refused)


@pytest.mark.timeout(150 + CUT_S)
@pytest.mark.fault("cut_one_way")
async def test_a_consumer_that_kafka_hears_and_that_does_not_hear_kafka_goes_on_afterwards(
    stage: Stage, kafka: Kafka, private_network: Network, postgres_wire: Proxy
) -> None:
    env: dict[str, Any] = private_network.env | {"DATABASE_URL": through(stage.source.database_url, postgres_wire)}
    status = await stage.start("status", under=private_network.under, **env)
    await stage.begin(seed=522, orders=24, per_second=40)
    await stage.half()
    private_network.back.lose(ports={port_of(kafka)})
    await lengths.lasts(CUT_S)
    assert private_network.back.lost > 0
    assert private_network.out.lost == 0
    private_network.heal()
    await stage.heal_and_judge()
    assert not unwanted_ends(stage), status.log()


@pytest.mark.timeout(200 + BAD_S)
@pytest.mark.fault("lossy_network")
async def test_a_network_that_loses_a_fifth_at_200_kbit_a_second_makes_status_slow_and_nothing_worse(
    stage: Stage, private_network: Network, postgres_wire: Proxy
) -> None:
    net = private_network
    env: dict[str, Any] = PATIENT | net.env | {"DATABASE_URL": through(stage.source.database_url, postgres_wire)}
    status = await stage.start("status", under=net.under, **env)
    await stage.start("ingest")
    await stage.begin(seed=523, orders=36, per_second=40)
    await stage.half()
    joined = len(logged(status, "Joined group"))
    for way in (net.out, net.back):
        way.lose(LOST)
        way.bytes_per_s = NARROW
    await lengths.lasts(BAD_S)
    assert min(net.out.lost, net.back.lost) > 10
    net.heal()
    await stage.heal_and_judge()
    assert not unwanted_ends(stage), status.log()
    assert len(logged(status, "Joined group")) - joined <= 2 + BAD_S / 20, "it does not flap"
    assert len(logged(status, level="error")) <= BAD_S / 20
    assert len(logged(status, level="warning")) < FEW
