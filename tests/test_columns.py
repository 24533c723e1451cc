from __future__ import annotations

import array
import math
import sqlite3
from typing import Any, ClassVar

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scorer
from scorer.coefficients import NumberInput
from scorer.errors import BadShapeError
from tests.support.containers import (
    COLUMNS,
    FRAMES,
    KINDS,
    MODEL,
    Drawn,
    arrow_table,
    as_rows,
    said_of,
    structured,
    structured_objects,
    tables,
)
from tests.support.standin import StandIn


def test_masked_is_missing() -> None:
    column = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    assert said_of({"x91": column}) == said_of([{"x91": 1.0}, {"x91": None}])
    assert MODEL.score({"x91": column}).phat[1] == pytest.approx(0.5, abs=1e-15)
    assert (column.data.tolist(), column.mask.tolist()) == ([1.0, 2.0], [False, True])


def test_a_null_of_a_dictionary_in_a_table_is_missing() -> None:
    """pyarrow itself gives the last level for it when the column becomes a numpy array."""
    table = pa.table({"x5": pa.array(["friday", None, "monday"]).dictionary_encode()})
    assert said_of(table) == said_of([{"x5": "friday"}, {"x5": None}, {"x5": "monday"}])


@given(table=tables())
@settings(max_examples=60)
def test_columns_of_any_container_and_rows_are_one(table: dict[str, Drawn]) -> None:
    expected = said_of(as_rows(table))
    for container, column in COLUMNS.items():
        assert said_of({field: column(drawn) for field, drawn in table.items()}) == expected, container


@given(table=tables(), data=st.data())
@settings(max_examples=60)
def test_containers_may_be_mixed(table: dict[str, Drawn], data: st.DataObject) -> None:
    columns = {field: COLUMNS[data.draw(st.sampled_from([*COLUMNS]))](drawn) for field, drawn in table.items()}
    assert said_of(columns) == said_of(as_rows(table))


@given(table=tables())
@settings(max_examples=60)
def test_any_frame_and_rows_are_one(table: dict[str, Drawn]) -> None:
    expected = said_of(as_rows(table))
    for name, frame in FRAMES.items():
        assert said_of(frame(table)) == expected, name


@given(table=tables([kind for kind in KINDS if kind != "decimals"]))
@settings(max_examples=30)
def test_what_duckdb_fetches_and_rows_are_one(table: dict[str, Drawn]) -> None:
    """But for decimals, which DuckDB hands out as doubles of its own making."""
    with duckdb.connect() as connection:
        fetched = connection.from_arrow(arrow_table(table)).fetchnumpy()
    assert said_of(fetched) == said_of(as_rows(table))


def test_the_comparison_sees_a_last_bit_a_missing_cell_and_another_error() -> None:
    (mean,) = (i.imputer_mean for i in MODEL.file.inputs if isinstance(i, NumberInput) and i.name == "x91")
    said = said_of([{"x91": 1.0}, {"x91": None}])
    assert said != said_of([{"x91": math.nextafter(1.0, 2.0)}, {"x91": None}])
    assert said != said_of([{"x91": 1.0}, {"x91": mean}])
    assert said_of([{"x91": "abc"}]) != said_of([{"x91": True}])


@given(st.lists(st.none() | st.floats(width=16, allow_infinity=False), min_size=1))
@settings(max_examples=20)
def test_short_floats_are_their_value(cells: list[float | None]) -> None:
    expected = said_of([{"x91": cell} for cell in cells])
    values, missing = [0.0 if cell is None else cell for cell in cells], [cell is None for cell in cells]
    for short in (np.float16, np.float32, np.longdouble):
        assert said_of({"x91": np.ma.masked_array(np.array(values, dtype=short), missing)}) == expected
    for short in (pa.float16(), pa.float32()):
        assert said_of({"x91": pa.array(cells, pa.float64()).cast(short)}) == expected
    assert said_of({"x91": pl.Series(cells, dtype=pl.Float32)}) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
@settings(max_examples=20)
def test_buffers_of_numbers(cells: list[float]) -> None:
    buffer = array.array("d", cells)
    expected = said_of([{"x91": cell} for cell in cells])
    assert said_of({"x91": buffer}) == said_of({"x91": memoryview(buffer)}) == expected


