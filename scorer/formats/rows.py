"""What the formats have in common: batches of rows that are read, and writers of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from scorer.columns import Row
    from scorer.scores import Scores

BATCH_ROWS = 1_000
"""Rows scored at a time: enough to spread numpy's cost per call, in about a megabyte."""


def no_line(_row: int) -> None:
    """The line of a row in a format without lines."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a file.

    Attributes:
        rows: dicts, or columns by name, as for Scorer.score: tuples, or pyarrow arrays where pyarrow has read them.
        count: how many rows.
        line_of: the number of the line on which a row ends, from 1, by the row's index in the batch; None in formats
            without lines. It may read the rows again, so only errors ask for it.
    """

    rows: Sequence[Row] | Mapping[str, Any]
    count: int
    line_of: Callable[[int], int | None] = no_line


class Writer(Protocol):
    """Writes scores or rows in one format: each batch in turn, then the end."""

    def __init__(self, file: BinaryIO) -> None:
        """Takes a file that is opened in binary mode."""

    def write(self, scores: Scores) -> None:
        """Writes a batch."""

    def write_rows(self, names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
        """Writes rows as they come. Each has these names, in this order; a cell is a text, a number or None, for which
        CSV has an empty field."""

    def close(self) -> None:
        """Writes the end of the document; leaves the file open."""
