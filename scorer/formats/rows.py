"""What the formats have in common: batches of rows that are read, and writers of scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from scorer.columns import Row
    from scorer.scores import Scores

BATCH_ROWS = 1_000
"""Rows scored at a time: enough to spread numpy's cost per call, in about a megabyte."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a file.

    Attributes:
        rows: dicts, or columns by name, as for Scorer.score.
        lines: for each row the number of the line on which it ends, from 1; empty for JSON.
    """

    rows: Sequence[Row] | Mapping[str, Sequence[object]]
    lines: Sequence[int]


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
