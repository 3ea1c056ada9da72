"""Temporary folders that never pile up: each is locked by its owner, and the next owner removes those left unlocked.

A killed process cannot tidy up after itself. The lock goes with the process, whatever its pid or container, so only
folders of the dead are removed.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "trackfold-"
_UNBORN = ".trackfold-new-"
_LOCK = "owner.lock"


class Scratch:
    """A folder of this process; `remove()` it, or the next one does."""

    def __init__(self, purpose: str, base: Path | None = None) -> None:
        base = base or Path(tempfile.gettempdir())
        sweep(base)
        unborn = Path(tempfile.mkdtemp(prefix=f"{_UNBORN}{purpose}-", dir=base))
        self._lock = os.open(unborn / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # It gets the name that sweeps look for only when it is locked.
        self.path = unborn.rename(base / unborn.name.replace(_UNBORN, PREFIX))

    def remove(self) -> None:
        """Remove the folder with all that is in it; twice is fine."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep(base: Path) -> None:
    """Remove the folders whose owner is dead."""
    for lock in base.glob(f"{PREFIX}*/{_LOCK}"):
        try:
            handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue  # another user's, or just removed
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # its owner lives
        else:
            shutil.rmtree(lock.parent, ignore_errors=True)
        finally:
            os.close(handle)
