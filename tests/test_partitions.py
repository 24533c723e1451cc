"""Columns in the names of directories."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from scorer import partitions
from scorer.formats.rows import RowBatch


@pytest.mark.parametrize(
    ("path", "cells"),
    [
        ("part-0.parquet", {}),
        ("2026/01/part-0.parquet", {}),
        ("year=2026/month=01/part-0.parquet", {"year": "2026", "month": "01"}),
        ("x5=a%2Fb%3Dc/x=1=2/part.csv", {"x5": "a/b=c", "x": "1=2"}),
        ("x5=__HIVE_DEFAULT_PARTITION__/x12=/part.csv", {"x5": None, "x12": ""}),
        ("day=1/year=2026.csv", {"day": "1"}),
    ],
)
def test_columns_of_a_path(path: str, cells: dict[str, str | None]) -> None:
    assert partitions.of_path(path) == cells


def test_the_files_own_columns_and_keys_stay() -> None:
    parsed: list[Any] = [{"id": 1}, {"id": 2, "year": 1999}, "no row"]
    rows = RowBatch(parsed, 3)
    added = partitions.add_to(rows, {"year": "2026"})
    assert added.rows == [{"id": 1, "year": "2026"}, {"id": 2, "year": 1999}, "no row"]
    columns = RowBatch({"id": [1, 2]}, 2, names=["id", "year"])
    added = partitions.add_to(columns, {"year": "2026", "month": None})
    assert (added.rows, added.names) == ({"id": [1, 2], "month": [None, None]}, ["id", "year", "month"])


def test_columns_are_of_pyarrow_if_the_files_are() -> None:
    added = partitions.add_to(RowBatch({"id": pa.array([1, 2])}, 2, names=["id"]), {"year": "2026", "month": None})
    assert isinstance(added.rows, dict)
    assert added.rows["year"].equals(pa.array(["2026", "2026"]))
    assert added.rows["month"].equals(pa.nulls(2, pa.string()))
