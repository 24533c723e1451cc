"""CSV: a header of names, then one row per line.

Segments of whole rows are read by pyarrow where it can be imported. Its parser and Python's csv module give the same
texts for the segments that csv_segments finds plain; csv reads all others, and says what is wrong and on which line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Any, BinaryIO, cast

from scorer.errors import TableError
from scorer.formats.csv_lines import LineFinder, joined, text_of
from scorer.formats.csv_segments import MAX_ROW_BYTES, SEGMENT_BYTES, Cutter, Segment
from scorer.formats.rows import BATCH_ROWS, RowBatch

GATHERED_ROWS = 4_096
"""Rows that pyarrow has read are given together: scoring takes time for each batch, too."""

ARROW_BYTES = 1 << 16
"""Fewer bytes are read as fast without pyarrow, which takes time to be imported and to be called."""

_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def read(file: BinaryIO, name: str, wanted: Collection[str] | None = None) -> Iterator[RowBatch]:
    """The rows of a file, each batch as columns of texts. Blank lines are skipped, as in pandas.

    Args:
        file: opened in binary mode; UTF-8. A byte order mark is skipped.
        name: the file's name in errors.
        wanted: the columns to return; default: all.

    Raises:
        TableError: no header, a column given twice, a line with more or fewer fields than the header, a row that is too
            long, not UTF-8, or not CSV.
    """
    parser = Parser(name, wanted)
    # Unlike read, read1 returns with what is there: waiting on, read would notice Ctrl-C only with the next data.
    read_some = cast(Any, file).read1
    for chunk in iter(partial(read_some, SEGMENT_BYTES), b""):
        yield from parser.feed(chunk)
    yield from parser.finish()


class Parser:
    """Reads CSV that arrives in chunks. Texts and errors depend neither on where chunks end nor on pyarrow."""

    def __init__(self, name: str, wanted: Collection[str] | None = None, header: Sequence[str] | None = None) -> None:
        """Begins a document.

        Args:
            name: what to call it in errors.
            wanted: the columns to return, as far as the document has them; default: all.
            header: the names of all columns; default: the first line that is not blank has them.

        Raises:
            TableError: a column is given twice in `header`.
        """
        self._name = name
        self._wanted = wanted
        self._cutter = Cutter()
        self._lines = 0
        self._empty = True
        self._gathered: list[RowBatch] = []
        self._header: list[str] | None = None
        if header is not None:
            self._begin(list(header))

    def feed(self, chunk: bytes) -> Iterator[RowBatch]:
        """Takes a chunk of bytes, as it is iterated over; gives batches of rows that are complete.

        Raises:
            TableError: as `read`.
        """
        for segment in self._cutter.add(chunk):
            yield from self._read(segment)
        if self._cutter.held > MAX_ROW_BYTES:
            raise self._error(1, f"a row has more than {MAX_ROW_BYTES:,} bytes, or a quote never closes")

    def finish(self) -> Iterator[RowBatch]:
        """Gives the rest; at least one batch in all, which is empty if the document has no rows.

        Raises:
            TableError: as `read`.
        """
        yield from self._read(self._cutter.rest())
        yield from self._gather()
        if self._header is None:
            raise TableError(f"{self._name}: empty, without even a header line")
        if self._empty:
            yield RowBatch(dict.fromkeys(self._names, ()), 0, names=self._header)

    def _begin(self, header: list[str]) -> None:
        repeated = sorted(column for column, count in Counter(header).items() if count > 1)
        if repeated:
            raise TableError(f"{self._name}: columns are given twice: {', '.join(repeated)}")
        self._header = header
        self._names = [column for column in header if self._wanted is None or column in self._wanted]

    def _read(self, segment: Segment) -> Iterator[RowBatch]:
        data, lines = segment.data, self._lines + segment.lines
        if self._header is None:
            data = data[self._read_header(data) :]
        batch = self._read_with_arrow(data, lines) if segment.plain and len(data) >= max(ARROW_BYTES, 1) else None
        if batch:
            self._gathered.append(batch)
            if sum(each.count for each in self._gathered) >= GATHERED_ROWS:
                yield from self._gather()
        elif data:
            yield from self._gather()
            yield from self._read_with_csv(data)
        self._lines = lines

    def _gather(self) -> Iterator[RowBatch]:
        """Gives what pyarrow has read of several segments as one batch."""
        if batches := self._gathered:
            self._gathered = []
            self._empty = False
            yield joined(batches)

    def _read_header(self, data: memoryview) -> int:
        """Reads the first line that is not blank, if there is one; gives the number of bytes read."""
        text = text_of(data)
        lines = io.StringIO(text, newline="")
        for header, line in self._rows(lines):
            self._begin(header)
            self._lines += line
            return len(text[: lines.tell()].encode())
        return len(data)

    def _read_with_csv(self, data: memoryview) -> Iterator[RowBatch]:
        rows = self._rows(io.StringIO(text_of(data), newline=""), len(self._header or ()))
        indices = [index for index, column in enumerate(self._header or ()) if column in self._names]
        while batch := list(islice(rows, BATCH_ROWS)):
            lines = [self._lines + line for _, line in batch]
            columns = {name: tuple(row[i] for row, _ in batch) for name, i in zip(self._names, indices, strict=True)}
            self._empty = False
            yield RowBatch(columns, len(batch), lines.__getitem__, self._header)

    def _rows(self, lines: io.StringIO, width: int | None = None) -> Iterator[tuple[list[str], int]]:
        """Rows, each with the number of its last line, counted from the first one here."""
        reader = csv.reader(lines, strict=True)
        try:
            for row in filter(None, reader):
                if any(map(_NOT_UTF8.search, row)):
                    raise self._error(reader.line_num, "not UTF-8")
                if width is not None and len(row) != width:
                    raise self._error(reader.line_num, f"{len(row)} fields, where the header has {width}")
                yield row, reader.line_num
        except csv.Error as error:
            raise self._error(reader.line_num, str(error)) from None

    def _read_with_arrow(self, data: memoryview, last_line: int) -> RowBatch | None:
        """The rows as pyarrow reads them; None if it is not installed, or the rows differ in length."""
        if self._arrow is None or bytes(data[:3]) == codecs.BOM_UTF8:  # here a text, which pyarrow would leave out
            return None
        table = self._arrow(data)
        if table is None:
            return None
        columns = {column: table.column(column).combine_chunks() for column in self._names}
        count = table.num_rows
        # If each row ends one line, there are no blank lines and no line ends in fields: no need to keep the bytes.
        even = count == last_line - self._lines and data[-1] in b"\r\n"
        return RowBatch(
            columns, count, (1 + self._lines).__add__ if even else LineFinder(data, self._lines), self._header
        )

    @cached_property
    def _arrow(self) -> Callable[[memoryview], Any] | None:
        try:
            import pyarrow as pa
            from pyarrow import csv as arrow_csv
        except ImportError:
            return None
        header = self._header or []
        columns = self._names or header[:1]  # pyarrow takes an empty list for all
        read = arrow_csv.ReadOptions(column_names=header, use_threads=False, block_size=2 * MAX_ROW_BYTES)
        parse = arrow_csv.ParseOptions(newlines_in_values=True)
        convert = arrow_csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
            check_utf8=False,  # a plain segment is UTF-8
        )

        def table(data: memoryview) -> Any:
            try:
                return arrow_csv.read_csv(pa.BufferReader(data), read, parse, convert)
            except pa.ArrowInvalid:
                return None

        return table

    def _error(self, line: int, reason: str) -> TableError:
        return TableError(f"{self._name}: line {self._lines + line}: {reason}")
