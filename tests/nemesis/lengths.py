"""How long a fault lasts: short among the other tests, in full with FAULTS=full (`make faults`)."""

import asyncio
import os
from typing import Final

VARIABLE: Final = "FAULTS"
FULL: Final = os.environ.get(VARIABLE) == "full"


def seconds(short: float, full: float) -> float:
    """Return for how long a fault lasts in this run."""
    return full if FULL else short


async def lasts(for_s: float) -> None:
    """Let a fault last: the only wait of a test for a time and not for a condition."""
    await asyncio.sleep(for_s)
