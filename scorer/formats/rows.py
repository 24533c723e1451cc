"""What the formats have in common: batches of rows that are read, and writers of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from scorer import arrow_texts
from scorer.errors import TableError

if TYPE_CHECKING:
    from scorer.columns import Row

BATCH_ROWS = 1_000
"""Rows scored at a time: enough to spread numpy's cost per call, in about a megabyte."""

Columns = Mapping[str, Any]
"""Columns of one length by name: numpy arrays, masked where cells are missing, pyarrow arrays, sequences of cells."""


def no_line(_row: int) -> None:
    """The line of a row in a format without lines."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a file.

    Attributes:
        rows: dicts, or columns by name, as for Scorer.score: sequences, or pyarrow arrays where pyarrow has read them.
        count: how many rows.
        line_of: the number of the line on which a row ends, from 1, by the row's index in the batch; None in formats
            without lines. It may read the rows again, so only errors ask for it.
        names: of all columns that the file has, also those not read; None for dicts.
        total: how many rows the file has, where it says so.
    """

    rows: Sequence[Row] | Columns
    count: int
    line_of: Callable[[int], int | None] = no_line
    names: Sequence[str] | None = None
    total: int | None = None


class Writer(Protocol):
    """Writes columns in one format: each batch in turn, then the end."""

    def __init__(self, file: BinaryIO) -> None:
        """Takes a file that is opened in binary mode."""

    def write(self, columns: Columns) -> None:
        """Writes a batch. All batches have the same names in the same order; there is at least one batch.

        Raises:
            TableError: the format cannot hold a column.
        """

    def close(self) -> None:
        """Writes the end of the document; leaves the file open."""


def expect(file: BinaryIO, ranges: Iterable[tuple[int, int]] | None = None) -> None:
    """Tells a file which ranges of its bytes will be read, if it is one that has use for that, as one that is far away.

    Args:
        file: opened in binary mode.
        ranges: starts and ends, exclusive, each beyond the one before; default: all of the file.
    """
    if hasattr(file, "expect"):
        file.expect(ranges)


def cells(name: str, column: Any) -> Sequence[Any]:
    """A column's cells as Python values that JSON or CSV can hold: numbers and texts themselves, of other Arrow types
    (dates, decimals) the texts that Arrow makes of them; None where missing. U+FFFD stands for what is not UTF-8.

    Raises:
        TableError: an Arrow column of lists, structs or bytes.
    """
    if isinstance(column, np.ndarray):
        return column.tolist()  # type: ignore[no-any-return]
    if not hasattr(column, "to_pylist"):
        return column  # type: ignore[no-any-return]
    import pyarrow
    from pyarrow import types

    plain = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    if not any(is_of(column.type) for is_of in plain):
        try:
            column = column.cast("string")
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
            raise TableError(f"column {name} has Arrow type {column.type}, which has no text to write") from None
    return arrow_texts.cells(column)
