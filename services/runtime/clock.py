"""The time, asked here and passed down: rules take it as an argument, tests give their own.

Never for anything compared with database times: that is the database's clock.
"""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one place that may ask


def monotonic() -> float:
    """Return seconds on a clock that never goes back: for limits and ages inside one process."""
    return time.monotonic()
