"""NDJSON: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO, TextIO

from scorer.formats.json_format import parse
from scorer.formats.rows import BATCH_ROWS, RowBatch
from scorer.scores import Scores


def read(text: TextIO, name: str) -> Iterator[RowBatch]:
    """The rows of a file. Blank lines are skipped.

    Raises:
        TableError: a line is not JSON.
    """
    lines = ((number, line) for number, line in enumerate(text, 1) if not line.isspace())
    # iter(call, None) keeps no reference to a batch while it reads the next: at most one is in memory.
    yield from iter(lambda: _batch(list(islice(lines, BATCH_ROWS)), name), None)


def _batch(numbered: Sequence[tuple[int, str]], name: str) -> RowBatch | None:
    if not numbered:
        return None
    rows = [parse(line, f"{name}: line {number}") for number, line in numbered]
    return RowBatch(rows, len(rows), [number for number, _ in numbered].__getitem__)


class NDJSONWriter:
    """Writes one object per line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, scores: Scores) -> None:
        self.write_rows((), scores.to_rows())

    def write_rows(self, _names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
        self._file.writelines(json.dumps(row).encode() + b"\n" for row in rows)

    def close(self) -> None:
        pass
