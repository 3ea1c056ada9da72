"""A connection that was cut is a connection error, whichever event loop says so."""

from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from services.runtime import cut_connections, kafka
from services.runtime.settings import KafkaSettings


class Closed:
    """A writer as uvloop leaves it behind: writing to it is a RuntimeError."""

    def __init__(self, failure: Callable[[str], Exception]) -> None:
        self.failure = failure
        self.closed = False

    def write(self, _: bytes) -> None:
        """Refuse."""
        raise self.failure("the handler is closed")

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Ended:
    """A read task that is over."""

    def done(self) -> bool:
        """Say so."""
        return True


async def made() -> Any:
    """Return a connection as aiokafka makes one, not connected."""
    return conn.AIOKafkaConnection("127.0.0.1", 9)


@pytest.mark.parametrize("failure", [RuntimeError, OSError])
async def test_a_write_to_a_closed_transport_is_a_connection_error_and_closes_it(
    failure: Callable[[str], Exception],
) -> None:
    cut_connections.use()
    connection, writer = await made(), Closed(failure)
    for name, value in {
        "_writer": writer,
        "_reader": object(),
        "_read_task": Ended(),
        "_versions": {3: (0, 5)},
    }.items():
        setattr(connection, name, value)
    with pytest.raises(KafkaConnectionError):
        connection.send(MetadataRequest([]))
    assert writer.closed


async def test_every_client_gets_such_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conn, "AIOKafkaConnection", cut_connections.CutConnection.__base__)
    assert type(await made()) is not cut_connections.CutConnection
    kafka.client_options(KafkaSettings(), "test")
    assert type(await made()) is cut_connections.CutConnection
