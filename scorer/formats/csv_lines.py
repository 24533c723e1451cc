"""On which lines rows of CSV end, found when an error asks for it."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

from scorer.formats.rows import RowBatch


def text_of(data: memoryview) -> str:
    """The text of bytes that may not be UTF-8."""
    return str(data, "utf-8", "surrogateescape")


class LineFinder:
    """Gives the lines on which rows end. It reads them again, once, when the first is asked for."""

    def __init__(self, data: memoryview, before: int) -> None:
        self._data = data
        self._before = before

    def __call__(self, row: int) -> int:
        return self._lines[row]

    @cached_property
    def _lines(self) -> list[int]:
        reader = csv.reader(io.StringIO(text_of(self._data), newline=""))
        return [self._before + reader.line_num for _ in filter(None, reader)]


def joined(batches: Sequence[RowBatch]) -> RowBatch:
    """Batches of pyarrow columns as one."""
    if len(batches) == 1:
        return batches[0]
    import pyarrow

    parts: list[Any] = [batch.rows for batch in batches]
    columns = {name: pyarrow.concat_arrays([part[name] for part in parts]) for name in parts[0]}
    ends = list(accumulate(batch.count for batch in batches))
    return RowBatch(columns, ends[-1], _finder([batch.line_of for batch in batches], ends), batches[0].names)


def _finder(finders: Sequence[Callable[[int], int | None]], ends: Sequence[int]) -> Callable[[int], int | None]:
    def line_of(row: int) -> int | None:
        index = bisect_right(ends, row)
        return finders[index](row - (ends[index - 1] if index else 0))

    return line_of
