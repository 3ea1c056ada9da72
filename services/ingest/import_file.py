"""A file of orders or shipments, read row by row: CSV or JSON lines, with the line of whatever is wrong.

Never more than one order in memory, however long the file; besides that a number for each order that was read.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.ingest.carriers.base import OrderTold
from services.ingest.carriers.documents import read_json
from services.ingest.import_columns import name_columns
from services.ingest.import_rows import Cells, Defaults, told_by_object, told_by_rows
from services.runtime.errors import Poison

MAX_LINE: Final = 1024 * 1024
MAX_ORDERS: Final = 2_000_000
"""Orders, or shipments, in one CSV: each is remembered with some 100 bytes, so that none stands twice."""
MAX_ROWS: Final = 500
"""Rows of one order: as many lines as an order may have."""
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_BOM: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True, slots=True)
class Told:
    """One event, and the lines of the file it stands in."""

    first_line: int
    last_line: int
    order: OrderTold


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a line and what to do, without what stands there."""

    line: int
    what: str


class UnreadableFileError(ValueError):
    """Nothing of the file can be read; the text says what to do."""


@dataclass(slots=True)
class Source:
    """One file and how it is read."""

    path: Path
    defaults: Defaults
    passed_over: list[str] = field(default_factory=list)
    """Columns that are not read."""

    @property
    def is_json(self) -> bool:
        """Whether the file holds lines of JSON; else it is CSV."""
        with self.path.open("rb") as file:
            head = file.read(4096)
        if head.startswith(_UTF16):
            raise UnreadableFileError("the file is UTF-16: save it as UTF-8")
        start = head.removeprefix(_BOM).lstrip()[:1]
        if not start:
            raise UnreadableFileError("the file is empty")
        if start == b"[":
            raise UnreadableFileError("the file is one JSON array: write one object a line (`jq -c '.[]'`)")
        return start == b"{"

    def read(self) -> Iterator[Told | RowError]:
        """Give every event and every error, in the order of the file; UnreadableFileError where that is in vain."""
        if self.is_json:
            yield from _read_json_lines(self.path, self.defaults)
            return
        with self.path.open("r", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield from _grouped(_Table(file, self), self.defaults)


@dataclass(slots=True)
class _Row:
    line: int
    cells: Cells
    wrong: str | None = None


class _Table:
    """The rows of a CSV."""

    def __init__(self, file: io.TextIOBase, source: Source) -> None:
        head = file.readline(MAX_LINE)
        delimiter = max(_DELIMITERS, key=head.count)
        file.seek(0)
        self._reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(self._reader)
            self._names = name_columns(header, source.defaults.kind)
        except csv.Error:
            raise UnreadableFileError("the first line is no CSV: its quotes do not fit") from None
        except ValueError as error:
            raise UnreadableFileError(str(error)) from None
        source.passed_over = [cell for cell, name in zip(header, self._names, strict=True) if name is None and cell]

    def __iter__(self) -> Iterator[_Row]:
        while True:
            line = self._reader.line_num + 1
            try:
                row = next(self._reader, None)
            except csv.Error:
                yield _Row(line, {}, "its quotes do not fit: a quote in a text is written twice")
                continue
            if row is None:
                return
            if any(cell.strip() for cell in row):
                yield self._row(line, row)

    def _row(self, line: int, row: Sequence[str]) -> _Row:
        if len(row) > len(self._names):
            return _Row(line, {}, "more cells than columns: put a text with a separator into quotes")
        named = zip(self._names, row, strict=False)
        cells = {name: cell.strip() for name, cell in named if name is not None and cell.strip()}
        wrong = "not in UTF-8: save the file as UTF-8" if any(map(_is_garbled, row)) else None
        return _Row(line, cells, wrong)


def _is_garbled(cell: str) -> bool:
    return any("\udc80" <= char <= "\udcff" for char in cell)


def _grouped(table: _Table, defaults: Defaults) -> Iterator[Told | RowError]:
    """Give the rows that stand together as one order, or one shipment."""
    seen: set[int] = set()
    group: list[_Row] = []
    mine: tuple[str, ...] = ()
    for row in table:
        key = _key(row.cells, mine, defaults)
        if group and (key != mine or len(group) >= MAX_ROWS):
            yield from _close(group, mine, seen, defaults)
            group = []
        mine = key
        group.append(row)
    if group:
        yield from _close(group, mine, seen, defaults)


def _key(cells: Cells, before: tuple[str, ...], defaults: Defaults) -> tuple[str, ...]:
    """Return what the rows of one event have in common; a row that does not say it continues the one before."""
    order = cells.get("order")
    if order is None:
        return before
    whose = (cells.get("shop", defaults.shop), order)
    if defaults.kind == "orders":
        return whose
    parcel = cells.get("shipment", cells.get("number"))
    return before if parcel is None and before[:2] == whose else (*whose, parcel or "")


def _close(
    group: Sequence[_Row], key: tuple[str, ...], seen: set[int], defaults: Defaults
) -> Iterator[Told | RowError]:
    wrong = [RowError(row.line, row.wrong) for row in group if row.wrong is not None]
    if wrong:
        if group[0].wrong is None:
            yield RowError(group[0].line, "left out, because a row that may be part of it is wrong")
        yield from wrong
        return
    first, last = group[0].line, group[-1].line
    try:
        if hash(key) in seen:
            message = "stands further up as well: put its rows together, an event is told once"
            raise ValueError(message)  # noqa: TRY301 - as what is wrong inside the rows
        told = told_by_rows([row.cells for row in group], defaults)
    except ValueError as error:
        yield RowError(first, str(error))
        return
    seen.add(hash(key))
    if len(seen) > MAX_ORDERS:
        raise UnreadableFileError(f"more than {MAX_ORDERS:,} orders: split the file")
    yield Told(first, last, told)


def _read_json_lines(path: Path, defaults: Defaults) -> Iterator[Told | RowError]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE)
                yield RowError(number, f"the line is longer than {MAX_LINE // 1024} KiB")
            elif line.removeprefix(_BOM).strip():
                yield _read_json_line(number, line.removeprefix(_BOM), defaults)


def _read_json_line(number: int, line: bytes, defaults: Defaults) -> Told | RowError:
    try:
        return Told(number, number, told_by_object(read_json(line), defaults))
    except Poison:
        return RowError(number, "no JSON in UTF-8")
    except ValueError as error:
        return RowError(number, str(error))
