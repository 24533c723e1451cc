"""NDJSON: one object per line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, TextIO

from scorer.formats.json_format import documents, parse
from scorer.formats.rows import BATCH_ROWS, Columns, RowBatch


def read(text: TextIO, name: str) -> Iterator[RowBatch]:
    """The rows of a file in batches. A file without rows gives one empty batch. Blank lines are skipped.

    Raises:
        TableError: a line is not JSON.
    """
    lines = ((number, line) for number, line in enumerate(text, 1) if not line.isspace())
    batch = _batch(list(islice(lines, BATCH_ROWS)), name)
    while True:
        yield batch  # also an empty one, if it is the only one
        del batch  # at most one is in memory while the next is read
        batch = _batch(list(islice(lines, BATCH_ROWS)), name)
        if not batch.count:
            return


def _batch(numbered: Sequence[tuple[int, str]], name: str) -> RowBatch:
    rows = [parse(line, f"{name}: line {number}") for number, line in numbered]
    return RowBatch(rows, len(rows), [number for number, _ in numbered].__getitem__)


class NDJSONWriter:
    """Writes one object per line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, columns: Columns) -> None:
        self._file.write(b"".join(document + b"\n" for document in documents(columns)))

    def close(self) -> None:
        pass
