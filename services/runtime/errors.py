"""The kinds of failure, each with a short reason (metric label, dead-letter field), and the exit codes.

Decides nothing: what follows from a failure is decided in `delivery.py` and nowhere else.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a process says when it ends; the same list stands in `trackfold --help`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 69
    WATCHDOG = 70
    TRY_AGAIN = 75
    CONFIG = 78
    INTERRUPTED = 130


class TrackfoldError(Exception):
    """A failure with a reason: a short slug that never holds data, and a sentence for people that may name a place."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, reason: str, message: str = "", *, hint: str = "") -> None:
        """Take the slug, what happened in words, and what to do next."""
        super().__init__(message or reason)
        self.reason = reason
        self.message = message or reason
        self.hint = hint


class Transient(TrackfoldError):  # noqa: N818 - a kind, not a mistake
    """The message is fine, the world is not: wait and do it again."""

    exit_code = ExitCode.UNAVAILABLE


class Poison(TrackfoldError):  # noqa: N818 - as above
    """The world is fine, the message is not: it goes to the dead letters."""


class Misconfigured(TrackfoldError):  # noqa: N818 - as above
    """Only a person can mend it: the process ends with 78."""

    exit_code = ExitCode.CONFIG


class Conflict(TrackfoldError):  # noqa: N818 - as above
    """Another writer took a key that this batch wanted: roll back, load again, try fewer at once."""

    exit_code = ExitCode.TRY_AGAIN


class Exit(TrackfoldError):  # noqa: N818 - as above
    """The process must end with this code; raised through loops up to `process.main`."""

    def __init__(self, code: ExitCode, reason: str, message: str = "", *, hint: str = "") -> None:
        """Take the code beside what every failure has."""
        super().__init__(reason, message, hint=hint)
        self.code = code


class Stopping(TrackfoldError):  # noqa: N818 - as above
    """The process is draining: the work was not done and is left to the next process."""

    def __init__(self) -> None:
        """Take nothing: there is only one way to stop."""
        super().__init__("stopping", "the process is draining")
