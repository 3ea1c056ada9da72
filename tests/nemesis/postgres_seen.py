"""What faults of Postgres show: how often a service tried again and why, how far it is, what is still to be told."""

from collections.abc import Mapping
from typing import Final

import httpx2

from tests.nemesis.striking import ask, metric
from tests.oracle_evidence import ORDER_EVENTS, SCANS
from tests.under_fire.settings import API_KEY
from tests.under_fire.stage import Stage
from tests.waiting import eventually

LIMIT_S: Final = 60.0
PATIENT: Final = {"TRACKFOLD_PROCESS__WATCHDOG_S": "40"}
#: Orders of one parcel each: who holds its row holds up nobody else.
SINGLE_PARCELS: Final = ("plain_delivery", "told_again", "still_moving")
#: Letters that may be on their way already.
ON_THE_WAY: Final = 20
_PROGRESS: Final = "select coalesce(sum(next_offset), 0) from {}.consumer_offset"
_CLAIMED: Final = "select shipment from status.ledger where claimed_by is not null and shipment = any($1)"


async def start(
    stage: Stage, *, ingest: int = 1, status: int = 1, notify: int = 1, settings: Mapping[str, str] | None = None
) -> None:
    """Start so many of each service; on a slow machine a watchdog of seconds would end who only waits for its turn."""
    stage.overrides = {**stage.overrides, **PATIENT, **(settings or {})}
    await stage.start_all(ingest=ingest, status=status, notify=notify)


async def counted(stage: Stage, service: str, name: str, **labels: str) -> float:
    """Return what the processes of a service have counted together; an AssertionError while one does not answer."""
    try:
        return sum([await metric(one, name, **labels) for one in stage.of(service)])
    except (httpx2.TransportError, AssertionError) as error:
        raise AssertionError(f"{service} does not show what it counts: {error!r}") from error


async def retries(stage: Stage, service: str, reason: str) -> float:
    """Return how often the processes of a service did something again for this reason."""
    return await counted(stage, service, "trackfold_retries_total", reason=reason)


async def tried_again(stage: Stage, service: str, *reasons: str) -> None:
    """Wait until a service has met one of these failures: the fault struck it."""

    async def met() -> bool:
        return any([await retries(stage, service, reason) > 0 for reason in reasons])

    await eventually(met, LIMIT_S, what=f"{service} met {' or '.join(reasons)}")


async def progress(stage: Stage, service: str = "status") -> int:
    """Return how many records a service has done."""
    return int(await ask(stage, _PROGRESS.format(service)))


async def goes_on(stage: Stage, service: str = "status") -> None:
    """Wait until a service does more than it has done now."""
    before = await progress(stage, service)

    async def more() -> bool:
        return await progress(stage, service) > before

    await eventually(more, LIMIT_S, what=f"{service} goes on")


async def not_ready(stage: Stage, service: str) -> None:
    """Wait until no process of a service says that it is ready, and look that all of them run."""

    async def none_is() -> bool:
        assert all(one.running for one in stage.of(service)), f"a process of {service} has ended"
        return not any([await one.life.ready() for one in stage.of(service)])

    await eventually(none_is, LIMIT_S, what=f"{service} is not ready")


def still_to_scan(stage: Stage) -> list[str]:
    """Return the shipments of which the load has scans to tell that are not on their way yet, the next ones first."""
    load = stage.loads[-1]
    coming = load.plan.letters[load.done + ON_THE_WAY :]
    return list(dict.fromkeys(one.sent.key for one in coming if one.sent.topic == SCANS and not one.sent.poison))


def told_of(stage: Stage) -> list[str]:
    """Return the shipments, one an order, whose orders have no event of their own left to tell."""
    load = stage.loads[-1]
    coming = load.plan.letters[max(0, load.done - ON_THE_WAY) :]
    open_orders = {one.sent.key for one in coming if one.sent.topic == ORDER_EVENTS}
    over = [one for one in load.plan.expected if one.order not in open_orders]
    return [f"royal-mail:{one.tokens[0]}" for one in over]


async def hot_shipment(stage: Stage) -> str:
    """Return a shipment of which more is scanned soon, and nobody but its own scans needs its row any more."""

    async def find() -> str:
        hot = sorted(set(still_to_scan(stage)) & set(told_of(stage)))
        return str(await ask(stage, _CLAIMED, hot) or "")

    return await eventually(find, LIMIT_S, what="a shipment that is known and not scanned to its end")


async def asked(stage: Stage) -> httpx2.Response:
    """Ask the API of the first process of status for an order."""
    order = stage.loads[-1].plan.expected[0].order.replace(":", "/")
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.get(
            f"{stage.of('status')[0].life.http_url}/v1/orders/{order}", headers={"Authorization": f"Bearer {API_KEY}"}
        )


def webhooks_answered(stage: Stage, status: int) -> int:
    """Return how many webhooks were answered so."""
    return sum(answer.status == status for one in stage.read_ledger()[0] for answer in one.answers)
