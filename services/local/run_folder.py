"""The one folder that holds everything a local run writes; gone when the run is, also when the run was killed."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from services.local.scratch import Scratch

#: Root's embedded PostgreSQL runs as somebody else, who must pass through, but need not look around.
_PASSABLE: Final = 0o711


class RunFolder:
    """Makes the folder, points this process's temporary files into it, removes it at the end."""

    def __init__(self) -> None:
        self._scratch = Scratch("run")
        self.path = self._scratch.path
        self._before = tempfile.tempdir

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            self.path.chmod(_PASSABLE)
        (self.path / "logs").mkdir()
        tempfile.tempdir = str(self.path)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        tempfile.tempdir = self._before
        self._scratch.remove()

    def log(self, name: str) -> Path:
        """Give the file that a process of the run writes its log to."""
        return self.path / "logs" / f"{name}.log"
