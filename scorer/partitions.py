"""Columns that stand in the names of directories, as `year=2026/month=01/part-0.parquet`: Hive's partitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from scorer.formats.rows import RowBatch

MISSING = "__HIVE_DEFAULT_PARTITION__"
"""The directory's value where the cell is missing."""


def of_path(path: str) -> dict[str, str | None]:
    """The columns in a path's directories, each with its one cell: a text, or None if it is missing."""
    named = (part.partition("=") for part in path.split("/")[:-1] if "=" in part)
    return {unquote(name): None if value == MISSING else unquote(value) for name, _, value in named}


def add_to(batch: RowBatch, cells: Mapping[str, str | None]) -> RowBatch:
    """The batch with columns that have the same cell in every row. A column that the file has itself stays."""
    if not isinstance(batch.rows, Mapping):
        rows: list[Any] = list(batch.rows)  # of a file, so they may be anything
        return replace(batch, rows=[{**cells, **row} if isinstance(row, Mapping) else row for row in rows])
    own = batch.names or batch.rows
    added = {name: cell for name, cell in cells.items() if name not in own}
    typed = any(hasattr(column, "to_pylist") for column in batch.rows.values())
    columns = {name: _repeated(cell, batch.count, typed) for name, cell in added.items()}
    return replace(batch, rows={**batch.rows, **columns}, names=[*own, *added])


def _repeated(cell: str | None, count: int, typed: bool) -> Any:
    """A column of one cell: of pyarrow if other columns of the batch are."""
    if not typed:
        return [cell] * count
    import pyarrow as pa

    return pa.repeat(pa.scalar(cell, pa.string()), count)
