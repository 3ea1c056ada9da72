"""How far an import has come, in a small file beside the imported one, so that it goes on there after a crash.

A saver only: without it everything is published again, and a repeat has no effect.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Final

from services.ingest.import_rows import Defaults

SUFFIX: Final = ".trackfold-import"


class Place:
    """The place of one import in its file."""

    def __init__(self, path: Path, defaults: Defaults) -> None:
        self._beside = path.with_name(path.name + SUFFIX)
        self._mark = _mark(path, defaults)

    def next_line(self) -> int:
        """Return the line where an interrupted import of this very file goes on; 1 where none was."""
        try:
            noted = json.loads(self._beside.read_text("utf-8"))
            line = noted["next_line"] if noted["mark"] == self._mark else 1
        except (OSError, ValueError, TypeError, KeyError):
            return 1
        return line if isinstance(line, int) and line > 0 else 1

    def note(self, next_line: int) -> None:
        """Note that everything before a line is in Kafka; where that cannot be written it is said once."""
        partial = self._beside.with_name(self._beside.name + ".new")
        try:
            partial.write_text(json.dumps({"mark": self._mark, "next_line": next_line}), "utf-8")
            partial.replace(self._beside)
        except OSError:
            if self._mark:
                sys.stderr.write(f"{self._beside} cannot be written: after an interruption give --from-line\n")
            self._mark = ""

    def forget(self) -> None:
        """Note that the import is complete."""
        self._beside.unlink(missing_ok=True)


def _mark(path: Path, defaults: Defaults) -> str:
    """Return a hash of the file and of how it is read: another file does not go on where this one stopped."""
    digest = hashlib.sha256(repr((defaults.kind, defaults.shop, defaults.time_zone)).encode())
    with path.open("rb") as file:
        while part := file.read(1024 * 1024):
            digest.update(part)
    return digest.hexdigest()
