"""Scoring in Spark, in a real session: as the library scores, whatever the partitions and types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import functions
from pyspark.sql.types import LongType, StructField, StructType

import scorer
from scorer import sample
from scorer.engines import spark as engine
from scorer.scorer import unpickled
from tests.support.paths import ROOT
from tests.support.row_files import columns_of
from tests.support.skips import needs

pytestmark = needs("java")

ROWS = 1_000
SPARK_TYPES = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal(38,0)", "decimal(30,12)", "string")


@pytest.fixture(scope="module")
def table(model: scorer.Scorer) -> Any:
    """Stand-in rows of all inputs, numbered."""
    return pa.table({"id": list(range(ROWS)), **columns_of(list(sample.rows(model.file, ROWS)))})


@pytest.fixture(scope="module")
def rows(spark: Any, table: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same as a DataFrame that is read from Parquet."""
    path = str(tmp_path_factory.mktemp("rows") / "rows.parquet")
    spark.createDataFrame(table).write.parquet(path)
    return spark.read.parquet(path)


@pytest.fixture(scope="module")
def expected(model: scorer.Scorer, table: Any) -> scorer.Scores:
    return model.score(table)


def phats(df: Any) -> list[float]:
    """As they are in the order of the rows' numbers."""
    return [row.phat for row in df.select("id", "phat").orderBy("id").collect()]


@pytest.mark.parametrize(("partitions", "batch_rows"), [(1, 10_000), (3, 100), (5, 7)])
def test_scores_have_the_bits_of_the_library(
    partitions: int, batch_rows: int, spark: Any, rows: Any, expected: scorer.Scores
) -> None:
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch_rows)
    try:
        found = engine.score(rows.repartition(partitions), keep=["id"], variables=True).orderBy("id").toArrow()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert found.column_names == ["id", *expected.columns()]
    for name, values in expected.columns().items():
        assert found[name].to_numpy().tobytes() == values.tobytes()


def test_the_default_keeps_all_columns_as_they_are(spark: Any, table: Any, rows: Any) -> None:
    field = StructField("number", LongType(), nullable=False, metadata={"about": "the row"})
    schema = StructType([*rows.schema.fields, field])
    numbered = spark.createDataFrame(rows.withColumn("number", functions.col("id")).collect(), schema)
    scored = engine.score(numbered)
    assert scored.schema.fields[:-2] == numbered.schema.fields
    assert scored.schema.fields[-3].metadata == {"about": "the row"}
    assert scored.dtypes[-2:] == [("business_outcome", "bigint"), ("phat", "double")]
    assert scored.select(table.column_names).orderBy("id").collect() == rows.orderBy("id").collect()


def plan(df: Any) -> str:
    text: str = df._jdf.queryExecution().executedPlan().toString()
    return text


def test_only_used_and_kept_columns_are_read(spark: Any, rows: Any, model: scorer.Scorer) -> None:
    scores = engine.score(rows, keep=["x7", "id"])
    assert scores.columns == ["x7", "id", "business_outcome", "phat"]
    spark.conf.set("spark.sql.maxMetadataStringLength", 10_000)
    try:
        read = plan(scores).partition("ReadSchema: struct<")[2].partition(">")[0]
    finally:
        spark.conf.unset("spark.sql.maxMetadataStringLength")
    assert {each.partition(":")[0] for each in read.split(",")} == {
        "id",
        "x7",
        *(declared.name for declared in model.equation.inputs),
    }


@pytest.mark.parametrize("name", ["ID", "a.b", "a`b", "x 5"])
def test_names_that_spark_finds_no_column_by_can_be_kept(name: str, rows: Any) -> None:
    two = rows.select("*", functions.lit(17).alias(name))
    scored = engine.score(two, keep=["id", name])
    assert scored.columns == ["id", name, "business_outcome", "phat"]
    assert scored.toDF("id", "other", "outcome", "phat").first().other == 17


