"""How long to wait before the next try: full jitter, so that many processes do not come back at the same moment.

Pure: the randomness is passed in.
"""

from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.05
LONGEST_S: Final = 10.0
_STEPS: Final = 16


def full_jitter(
    attempt: int, random: Callable[[], float], *, first_s: float = FIRST_S, longest_s: float = LONGEST_S
) -> float:
    """Return a delay between 0 and `first_s` doubled `attempt` times (from 0), never above `longest_s`."""
    ceiling = min(longest_s, first_s * 2.0 ** min(attempt, _STEPS))
    return ceiling * random()
