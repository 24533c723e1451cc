"""JSON: one object, an array of objects, or an object of columns."""

from __future__ import annotations

import json
from typing import Any, BinaryIO, NoReturn, TextIO

from scorer.errors import TableError
from scorer.formats.rows import Columns, RowBatch, cells


def read(text: TextIO, name: str) -> RowBatch:
    """The rows of a file, as one batch.

    Raises:
        TableError: not JSON; neither an object nor an array; columns that differ in length.
    """
    rows = parse(text.read(), name)
    if isinstance(rows, list):
        return RowBatch(rows, len(rows))
    if not isinstance(rows, dict):
        raise TableError(f"{name}: expected an object or an array of objects")
    if not rows or not all(isinstance(value, list) for value in rows.values()):
        return RowBatch([rows], 1)
    lengths = {column: len(values) for column, values in rows.items()}
    count = next(iter(lengths.values()))
    other = next((column for column, length in lengths.items() if length != count), None)
    if other is not None:
        first = next(iter(lengths))
        raise TableError(f"{name}: the columns differ in length: {first} has {count}, {other} has {lengths[other]}")
    return RowBatch(rows, count, names=list(rows))


def parse(text: str, name: str) -> Any:
    """The value of a JSON text; NaN and infinities are refused.

    Raises:
        TableError: not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise TableError(f"{name}: not JSON: nested too deeply") from None
    except ValueError as error:
        raise TableError(f"{name}: not JSON: {error}") from None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def documents(columns: Columns) -> list[bytes]:
    """Rows as JSON objects. JSON has no NaN and no infinities: they become null."""
    names = list(columns)
    rows = zip(*(cells(name, column) for name, column in columns.items()), strict=True)
    return [_document(dict(zip(names, row, strict=True))).encode() for row in rows]


def _document(row: dict[str, Any]) -> str:
    try:
        return json.dumps(row, allow_nan=False)
    except ValueError:
        return json.dumps({name: cell if _is_finite(cell) else None for name, cell in row.items()})


def _is_finite(cell: object) -> bool:
    return not isinstance(cell, float) or abs(cell) < float("inf")


class JSONWriter:
    """Writes one array, one element per line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._separator = b"[\n"

    def write(self, columns: Columns) -> None:
        if rows := documents(columns):
            self._file.write(self._separator + b",\n".join(rows))
            self._separator = b",\n"

    def close(self) -> None:
        self._file.write(b"[]\n" if self._separator == b"[\n" else b"\n]\n")
