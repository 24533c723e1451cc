"""CSV: a header of names, then one row per line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO, TextIO

from scorer.errors import TableError
from scorer.formats.rows import BATCH_ROWS, RowBatch
from scorer.scores import Scores


def read(text: TextIO, name: str) -> Iterator[RowBatch]:
    """The rows of a file, each batch as columns of texts. Blank lines are skipped, as in pandas.

    Raises:
        TableError: no header, a column given twice, a line with more or fewer fields than the header, or not CSV.
    """
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise TableError(f"{name}: empty, without even a header line")
        repeated = sorted({column for column in header if header.count(column) > 1})
        if repeated:
            raise TableError(f"{name}: columns are given twice: {', '.join(repeated)}")
        numbered = _rows(reader, len(header), name)
        yield from iter(lambda: _batch(header, list(islice(numbered, BATCH_ROWS))), None)
    except csv.Error as error:
        raise TableError(f"{name}: line {reader.line_num}: {error}") from None


def _batch(header: Sequence[str], numbered: Sequence[tuple[int, list[str]]]) -> RowBatch | None:
    if not numbered:
        return None
    lines, rows = zip(*numbered, strict=True)
    return RowBatch(dict(zip(header, zip(*rows, strict=True), strict=True)), lines)


def _rows(reader: Any, width: int, name: str) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if not row:
            continue
        if len(row) != width:
            raise TableError(f"{name}: line {reader.line_num}: {len(row)} fields, where the header has {width}")
        yield reader.line_num, row


class _Lines:
    """Ends lines by a line feed alone. A csv.writer that does so itself quotes no carriage returns in fields."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n").encode() + b"\n")


class CSVWriter:
    """Writes a header of the names, then one line per row; floats in their shortest exact form."""

    def __init__(self, file: BinaryIO) -> None:
        self._table = csv.writer(_Lines(file))
        self._header_written = False

    def write(self, scores: Scores) -> None:
        columns = scores.columns()
        self._write(columns, zip(*(column.tolist() for column in columns.values()), strict=True))

    def write_rows(self, names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
        self._write(names, ([row[name] for name in names] for row in rows))

    def _write(self, names: Iterable[str], lines: Iterable[Iterable[object]]) -> None:
        if not self._header_written:
            self._table.writerow(names)
            self._header_written = True
        self._table.writerows(lines)

    def close(self) -> None:
        pass
