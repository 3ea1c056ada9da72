"""The three services as real processes: ready when they work, gone with exit code 0 when asked to stop."""

from collections.abc import Callable

import pytest

from services.local.child import ChildFailedError
from tests.stack.processes import Processes
from tests.waiting import eventually

Environment = Callable[..., dict[str, str]]


@pytest.mark.parametrize("service", ["ingest", "status", "notify"])
async def test_a_service_gets_ready_and_stops_cleanly(
    service: str, processes: Processes, environment: Environment
) -> None:
    topics = await processes.start("topics", env=environment(), arguments=("topics", "apply"), wait_ready=False)
    assert await topics.wait() == 0, topics.log()

    process = await processes.start(service, env=environment())

    assert await process.terminate() == 0, process.log()
    assert "Traceback" not in process.log()


async def test_a_service_that_dies_before_it_is_ready_is_reported_with_its_log(
    processes: Processes, environment: Environment
) -> None:
    with pytest.raises(ChildFailedError, match="TRACKFOLD_KAFKA__NO_SUCH_THING"):
        await processes.start("status", env=environment(TRACKFOLD_KAFKA__NO_SUCH_THING="1"))


async def test_a_killed_service_is_not_ready(processes: Processes, environment: Environment) -> None:
    process = await processes.start("status", env=environment(), wait_ready=False)
    process.kill()
    assert not process.running

    async def unready() -> bool:
        return not await process.ready()

    await eventually(unready)