@given(table=tables(), data=st.data())
@settings(max_examples=20)
def test_one_row_by_any_container_that_gives_its_cells_by_name(table: dict[str, Drawn], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(table["x91"].cells) - 1))
    row = as_rows(table)[index]
    expected = said_of(row)
    assert said_of([row]) == expected
    assert said_of(pd.Series(row, dtype=object)) == expected
    assert said_of(structured(table)[index]) == expected
    assert said_of(structured_objects(table)[index]) == expected
    assert said_of({field: np.array(cell) for field, cell in row.items()}) == expected
    masked_cells = {field: np.ma.masked if cell is None else cell for field, cell in row.items()}
    assert said_of(masked_cells) == said_of([masked_cells]) == expected


def test_a_row_of_sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    row = connection.execute("select 'monday' as x5, null as x91, '$2.50' as x12, 1 as other").fetchone()
    connection.close()
    assert said_of(row) == said_of({"x5": "monday", "x12": "$2.50"})


class Unreadable:
    def __array__(self) -> Any:
        raise RuntimeError("secret")

    def __len__(self) -> int:
        return 1


def test_a_column_that_numpy_cannot_read() -> None:
    message = "^column x91 is a Unreadable that cannot be read as a numpy array$"
    with pytest.raises(BadShapeError, match=message):
        MODEL.score({"x91": Unreadable()})


def test_the_mixed_types_of_a_tuple_are_not_made_one() -> None:
    assert said_of({"x91": (True, 1.5)}) == {"problems": [(0, "x91", "wrong_type")], "total": 1}
    assert said_of({"x5": ("monday", math.nan)}) == said_of([{"x5": "monday"}, {"x5": None}])


def test_names_that_the_model_does_not_know_are_ignored() -> None:
    expected = said_of([{"x91": 1.0}])
    assert said_of({"x91": [1.0], "other": 5}) == expected
    assert (
        said_of(pa.table([pa.array([True]), pa.array([False]), pa.array([1.0])], ["other", "other", "x91"])) == expected
    )
    assert said_of(pl.DataFrame({"other": [[1, 2]], "x91": [1.0]})) == expected


def test_a_data_frame(model: scorer.Scorer, stand_in: StandIn) -> None:
    frame = pd.read_csv(stand_in.test)
    expected = model.score(stand_in.rows)
    np.testing.assert_allclose(model.score(frame).phat, expected.phat, rtol=0, atol=1e-15)
    nullable = pd.read_csv(stand_in.test, dtype_backend="numpy_nullable")
    np.testing.assert_array_equal(model.score(nullable).phat, model.score(frame).phat)
    assert model.score(frame.astype({"x5": "category"})).missing == expected.missing


@pytest.mark.parametrize(
    "rows",
    [
        [],
        {"x5": [], "x12": np.array([])},
        {"x91": np.ma.masked_array([], mask=[]), "x5": pa.chunked_array([], pa.dictionary(pa.int8(), pa.string()))},
        pd.DataFrame({"x5": []}),
        pl.DataFrame({"x5": [], "x91": []}),
        pa.table({"x5": pa.array([], pa.string())}),
        np.empty(0, dtype=[("x5", "U9"), ("x91", "f8")]),
    ],
)
def test_empty_batches(rows: Any) -> None:
    assert MODEL.score(rows).to_rows() == []


