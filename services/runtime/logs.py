"""Structured logs: one JSON object a line in production, coloured lines on a terminal, never anybody's data.

Foreign loggers (uvicorn, aiokafka, faststream, asyncio) go the same way. Of an exception only class, code and places
are written: its own words may hold a record, a contact or a secret (a PostgresError's text quotes the row).
"""

import asyncio
import logging
import sys
import traceback
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from services.runtime.delivery import describe
from services.runtime.settings import LogSettings

_FRAMES: Final = 12

#: Too talkative at INFO, or apt to print what they handle.
_QUIETER: Final = {
    "aiokafka": logging.WARNING,
    "aiokafka.consumer.group_coordinator": logging.INFO,
    "asyncio": logging.WARNING,
    "uvicorn.access": logging.CRITICAL,
    "uvicorn.error": logging.WARNING,
    "faststream": logging.WARNING,
    "httpx2": logging.WARNING,
    "mail.log": logging.WARNING,
}


def configure(settings: LogSettings, service: str, *, stream: TextIO | None = None) -> None:
    """Set up logging for this process; called once, by `process.main`."""
    out = stream or sys.stdout
    console = settings.format == "console" or (settings.format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service(service),
        _safe_exception,
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    _install(handler, settings.level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _install(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name, least in _QUIETER.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(least, root.level))


def _service(name: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = name
        return event

    return add


def _safe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    found = event.pop("exc_info", None)
    record = event.get("_record")
    if found is None and record is not None and record.exc_info:
        found = record.exc_info
    if record is not None:
        # The formatter would add the traceback with the exception's own words.
        record.exc_info = record.exc_text = None
    exc = _exception(found)
    if exc is not None:
        event["error"] = f"{type(exc).__name__}: {describe(exc)}"
        event["trace"] = places(exc)
    return event


def _exception(found: object) -> BaseException | None:
    if found is True:
        found = sys.exc_info()[1]
    if isinstance(found, tuple):
        found = found[1]
    return found if isinstance(found, BaseException) else None


def places(exc: BaseException) -> list[str]:
    """Return where an exception came from, innermost last, without a single value."""
    found = _frames(exc)
    seen, cause = {id(exc)}, exc.__cause__ or exc.__context__
    # An exception can be its own cause (`raise exc from exc`): each is told once.
    while cause is not None and id(cause) not in seen:
        found = [*_frames(cause), f"then {type(exc).__name__}", *found]
        seen.add(id(cause))
        exc, cause = cause, cause.__cause__ or cause.__context__
    return found


def _frames(exc: BaseException) -> list[str]:
    frames = traceback.extract_tb(exc.__traceback__)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def handle_loop_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio would print: its own text quotes the exception."""
    exc = context.get("exception")
    logging.getLogger("asyncio").error("%s", context.get("message", "error in the event loop"), exc_info=exc)