@pytest.mark.parametrize("kind", SPARK_TYPES)
def test_numbers_of_each_type_are_read_as_by_the_library(kind: str, spark: Any, model: scorer.Scorer) -> None:
    numbers = spark.sql(f"select id, cast(n as {kind}) as x91 from values (0, '1'), (1, null), (2, '-7') as t(id, n)")
    absent = [functions.lit(None).alias(each.name) for each in model.equation.inputs if each.name != "x91"]
    found = phats(engine.score(numbers.select("*", *absent), keep=["id"]))
    assert found == model.score({"x91": [1, None, -7]}).phat.tolist()


LARGE = 2**53 + 1
CELLS = {
    "nan": (["cast('nan' as double)", "null", "0.5d"], [None, None, 0.5]),
    "large integers beside null": ([f"{LARGE}L", "null", f"{-LARGE}L"], [LARGE, None, -LARGE]),
    "void": (["null"], [None]),
    "amounts": (["'$1,204.50'", "'(2)'", "'NA'"], ["$1,204.50", "(2)", None]),
    "decimals": (["3632556990.99", "0.1", "null"], ["3632556990.99", "0.1", None]),
}


@pytest.mark.parametrize(("written", "cells"), CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("way", ["score", "udf", "pandas_udf"])
def test_cells_are_read_as_by_the_library(
    way: str, written: list[str], cells: list[Any], spark: Any, model: scorer.Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "pandas_udf":
        monkeypatch.delattr(functions, "arrow_udf")
    values = ", ".join(f"({index}, {cell})" for index, cell in enumerate(written))
    df = spark.sql(f"select id, x12 from values {values} as t(id, x12)")
    absent = [functions.lit(None).alias(each.name) for each in model.equation.inputs if each.name != "x12"]
    df = df.select("*", *absent)
    scored = engine.score(df) if way == "score" else df.select("id", engine.udf()().phat.alias("phat"))
    assert phats(scored) == model.score({"x12": cells}).phat.tolist()


def test_a_boolean_is_a_bad_cell_as_in_the_library(rows: Any, model: scorer.Scorer) -> None:
    other = rows.withColumn("x91", functions.expr("if(id = 3, true, null)"))
    (bad,) = engine.score(other, keep=["id"], on_error="report").where("problems is not null").collect()
    with pytest.raises(scorer.BadRowsError) as error:
        model.score({"x91": [True]})
    (problem,) = error.value.problems
    assert (bad.id, bad.phat, bad.business_outcome) == (3, None, None)
    assert [tuple(each) for each in bad.problems] == [(problem.field, problem.code, problem.message)]


@pytest.mark.parametrize("large", ["false", "true"])
def test_a_report_has_every_row(large: str, spark: Any, rows: Any, expected: scorer.Scores) -> None:
    other = rows.withColumn("x12", functions.expr("if(id % 100 = 7, 'a secret', x12)"))
    spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", large)
    try:
        found = engine.score(other, keep=["id"], on_error="report").orderBy("id").collect()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")
    for row, phat in zip(found, expected.phat.tolist(), strict=True):
        assert row.phat == (None if row.id % 100 == 7 else phat)
        assert (row.problems is None) == (row.id % 100 != 7)


@pytest.mark.parametrize(
    ("keep", "named"),
    [(["id", "x5", "x12"], "row with id=8"), (None, "row with id=8"), (["x5"], "row 8 of a batch")],
)
def test_an_error_names_the_row_and_no_cell(keep: list[str] | None, named: str, rows: Any) -> None:
    other = rows.coalesce(1).orderBy("id").withColumn("x12", functions.expr("if(id = 8, 'a secret', x12)"))
    with pytest.raises(Exception, match="RowsError") as error:
        engine.score(other, keep=keep).collect()
    assert (
        str(error.value).strip().splitlines()[-1] == f"scorer.errors.RowsError: {named}: x12: the text is not a number"
    )
    assert "secret" not in str(error.value)


def test_a_column_expression_gives_the_same_bits(spark: Any, rows: Any, expected: scorer.Scores) -> None:
    score = engine.udf(variables=True)
    by_name = rows.withColumn("scores", score()).select("id", "scores.*")
    whole = rows.select("id", score(functions.struct("*")).alias("scores")).select("id", "scores.*")
    spark.udf.register("score", score)
    rows.createOrReplaceTempView("rows")
    by_sql = spark.sql("select id, s.* from (select id, score(struct(*)) as s from rows)")
    for way in (by_name, whole, by_sql):
        assert way.columns == ["id", *expected.columns()]
        assert phats(way) == expected.phat.tolist()


def test_a_column_expression_reports_and_names_rows(rows: Any, expected: scorer.Scores) -> None:
    other = rows.withColumn("x12", functions.expr("if(id = 8, 'a secret', x12)"))
    scored = other.select("id", engine.udf(on_error="report")().alias("s")).select("id", "s.*")
    assert [row.id for row in scored.where("problems is not null").collect()] == [8]
    assert phats(scored) == [*expected.phat[:8], None, *expected.phat[9:]]
    with pytest.raises(Exception, match="RowsError: row with id=8: x12: the text is not a number"):
        other.select(engine.udf()(functions.struct("*"))).collect()


def test_a_struct_that_is_null_has_no_scores(rows: Any) -> None:
    given = functions.when(functions.col("id") > 1, functions.struct("*"))
    scored = rows.select("id", engine.udf()(given).alias("scores"))
    assert [row.id for row in scored.where("scores is null").orderBy("id").collect()] == [0, 1]


def test_without_arrow_udf_pandas_gives_the_same(
    rows: Any, expected: scorer.Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in pyspark 4.0."""
    monkeypatch.delattr(functions, "arrow_udf")
    score = engine.udf(variables=True, on_error="report")
    other = rows.withColumn("x12", functions.expr("if(id = 8, 'a secret', x12)"))
    scored = other.withColumn("s", score()).select("id", "s.*")
    assert "ArrowEvalPython" in plan(scored)
    assert scored.columns == ["id", *expected.columns(), "problems"]
    assert phats(scored) == [*expected.phat[:8], None, *expected.phat[9:]]
    (bad,) = scored.where("problems is not null").collect()
    assert [tuple(each) for each in bad.problems] == [("x12", "not_a_number", "the text is not a number")]


def test_the_examples_of_the_page_run(spark: Any, rows: Any, expected: scorer.Scores, tmp_path: Path) -> None:
    """With the files in another directory: Spark has one of its own."""
    section = (ROOT / "docs" / "engines.md").read_text().partition("\n## Spark\n")[2].partition("\n## ")[0]
    by_sql, report = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"session": spark, "spark": engine, "rows": rows}
    exec(by_sql, names)
    assert phats(names["scores"]) == expected.phat.tolist()
    names["rows"] = rows.withColumn("x12", functions.expr("if(id % 100 = 7, 'a secret', x12)"))
    exec(report.replace('parquet("', f'parquet("{tmp_path}/'), names)
    good, bad = (spark.read.parquet(str(tmp_path / name)) for name in ("good.parquet", "bad.parquet"))
    assert phats(good) == [phat for row, phat in enumerate(expected.phat.tolist()) if row % 100 != 7]
    assert bad.columns == ["id", "field", "code", "message"]
    assert [(row.id, row.field) for row in bad.orderBy("id").collect()] == [(row, "x12") for row in range(7, ROWS, 100)]


def certified_by_process(spark: Any) -> dict[int, int]:
    """How many files the session's Python processes have certified."""

    def count(batches: Iterator[Any]) -> Iterator[Any]:
        import os

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"process": [os.getpid()], "certified": [unpickled.cache_info().misses]})

    found = spark.range(0, 64, 1, 8).mapInArrow(count, "process long, certified long").collect()
    return {row.process: row.certified for row in found}


def test_each_process_certifies_a_file_once(spark: Any, rows: Any, model: scorer.Scorer) -> None:
    """In two jobs of several partitions each, with a file that was not there before."""
    before = certified_by_process(spark)
    other = scorer.Scorer(replace(model.file, description="the same in other bytes").sealed())
    for _ in range(2):
        assert len(engine.score(rows.repartition(8), other, keep=["id"]).collect()) == ROWS
    after = certified_by_process(spark)
    assert {count - before.get(process, 0) for process, count in after.items()} in ({1}, {0, 1})
