"""Columns of Arrow → the values that `cells` reads from the same cells one by one, and the same problems.

A dictionary's levels are read once each, texts on Arrow's buffers, numbers as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer import arrow_texts
from scorer.arrow import ArrowColumn
from scorer.cells import BadCellError, NumberReader, Reader
from scorer.errors import BadShapeError, Problem

_LARGEST_SCALE = {32: 9, 64: 18, 128: 38, 256: 76}
"""Of a decimal, by the bits of its type: beyond it pyarrow neither writes nor gives out a cell."""

Read = tuple[NDArray[Any], list[Problem]]
"""Values, shape (n,), and the problems in row order; a cell with a problem has any value."""


def read_column(reader: Reader, column: ArrowColumn) -> Read:
    """Reads one input's cells in all rows, as cells.read_column does.

    Args:
        reader: the input's reader.
        column: a pyarrow.ChunkedArray of n cells.

    Returns:
        The values, shape (n,), of the reader's dtype, and the problems in row order. The values may be those in Arrow's
        own memory, and then cannot be written to.

    Raises:
        BadShapeError: an Arrow type for neither numbers nor texts.
    """
    _check(reader.name, column.type)
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    if len(chunks) == 1:
        return _read(reader, chunks[0])
    values = np.empty(len(column), reader.dtype)
    problems: list[Problem] = []
    start = 0
    for chunk in chunks:
        part, bad = _read(reader, chunk)
        values[start : start + len(chunk)] = part
        problems += [replace(each, row=start + each.row) for each in bad]
        start += len(chunk)
    return values, problems


def _check(name: str, kind: Any) -> None:
    from pyarrow import types

    cell = kind.value_type if types.is_dictionary(kind) or types.is_run_end_encoded(kind) else kind
    known = (types.is_null, types.is_boolean, types.is_integer, types.is_floating, _is_decimal, _is_text)
    if not any(is_of(cell) for is_of in known):
        raise BadShapeError(f"column {name} has Arrow type {kind}, which holds neither numbers nor texts")


def _is_decimal(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_decimal(kind)) and abs(kind.scale) <= _LARGEST_SCALE[kind.bit_width]


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return any(is_of(kind) for is_of in (types.is_string, types.is_large_string, types.is_string_view))


def _read(reader: Reader, chunk: Any) -> Read:
    from pyarrow import types

    if types.is_run_end_encoded(chunk.type):
        return _read_levels(reader, chunk.values, _run_of_each_row(chunk))
    if types.is_dictionary(chunk.type):
        if len(chunk.dictionary) > len(chunk):  # a slice keeps all levels of its column
            return _read(reader, arrow_texts.viewless(chunk.dictionary).take(chunk.indices))
        return _read_dictionary(reader, chunk)
    if isinstance(reader, NumberReader):
        if _is_text(chunk.type):
            return _reread(reader, chunk, *arrow_texts.parse(chunk, reader.marks, reader.markers))
        if types.is_decimal(chunk.type):  # Arrow's own conversion to float64 is not rounded as Python's is
            return arrow_texts.parse(chunk.cast("string"))[0], []
        if types.is_integer(chunk.type) or types.is_floating(chunk.type):
            values = chunk.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)  # null is NaN
            return _reread(reader, chunk, values, np.isinf(values))
    elif _is_text(chunk.type):
        return _read_dictionary(reader, chunk.dictionary_encode())
    if types.is_null(chunk.type):
        return np.full(len(chunk), reader.read(None), reader.dtype), []
    return _read_one_by_one(reader, arrow_texts.cells(chunk))


def _read_dictionary(reader: Reader, chunk: Any) -> Read:
    from pyarrow import int64

    codes = chunk.indices
    if codes.null_count:
        codes = codes.cast(int64()).fill_null(len(chunk.dictionary))
    return _read_levels(reader, chunk.dictionary, codes.to_numpy(zero_copy_only=False))


def _read_levels(reader: Reader, levels: Any, codes: NDArray[Any]) -> Read:
    """Reads each level once. One that is repeated, null, or used by no row is as good as any other.

    Args:
        reader: the input's reader.
        levels: a pyarrow.Array.
        codes: the level's index for each row, shape (n,); their number for a row that is null.
    """
    if isinstance(reader, NumberReader):
        values, problems = _read(reader, levels)
    else:
        values, problems = _read_one_by_one(reader, arrow_texts.cells(levels))
    with_null = np.append(values, np.array(reader.read(None), reader.dtype))
    return with_null.take(codes), _of_rows(problems, codes)


def _run_of_each_row(chunk: Any) -> NDArray[Any]:
    ends = np.clip(chunk.run_ends.to_numpy().astype(np.int64) - chunk.offset, 0, len(chunk))
    return np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))


def _of_rows(problems: Sequence[Problem], codes: NDArray[Any]) -> list[Problem]:
    """The problems of levels as problems of the rows that have these levels."""
    if not problems:
        return []
    by_code = {problem.row: problem for problem in problems}
    rows = np.flatnonzero(np.isin(codes, list(by_code))).tolist()
    return [replace(by_code[int(codes[row])], row=row) for row in rows]


def _reread(reader: Reader, chunk: Any, values: NDArray[Any], unread: NDArray[np.bool_]) -> Read:
    """Reads the cells one by one that have been left unread."""
    rows = np.flatnonzero(unread).tolist()
    if not rows:
        return values, []
    some, problems = _read_one_by_one(reader, [arrow_texts.cell(chunk[row]) for row in rows])
    values = values.copy()
    values[rows] = some
    return values, [replace(each, row=rows[each.row]) for each in problems]


def _read_one_by_one(reader: Reader, cells: Sequence[object]) -> Read:
    values = np.zeros(len(cells), reader.dtype)
    problems = []
    for row, cell in enumerate(cells):
        try:
            values[row] = reader.read(cell)
        except BadCellError as error:
            problems.append(Problem(row, reader.name, error.code, error.message))
    return values, problems