def test_an_absent_column_is_missing() -> None:
    scores = MODEL.score({"x5": ["monday", "friday"]})
    assert scores.missing["x12"] == 2
    assert scores.phat.tolist() == [MODEL.score({"x5": day}).phat[0] for day in ("monday", "friday")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("abc", "expected a row, rows or columns, got a str"),
        (b"abc", "expected a row, rows or columns, got a bytes"),
        (5, "expected a row, rows or columns, got a int"),
        (None, "expected a row, rows or columns, got a NoneType"),
        (({"x5": "monday"} for _ in range(1)), "expected a row, rows or columns, got a generator"),
        (np.array([1.0]), "expected a row, rows or columns, got a ndarray"),
        (pl.Series([1.0]), "expected a row, rows or columns, got a Series"),
        ({"x5": ["monday"], "x12": [1, 2]}, "the columns differ in length: x5 has 1, x12 has 2"),
        ({"x5": pa.array(["monday"]), "x12": pl.Series([1, 2])}, "the columns differ in length: x5 has 1, x12 has 2"),
        ({"x5": "monday", "x12": [1, 2]}, "some of the model's inputs are single cells and some are columns"),
        ({"x5": "monday", "x12": pl.Series([1])}, "some of the model's inputs are single cells and some are columns"),
        ({"other": [1]}, "none of the columns is an input of the model"),
        (pd.DataFrame({"a": [1]}), "none of the columns is an input of the model"),
        (pd.DataFrame(), "none of the columns is an input of the model"),
        (pl.DataFrame({"a": [1]}), "none of the columns is an input of the model"),
        (pd.DataFrame([[1.0, 2.0]], columns=["x91", "x91"]), "column x91 is given twice"),
        (pa.table([pa.array([1.0]), pa.array([2.0])], ["x91", "x91"]), "column x91 is given twice"),
        (pl.LazyFrame({"x91": [1.0]}), "a LazyFrame holds no rows in memory: collect or fetch them first"),
        ({"x91": np.array([[1.0], [2.0]])}, "column x91 has 2 dimensions instead of one"),
        ({"x91": pl.Series([[1.0, 2.0]], dtype=pl.Array(pl.Float64, 2))}, "column x91 has Arrow type fixed_size_list"),
        (
            {"x91": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1.0])])},
            "column x91 has Arrow type sparse_union.*, which holds neither numbers nor texts",
        ),
        ({"x91": np.array([1j])}, "column x91 has dtype complex128, which holds neither numbers nor texts"),
        ({"x91": np.array([b"1"])}, r"column x91 has dtype \|S1"),
        ({"x91": pl.Series([None], dtype=pl.Datetime("ns"))}, r"column x91 has Arrow type timestamp\[ns\]"),
        ({"x5": pa.array([[1.0]])}, "column x5 has Arrow type list<item: double>, which holds neither"),
        ({"x91": pa.array([{"a": 1.0}])}, "column x91 has Arrow type struct<a: double>"),
        ({"x91": pa.array([b"1"]).dictionary_encode()}, "column x91 has Arrow type dictionary<values=binary"),
        ({"x91": pa.chunked_array([], pa.date32())}, "column x91 has Arrow type date32"),
        ({"x5": pl.Series([b"1"])}, "column x5 has Arrow type binary_view"),
        ({"x91": np.ma.masked_array(np.array([1, 2], "M8[ns]"), [True, False])}, r"column x91 has dtype datetime64"),
        ({"x91": np.ma.masked_array(np.array([1, 2], "m8[ns]"), [True, False])}, r"column x91 has dtype timedelta64"),
    ],
)
def test_shapes_that_are_refused(rows: Any, message: str) -> None:
    with pytest.raises(BadShapeError, match=message):
        MODEL.score(rows)


class Recorded(pd.DataFrame):
    """Remembers which columns were asked for."""

    asked: ClassVar[list[object]] = []

    def __getitem__(self, name: Any) -> Any:
        self.asked.append(name)
        return super().__getitem__(name)


def test_only_the_used_columns_of_a_frame_are_touched() -> None:
    frame = Recorded({f"x{index}": [None, None] for index in range(100)})
    MODEL.score(frame)
    assert frame.asked == [declared.name for declared in MODEL.equation.inputs]


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (np.array([True]), "wrong_type"),
        (np.array([np.timedelta64(5, "ns")], dtype=object), "wrong_type"),
        ([pd.NaT], "wrong_type"),
        ([bytearray(b"1")], "wrong_type"),
        (pd.Series([pd.Timestamp("2026-01-01", tz="UTC")]), "wrong_type"),
        (pl.Series([math.inf]), "not_finite"),
        (pa.array(["1e400"]), "not_finite"),
    ],
)
def test_cells_that_are_refused_in_columns_as_alone(column: Any, code: str) -> None:
    said = said_of({"x91": column})
    assert [problem[1:] for problem in said["problems"]] == [("x91", code)]


def test_bytes_are_a_cell() -> None:
    for cell in (b"12", bytearray(b"12")):
        assert said_of({"x91": cell}) == {"problems": [(0, "x91", "wrong_type")], "total": 1}


def test_rows_that_are_no_customers() -> None:
    rows = [{"x5": "monday"}, {"order": 1}, {}, ["x5"]]
    assert said_of(rows)["problems"] == [
        (1, None, "no_model_input"),
        (2, None, "no_model_input"),
        (3, None, "not_an_object"),
    ]
    assert said_of({"order": 1}) == said_of({}) == {"problems": [(0, None, "no_model_input")], "total": 1}
