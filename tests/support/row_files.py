"""Files of rows in every format, for tests to write and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from scorer import formats
from scorer.formats.rows import cells

ROWS: list[dict[str, Any]] = [
    {"id": 7, "x5": "monday", "x12": "$1,205.10", "x31": "asia", "x81": "March", "x91": 0.793728},
    {"id": 8, "x5": "sunday", "x12": "($1,204.50)", "x31": None, "x81": "Mars", "x91": None},
    {"id": 9, "x5": None, "x12": "12", "x31": 'a "quoted",\nlevel', "x81": "May", "x91": -1e-7},
]
TYPED = ("parquet", "arrow", "arrows")
"""The formats whose columns have types."""


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in rows[0]}


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of rows, its format by its ending."""
    with path.open("wb") as file:
        writer = formats.writer(file, formats.format_of(path))
        writer.write(columns_of(rows))
        writer.close()
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, its format by its ending."""
    rows: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for batch in formats.read(file, formats.format_of(path), str(path)):
            found = cast(Any, batch.rows)
            if isinstance(found, dict):
                columns = [cells(name, column) for name, column in found.items()]
                rows += [dict(zip(found, values, strict=True)) for values in zip(*columns, strict=True)]
            else:
                rows += found
    return rows
