"""When Python looks for garbage that refers to itself, in a process that keeps much (docs/decisions/0026-*.md).

What a transaction makes dies with it, or stays for long: in neither is there such garbage to find, and to look through
it took a sixth of the processor's time. So nobody looks while a transaction is at work, and what is there after one
that went well is set apart (`gc.freeze`): only every five minutes, after one, all of it is looked through. Nothing of
this happens before `begin`.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from services.runtime import clock

#: Between transactions: young objects, and how often older ones are looked through with them.
USUAL: Final = (50_000, 20, 100)
#: So many young objects are looked through even within one transaction: some hundred megabytes.
MOST: Final = 3_000_000
EVERYTHING_EVERY_S: Final = 300.0


@dataclass(slots=True)
class Sweeping:
    """How a process goes about it."""

    begun: bool = False
    _at_work: int = 0
    _failed: bool = False
    _everything_at: float = 0.0

    def begin(self) -> None:
        """Go about it so from now on."""
        self.begun, self._everything_at = True, clock.monotonic() + EVERYTHING_EVERY_S
        gc.set_threshold(*USUAL)

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """Do not look while this block is at work; blocks may overlap, the last one that ends ends it."""
        if not self.begun:
            yield
            return
        if not self._at_work:
            self._look_after_failures()
            gc.set_threshold(MOST, *USUAL[1:])
        self._at_work += 1
        try:
            yield
        except BaseException:
            self._failed = True
            raise
        finally:
            self._at_work -= 1
            if not self._at_work:
                gc.set_threshold(*USUAL)
                self._set_apart()

    def _look_after_failures(self) -> None:
        # A failure holds the frames it passed, and they hold it: with all that a batch had in them.
        if self._failed:
            self._failed = False
            gc.collect(1)

    def _set_apart(self) -> None:
        if self._failed:
            return
        if (now := clock.monotonic()) >= self._everything_at:
            self._everything_at = now + EVERYTHING_EVERY_S
            gc.unfreeze()
            gc.collect()
        gc.freeze()


OURS: Final = Sweeping()
