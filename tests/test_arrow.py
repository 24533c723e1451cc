"""What speaks Arrow: streams, queries, and the columns that are asked of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import scorer
from scorer import reading
from scorer.errors import BadShapeError
from tests.support.containers import MODEL, said_of


def test_a_relation_of_duckdb_is_read() -> None:
    query = "select * from (values ('monday', 1.5, '$2.50'), (null, null, '(1.5)')) as t(x5, x91, x12)"
    with duckdb.connect() as connection:
        relation = connection.sql(query)
        expected = said_of([{"x5": "monday", "x91": 1.5, "x12": "$2.50"}, {"x12": "(1.5)"}])
        assert said_of(relation) == expected
        assert said_of(relation) == expected  # a relation is a query, so it can be read again


def test_a_relation_is_asked_for_the_used_columns_alone(small: dict[str, Any]) -> None:
    """A query that fails in a column that nobody needs is a query that can be scored."""
    model = scorer.Scorer(reading.parse(json.dumps(small).encode()))
    with duckdb.connect() as connection:
        relation = connection.sql("""select 60 as "the rate", error('unused') as unused, error('other') as "a""b" """)
        assert said_of(relation, model) == said_of([{"the rate": 60}], model)
        unused = connection.sql("select 1 as unused, error('other') as other")
        assert said_of(unused, model) == said_of([{"unused": 1}], model)
        with pytest.raises(BadShapeError, match="column the rate is given twice"):
            model.score(connection.sql("""select 1 as "the rate", 2 as "the rate" """))
        with pytest.raises(BadShapeError, match="none of the columns is an input of the model"):
            model.score(connection.sql("select 1 as other"))


def test_a_stream_that_breaks_off_is_refused_without_its_cells() -> None:
    with duckdb.connect() as connection, pytest.raises(BadShapeError) as caught:
        MODEL.score(connection.sql("select cast(x as double) as x91 from (values ('1'), ('secret')) as t(x)"))
    assert str(caught.value).startswith("the Arrow stream of a DuckDBPyRelation ")
    assert "secret" not in str(caught.value)


def test_objects_of_python_in_polars_are_read_as_such() -> None:
    column = pl.Series([1.5, "-2", None], dtype=pl.Object)
    assert said_of({"x91": column}) == said_of({"x91": [1.5, "-2", None]})


class Spoken:
    """A library of its own: all that is known of it is that it speaks Arrow."""

    def __init__(self, table: Any) -> None:
        self._table = table


class SpokenStream(Spoken):
    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class SpokenArray(Spoken):
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        capsules: tuple[object, object] = self._table.__arrow_c_array__(requested_schema)
        return capsules


def test_what_speaks_arrow_and_nothing_else_is_a_table_or_a_column() -> None:
    cells = {"x5": ["monday", None], "x12": ["$2.50", "(1)"], "other": [[1], None]}
    expected = said_of([{"x5": "monday", "x12": "$2.50"}, {"x12": "(1)"}])
    table = pa.table(cells)
    (batch,) = table.to_batches()
    assert said_of(SpokenStream(table)) == said_of(SpokenArray(batch)) == expected
    columns = {"x5": SpokenStream(table["x5"]), "x12": SpokenArray(batch["x12"])}
    assert said_of(columns) == expected


@pytest.mark.parametrize("column", [SpokenArray(pa.array([1.0])), SpokenStream(pa.chunked_array([[1.0]]))])
def test_a_column_alone_is_no_table(column: Any) -> None:
    with pytest.raises(BadShapeError, match=f"^expected a row, rows or columns, got a {type(column).__name__}$"):
        MODEL.score(column)


class Query(SpokenStream):
    """As an ibis Table: its columns would be queries of their own, and it has no length."""

    columns = ("x91",)

    def __getitem__(self, name: str) -> Any:
        raise AssertionError(name)

    def __array__(self) -> Any:
        raise AssertionError

    def __len__(self) -> int:
        raise RuntimeError("count the rows by a query")


def test_a_query_is_run_once_for_all_its_columns() -> None:
    assert said_of(Query(pa.table({"x91": [0.5]}))) == said_of([{"x91": 0.5}])


def secret_batches(table: Any) -> Iterator[Any]:
    yield from table.to_batches()
    raise ValueError("secret")


def test_a_stream_that_breaks_off_later_is_refused_without_what_it_says() -> None:
    table = pa.table({"x91": [0.5]})
    reader = pa.RecordBatchReader.from_batches(table.schema, secret_batches(table))
    with pytest.raises(BadShapeError, match=r"^the Arrow stream of a RecordBatchReader breaks off$"):
        MODEL.score(reader)
    of_column = SpokenStream(pa.RecordBatchReader.from_batches(table.schema, secret_batches(table)))
    with pytest.raises(BadShapeError, match=r"^column x91 is a SpokenStream that cannot be read as Arrow$"):
        MODEL.score({"x91": of_column})


def test_categories_of_several_types_are_read_one_by_one() -> None:
    cells = [1.5, "2", None, True]
    column = pd.Series(pd.Categorical(cells, categories=[1.5, "2", True]))
    assert said_of({"x91": column[:3]}) == said_of({"x91": cells[:3]})
    assert said_of({"x91": column}) == said_of({"x91": cells})


def test_a_reader_is_read_to_its_end_and_its_unused_columns_are_dropped() -> None:
    table = pa.table({"x91": [1.0, 2.0, None], "x0": [[1], [2], [3]]})
    reader = table.to_reader(max_chunksize=1)
    assert said_of(reader) == said_of([{"x91": 1.0}, {"x91": 2.0}, {"x91": None}])
    assert said_of(reader) == said_of([])
    assert said_of(pa.table({"x0": [[1], [2]]})) == said_of([{"x0": 1}, {"x0": 2}])


def test_scores_share_the_memory_of_plain_numbers() -> None:
    column = pa.array([0.5, 1.5])
    read = MODEL.score({"x91": column}).read[-1]
    assert read.ctypes.data == column.buffers()[1].address
    assert not read.flags.writeable
