"""Why a part has no figures: what was measured is not what was meant. The run goes on with the next part."""

from typing import Final

from benchmarks.engine.measuring import StandsStillError, TooSmallError
from benchmarks.posting import RefusedError
from services.local.child import ChildFailedError


class DriverTooSlowError(RuntimeError):
    """The load was not what it should be."""


class NotToldError(RuntimeError):
    """Scans changed less than they must."""


class ReplayTooShortError(RuntimeError):
    """The replay was over, or hardly went on, while its effect was measured."""


#: Anything else is a mistake in the benchmark, and ends the run.
FAILURES: Final = (
    ChildFailedError, DriverTooSlowError, NotToldError, RefusedError, ReplayTooShortError,
    StandsStillError, TimeoutError, TooSmallError,
)  # fmt: skip
