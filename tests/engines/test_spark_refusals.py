"""What Spark's functions refuse on the driver, before anything is submitted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions

import scorer
from scorer.engines import spark as engine
from scorer.errors import BadShapeError, EditedFileError, ParameterError
from tests.support.models import SHIPPED
from tests.support.skips import needs

pytestmark = needs("java")

ROWS = 3


@pytest.fixture(scope="module")
def rows(spark: Any, model: scorer.Scorer) -> Any:
    """Rows whose cells are all missing, numbered."""
    return spark.range(ROWS).select("id", *(functions.lit(None).cast("double").alias(name) for name in model.used))


@pytest.mark.parametrize(
    "kind",
    ["date", "timestamp", "timestamp_ntz", "binary", "array<int>", "map<string, int>", "struct<a: int>", "variant"],
)
def test_types_without_cells_are_refused_on_the_driver(kind: str, rows: Any) -> None:
    other = rows.withColumn("x91", functions.expr(f"cast(null as {kind})"))
    with pytest.raises(BadShapeError, match=r"^column x91 has Spark type .+, which holds neither numbers nor texts$"):
        engine.score(other)
    assert engine.score(other.withColumnRenamed("x91", "when").withColumn("x91", functions.lit(0.5))).count() == ROWS


def jobs(spark: Any) -> list[int]:
    return list(spark.sparkContext.statusTracker().getJobIdsForGroup("refused"))


@pytest.mark.parametrize("call", [lambda rows, path: engine.score(rows, path), lambda _, path: engine.udf(path)])
def test_an_edited_file_is_refused_before_anything_is_submitted(
    call: Any, spark: Any, rows: Any, tmp_path: Path
) -> None:
    edited = Path(shutil.copy(SHIPPED, tmp_path))
    edited.write_text(edited.read_text().replace('"cutoff": 0.712', '"cutoff": 0.713'))
    spark.sparkContext.setJobGroup("refused", "")
    try:
        with pytest.raises(EditedFileError, match="edited since it was certified"):
            call(rows, edited)
        assert jobs(spark) == []
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda df: df.drop("x5", "x91"), {}, BadShapeError, "^no column x5, x91, which the equation uses$"),
        (lambda df: df.select("*", "x5"), {"keep": []}, BadShapeError, "^columns are given twice: x5$"),
        (lambda df: df.select("*", "id"), {"keep": ["id"]}, BadShapeError, "^columns are given twice: id$"),
        (lambda df: df, {"keep": ["day"]}, ParameterError, "^keep: no column day$"),
        (lambda df: df, {"keep": "id"}, ParameterError, "^keep: expected a list of names of columns$"),
        (
            lambda df: engine.score(df),
            {},
            ParameterError,
            "^keep: columns are named as columns of the scores: business",
        ),
        (lambda df: df, {"variables": True}, ParameterError, "^keep: columns are named as columns of the scores: x12"),
        (lambda df: df, {"on_error": "ignore"}, ParameterError, "^on_error: expected fail or report$"),
        (lambda df: df, {"unknown_levels": "x"}, ParameterError, "^unknown_levels: expected baseline or error$"),
        (lambda _: [], {}, ParameterError, "^df: expected a Spark DataFrame, got a list$"),
    ],
)
def test_what_cannot_be_scored_is_told_by_the_driver(
    change: Any, options: Any, error: type[Exception], message: str, rows: Any
) -> None:
    with pytest.raises(error, match=message):
        engine.score(change(rows), **options)
