"""Scores as tables: names, types, order, and the columns that are carried along."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import scorer
from scorer import reading
from scorer.errors import ParameterError

MODEL = scorer.load()
ROWS: list[dict[str, Any]] = [{"x5": "monday", "x91": 0.5}, {"x5": None, "x12": "($2.50)"}]
SCORES = MODEL.score(ROWS)
VARIABLES = [term.variable for term in MODEL.file.terms]
DUMMIES = [term.variable for term in MODEL.file.terms if term.level is not None]
MAKERS = ("to_arrow", "to_pandas", "to_polars")


def as_dict(table: Any) -> dict[str, list[Any]]:
    """Any library's table as lists of Python's own values, by name in order."""
    if isinstance(table, pd.DataFrame):
        return {str(name): table[name].tolist() for name in table}
    columns: dict[str, list[Any]] = table.to_pydict() if isinstance(table, pa.Table) else table.to_dict(as_series=False)
    return columns


def types(table: Any) -> dict[str, str]:
    if isinstance(table, pa.Table):
        return {field.name: str(field.type) for field in table.schema}
    dtypes = table.dtypes if isinstance(table, pd.DataFrame) else table.schema
    return {str(name): str(dtype) for name, dtype in dtypes.items()}


@pytest.mark.parametrize("maker", MAKERS)
def test_outcome_and_probability_by_the_names_of_the_file(maker: str) -> None:
    table = getattr(SCORES, maker)()
    expected = {"business_outcome": SCORES.outcome.tolist(), "phat": SCORES.phat.tolist()}
    assert (as_dict(table), list(as_dict(table))) == (expected, list(expected))


@pytest.mark.parametrize(
    ("maker", "integer", "number", "dummy"),
    [
        ("to_arrow", "int64", "double", "int8"),
        ("to_pandas", "int64", "float64", "int8"),
        ("to_polars", "Int64", "Float64", "Int8"),
    ],
)
def test_variables_follow_in_the_order_in_which_they_are_summed(
    maker: str, integer: str, number: str, dummy: str
) -> None:
    table = getattr(SCORES, maker)(variables=True)
    columns = as_dict(table)
    assert list(columns) == ["business_outcome", "phat", *VARIABLES]
    assert {name: columns[name] for name in VARIABLES} == {k: v.tolist() for k, v in SCORES.variables.items()}
    of_variables = {name: dummy if name in DUMMIES else number for name in VARIABLES}
    assert types(table) == {"business_outcome": integer, "phat": number, **of_variables}


KEPT: dict[str, list[Any]] = {"id": [7, 8], "day": ["2026-01-31", None], "big": [2**63 - 1, None]}
KEEP = {
    "dict of lists": KEPT,
    "dict of arrays": {"id": np.array([7, 8]), "day": pa.array(KEPT["day"]), "big": pa.array(KEPT["big"])},
    "dict of pandas and polars": {
        "id": pd.Series([7, 8], index=[5, 6]),
        "day": pl.Series(KEPT["day"]),
        "big": pd.Series(KEPT["big"], dtype="Int64"),
    },
    "pandas": pd.DataFrame({**KEPT, "big": pd.Series(KEPT["big"], dtype="Int64")}, index=None),
    "pandas of Arrow": pa.table(KEPT).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.DataFrame(KEPT),
    "pyarrow.Table": pa.table(KEPT),
    "pyarrow.RecordBatch": pa.table(KEPT).to_batches()[0],
}


MAKES_FLOATS = ("to_pandas", "dict of lists")
"""pandas itself makes floats of a list of integers and None."""


@pytest.mark.parametrize(("maker", "keep"), sorted({*product(MAKERS, KEEP)} - {MAKES_FLOATS}))
def test_kept_columns_stand_in_front_and_keep_their_values(maker: str, keep: str) -> None:
    table = getattr(SCORES, maker)(keep=KEEP[keep])
    columns = as_dict(table)
    assert list(columns) == ["id", "day", "big", "business_outcome", "phat"]
    found = {name: [None if pd.isna(cell) else cell for cell in columns[name]] for name in KEPT}
    assert found == KEPT
    assert columns["phat"] == SCORES.phat.tolist()


@pytest.mark.parametrize("maker", MAKERS)
def test_a_relation_of_duckdb_is_kept(maker: str) -> None:
    with duckdb.connect() as connection:
        relation = connection.sql("select id::tinyint as id from (values (1), (2)) as t(id)")
        table = getattr(SCORES, maker)(keep=relation)
    assert as_dict(table)["id"] == [1, 2]
    assert types(table)["id"] in ("int8", "int8[pyarrow]", "Int8")


def test_the_index_of_a_pandas_frame_is_kept() -> None:
    keep = pd.DataFrame({"id": [7, 8]}, index=["a", "b"])
    frame = SCORES.to_pandas(keep)
    assert (frame.index.tolist(), frame["id"].tolist()) == (["a", "b"], [7, 8])
    assert frame["phat"].tolist() == SCORES.phat.tolist()
    assert SCORES.to_arrow(keep).column_names == ["id", "business_outcome", "phat"]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ({"id": [1]}, "column id has 1 rows, and the scores have 2"),
        (pl.DataFrame({"id": [1, 2, 3]}), "column id has 3 rows, and the scores have 2"),
        ({"phat": [1, 2]}, "column phat is named as a column of the scores"),
        (pa.table({"business_outcome": [1, 2]}), "column business_outcome is named as a column of the scores"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["id", "id"]), "column id is given twice"),
        (pa.table([[1, 2], [3, 4]], ["id", "id"]), "column id is given twice"),
        (pd.DataFrame([[1], [2]]), "the name of a column is a text, not a int"),
        ([1, 2], "expected columns by name, got a list"),
        (pl.Series([1, 2]), "expected a row, rows or columns, got a Series"),
    ],
)
def test_columns_that_cannot_be_kept(maker: str, keep: Any, reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        getattr(SCORES, maker)(keep=keep)
    assert str(caught.value) == f"keep: {reason}"


@pytest.mark.parametrize(
    ("maker", "column"),
    [("to_arrow", [1, "a"]), ("to_arrow", pd.Series([1, "a"])), ("to_polars", [1, "a"])],
)
def test_a_column_that_a_library_cannot_hold(maker: str, column: Any) -> None:
    kind = type(column).__name__
    reason = f"keep: column id is a {kind} that cannot be carried into this kind of table"
    with pytest.raises(ParameterError, match=f"^{reason}$"):
        getattr(SCORES, maker)(keep={"id": column})


def test_a_variable_that_is_not_asked_for_may_be_kept() -> None:
    table = SCORES.to_arrow(keep={"x12": ["$1.10", None]})
    assert table.column_names == ["x12", "business_outcome", "phat"]
    with pytest.raises(ParameterError, match="column x12 is named as a column of the scores"):
        SCORES.to_arrow(keep={"x12": ["$1.10", None]}, variables=True)


def test_no_rows_and_another_models_names(small: dict[str, Any]) -> None:
    model = scorer.Scorer(reading.parse(json.dumps(small).encode()))
    table = model.score([]).to_arrow(keep={"id": []})
    assert (table.column_names, table.num_rows) == (["id", "bought", "p"], 0)
