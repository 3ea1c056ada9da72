"""Aiokafka's connection, made to understand uvloop's word for a closed transport.

A write to a connection that was just cut raises RuntimeError under uvloop, and aiokafka expects OSError: its task that
keeps the metadata dies without a word, and the client never again hears of brokers and leaders. Here it is the broken
connection that it is. `kafka.py` has it used before any client of ours is made.
"""

from typing import Any

from aiokafka import conn
from aiokafka.errors import KafkaConnectionError


class CutConnection(conn.AIOKafkaConnection):  # type: ignore[misc]
    """A connection whose failed write is always a KafkaConnectionError."""

    def send(self, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - aiokafka's signature
        """Send a request; raises KafkaConnectionError where the connection is gone."""
        try:
            return super().send(request, expect_response)
        except RuntimeError as exc:
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"the connection to {self._host}:{self._port} was cut") from exc


def use() -> None:
    """Let every client that is made from now on have such connections; again and again is harmless."""
    conn.AIOKafkaConnection = CutConnection
