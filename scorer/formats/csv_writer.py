"""Columns → CSV, the same text with and without pyarrow.

pyarrow's own writer of CSV is not used, since it quotes every text. Its texts of numbers are, where they are Python's.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from scorer.formats.rows import Columns, cells

# Python writes numbers of this size as pyarrow does, but for whole ones: 1.0, where pyarrow writes 1. Beyond it the two
# use exponents differently.
_SMALLEST, _BEYOND = 1e-4, 1e9
_SPECIAL = re.compile(rb'[,"\r\n]')


class CSVWriter:
    """Writes a header of the names, then one line per row; floats in their shortest exact form; an empty field where a
    cell is missing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._header_written = False

    def write(self, columns: Columns) -> None:
        if not self._header_written:
            self._header_written = True
            self._file.write(_by_csv([(name,) for name in columns]))
        # Importing pyarrow for this alone would take longer than it saves.
        joined = _by_arrow(list(columns.values())) if "pyarrow" in sys.modules and len(columns) > 1 else None
        if joined is None:
            self._file.write(_by_csv([_fields(cells(name, column)) for name, column in columns.items()]))
        else:
            self._file.write(joined)

    def close(self) -> None:
        pass


def _by_csv(columns: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    # A csv.writer that ends lines by a line feed alone quotes no carriage returns in fields.
    ends = any(isinstance(cell, str) and "\r" in cell for column in columns for cell in column)
    target: Any = _Lines(text) if ends else text
    csv.writer(target, lineterminator="\r\n" if ends else "\n").writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


class _Lines:
    """Ends lines by a line feed alone."""

    def __init__(self, text: io.StringIO) -> None:
        self._text = text

    def write(self, line: str) -> None:
        self._text.write(line.removesuffix("\r\n") + "\n")


def _fields(column: Sequence[Any]) -> Sequence[Any]:
    """The cells, those in JSON's own text that Python would write in its own: true and false, lists, objects."""
    if any(isinstance(cell, (bool, list, dict)) for cell in column):
        return [json.dumps(cell) if isinstance(cell, (bool, list, dict)) else cell for cell in column]
    return column


def _by_arrow(columns: Sequence[Any]) -> memoryview | None:
    """The lines of columns that can be joined as they are; None if a field needs quotes, or a column is a list."""
    import pyarrow as pa
    from pyarrow import compute

    arrays = []
    for column in columns:
        texts = _texts(pa, column)
        if texts is None:
            return None
        arrays.append(texts)
    empty = {"null_handling": "replace", "null_replacement": ""}
    last = compute.binary_join_element_wise(arrays[-1], "", "\n", **empty)
    lines = compute.binary_join_element_wise(*arrays[:-1], last, ",", **empty)
    return _data(lines)


def _texts(pa: Any, column: Any) -> Any:
    """A column as pyarrow strings, null where missing; None if a field may need quotes."""
    if isinstance(column, np.ndarray):
        return _floats(pa, column) if column.dtype.kind == "f" else pa.array(column).cast("string")
    kind = getattr(column, "type", None)
    if not isinstance(kind, pa.DataType) or not (pa.types.is_string(kind) or pa.types.is_integer(kind)):
        return None
    texts = column.cast("string")
    return None if _SPECIAL.search(_data(texts)) else texts


def _floats(pa: Any, values: NDArray[Any]) -> Any:
    from pyarrow import compute

    texts = pa.array(values).cast("string")
    numbers = np.ma.getdata(values)
    size = np.abs(numbers)
    alike = (size >= _SMALLEST) & (size < _BEYOND) & (np.floor(numbers) != numbers)
    others = ~(alike | np.ma.getmaskarray(values)) if isinstance(values, np.ma.MaskedArray) else ~alike
    if not others.any():
        return texts
    return compute.replace_with_mask(
        texts, pa.array(others), pa.array(map(repr, numbers[others].tolist()), pa.string())
    )


def _data(texts: Any) -> memoryview:
    """The bytes of strings, one after the other."""
    _, offsets, data = texts.buffers()
    if data is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])] if len(ends) else memoryview(b"")
