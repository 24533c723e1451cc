"""Scores a request whose body is CSV, some rows at a time while it arrives, by the parser that reads CSV files."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from scorer.errors import BadShapeError, MalformedBodyError, RowTooLargeError, TableError
from scorer.formats.csv_format import Parser
from scorer.formats.rows import RowBatch
from scorer.service.codec.table_scorer import TableScorer

_MOST_FIRST_RECORDS = 16 * 1024
"""Bytes in which the first record is looked for; it is nearly always there."""

_NAME = "the body is not CSV"
"""What the parser's errors begin with."""


class CSVScorer(TableScorer):
    """Scores one request whose body is CSV."""

    def __init__(self, header: bool | None, *arguments: Any) -> None:
        """Starts an answer.

        Args:
            header: whether the body begins with a line of names; None to tell by its first record.
            arguments: as for TableScorer.
        """
        super().__init__(*arguments)
        self._has_header = header
        self._parser: Parser | None = None
        self._cut_at = _MOST_FIRST_RECORDS

    def feed(self, chunk: bytes) -> None:
        """As StreamingScorer.feed.

        Raises:
            MalformedBodyError: not CSV.
            BadShapeError: without names of the model's inputs, and of another width than theirs.
            TooManyRowsError, RowTooLargeError: as there.
        """
        if self._parser is None:
            self._chunks.append(chunk)
            self._size += len(chunk)
            if self._size < self._cut_at:
                return
            chunk = b"".join(self._chunks)
            self._begin(chunk, is_all=False)
            if self._parser is None:
                return
        self._score(self._parser.feed(chunk))

    def finish(self) -> bytes:
        """As StreamingScorer.finish, with the errors of `feed`."""
        if self._parser is None:
            text = b"".join(self._chunks)
            self._begin(text, is_all=True)
            assert self._parser is not None
            self._score(self._parser.feed(text))
        self._score(self._parser.finish())
        return self._join()

    def _begin(self, text: bytes, is_all: bool) -> None:
        """Makes the parser, once the first record is there."""
        record = _first_record(text, is_all)
        if record is not None:
            self._chunks, self._size = [], 0
            self._parser = self._make_parser(record)
        elif self._size > self._max_row_bytes:
            raise RowTooLargeError(self._max_row_bytes)
        else:
            self._cut_at = 2 * self._size

    def _make_parser(self, record: list[str]) -> Parser:
        inputs = self._codec.tables.inputs
        has_header = self._has_header
        if has_header is None:
            has_header = not record or not self._known.isdisjoint(record)
            if not has_header and len(record) != len(inputs):
                raise BadShapeError(
                    f"the first line has no name of the model's inputs, and {len(record)} fields where the model has "
                    f"{len(inputs)} inputs"
                )
        if not has_header:
            return Parser(_NAME, self._wanted, inputs)
        return Parser(_NAME, self._choose(record) if record else ())  # without a record the parser says what is wrong

    def _score(self, batches: Iterator[RowBatch]) -> None:
        began = perf_counter()
        try:
            for batch in batches:
                self._check_rows(batch.count)
                self._score_table(batch.rows, began)  # type: ignore[arg-type]
                began = perf_counter()
        except TableError as error:
            raise MalformedBodyError(str(error)) from None


def _first_record(text: bytes, is_all: bool) -> list[str] | None:
    """The fields of the first line that is not blank; none where there is no such line. None while it may go on."""
    lines = io.StringIO(text.removeprefix(codecs.BOM_UTF8).decode(errors="replace"), newline="")
    reader = csv.reader(lines)
    try:
        record = next(filter(None, reader), None)
    except csv.Error:  # which the parser tells better
        return []
    goes_on = not is_all and (record is None or not lines.read(1))
    return None if goes_on else record or []
