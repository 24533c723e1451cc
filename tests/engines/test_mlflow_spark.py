"""The model directory in mlflow.pyfunc.spark_udf, on real sessions: the library's phat to the bit."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

import scorer
from tests.support.mlflow_models import USED, example, same_bits
from tests.support.skips import needs


@pytest.fixture(scope="module")
def table(spark: Any) -> Any:
    """Rows of several column types, in a few partitions."""
    from pyspark.sql import types

    texts = types.StringType()
    columns = {
        "id": types.IntegerType(),
        "x5": texts,
        "x12": types.DecimalType(12, 2),
        "x31": texts,
        "x44": types.DoubleType(),
        "x53": types.LongType(),
        "x56": types.FloatType(),
        "x58": texts,
        "x62": types.ShortType(),
        "x81": texts,
        "x91": types.DoubleType(),
    }
    nothing = (None,) * 10
    cells: list[tuple[Any, ...]] = [
        ("monday", Decimal("5547.78"), "germany", 0.1, 2**53 + 1, 0.1, "0.25", 3, "October", 0.373853),
        nothing,
        ("Monday", Decimal("-1.50"), "NA", float("nan"), None, None, "NA", None, "", float("nan")),
        ("sunday", None, None, 1e-300, -7, 2.5, " 7 ", -1, "March", None),
    ]
    rows = [(number, *cells[number % len(cells)]) for number in range(40)]
    schema = types.StructType([types.StructField(name, kind) for name, kind in columns.items()])
    return spark.createDataFrame(rows, schema).repartition(3, "id").cache()


def collected(frame: Any) -> pd.DataFrame:
    """What Spark has, in the order of its rows' ids."""
    arrived: pd.DataFrame = frame.toPandas()
    return arrived.sort_values("id", ignore_index=True)


@needs("java")
def test_spark_gets_the_scores_of_the_library_by_struct_and_by_columns(
    spark: Any, table: Any, mlflow_model: Path, model: scorer.Scorer
) -> None:
    from pyspark.sql import functions

    score = mlflow.pyfunc.spark_udf(spark, str(mlflow_model), env_manager="local")
    names = score.metadata.get_input_schema().input_names()
    assert names == USED
    expected = model.score(table.orderBy("id").toArrow())
    for called in (score(functions.struct(*reversed(USED))), score(functions.struct("*")), score(*names)):
        given = collected(table.select("id", called.alias("scores")).select("id", "scores.*"))
        assert same_bits(given[["business_outcome", "phat"]], expected)


@needs("java")
def test_the_example_of_spark_runs(
    table: Any, mlflow_model: Path, model: scorer.Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(mlflow_model, "glm")
    table.write.parquet(f"{tmp_path}/rows")
    exec(example("spark_udf").replace('"rows"', f'"{tmp_path}/rows"').replace('"scores")\n', f'"{tmp_path}/scores")\n'))
    given = pd.read_parquet("scores").sort_values("id", ignore_index=True)
    assert same_bits(given[["business_outcome", "phat"]], model.score(table.orderBy("id").toArrow()))


@needs("java")
def test_spark_can_ask_for_one_column_and_for_the_variables(
    spark: Any, table: Any, mlflow_model: Path, model: scorer.Scorer
) -> None:
    from pyspark.sql import functions

    expected = model.score(table.orderBy("id").toArrow())
    asked = {"result_type": "phat double, x91 double", "params": {"variables": True}}
    score = mlflow.pyfunc.spark_udf(spark, str(mlflow_model), env_manager="local", **asked)
    given = collected(table.select("id", score(functions.struct(*USED)).alias("scores")).select("id", "scores.*"))
    assert given["phat"].tolist() == expected.phat.tolist()
    assert given["x91"].tolist() == expected.variables["x91"].tolist()


@needs("java")
def test_a_bad_cell_fails_the_task_of_spark_and_is_named(spark: Any, mlflow_model: Path) -> None:
    from pyspark.errors import PythonException
    from pyspark.sql import functions

    score = mlflow.pyfunc.spark_udf(spark, str(mlflow_model), env_manager="local")
    bad = spark.createDataFrame([("$1",), ("secret",)], "x12 string").coalesce(1)
    with pytest.raises(PythonException, match="row 1, x12: the text is not a number") as caught:
        bad.select(score(functions.struct("x12"))).collect()
    assert "secret" not in str(caught.value)
