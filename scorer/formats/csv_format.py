"""CSV: a header of names, then one row per line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
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


class CSVWriter:
    """Writes a header of the answer's keys, then one line per row; floats in their shortest exact form."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._header_written = False

    def write(self, scores: Scores) -> None:
        columns = scores.columns()
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if not self._header_written:
            table.writerow(columns)
            self._header_written = True
        table.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        pass
