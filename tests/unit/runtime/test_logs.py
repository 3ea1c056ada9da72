"""Logs: one JSON object a line, foreign loggers too, and never the words of an exception."""

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
import structlog

from services.runtime import logs
from services.runtime.settings import LogSettings

CANARY = "canary@example.com"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(name="lines")
def lines_fixture() -> Iterator[Lines]:
    """Configure logging into memory; gives a reader of its lines. Everything is put back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(LogSettings(format="json"), "status", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(capture=False)
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_object_with_its_fields(lines: Lines) -> None:
    structlog.stdlib.get_logger("trackfold.x").info("a thing happened", order="main:1001")
    (line,) = lines()
    assert (line["event"], line["order"], line["service"], line["level"]) == (
        "a thing happened",
        "main:1001",
        "status",
        "info",
    )
    assert line["timestamp"].endswith("Z")


def test_foreign_loggers_go_the_same_way(lines: Lines) -> None:
    logging.getLogger("aiokafka.client").warning("no %s", "broker")
    logging.getLogger("aiokafka.client").info("chatter")
    assert [line["event"] for line in lines()] == ["no broker"]


@pytest.mark.parametrize(
    "failure",
    [
        ValueError(CANARY),
        asyncpg.PostgresError.new({"C": "23505", "M": "duplicate", "D": f"Key (email)=({CANARY})"}),
    ],
)
def test_an_exception_leaves_its_class_and_places_but_not_its_words(lines: Lines, failure: Exception) -> None:
    def raise_it() -> None:
        raise failure

    for logger in (structlog.stdlib.get_logger("ours"), logging.getLogger("theirs")):
        try:
            raise_it()
        except type(failure):
            logger.exception("it failed")
    for line in lines():
        assert line["error"].startswith(type(failure).__name__)
        assert "raise_it" in line["trace"][-1]
        assert CANARY not in json.dumps(line)
    assert len(lines()) == 2


async def test_a_task_that_nobody_awaits_does_not_quote_its_exception(lines: Lines) -> None:
    loop = asyncio.get_running_loop()
    logs.handle_loop_exception(
        loop, {"message": "Task exception was never retrieved", "exception": ValueError(CANARY), "task": CANARY}
    )
    (line,) = lines()
    assert CANARY not in json.dumps(line)
    assert line["event"] == "Task exception was never retrieved"


def test_warnings_are_logged(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("mind this", UserWarning, stacklevel=1)
    assert "mind this" in lines()[0]["event"]
