"""Ways to take rows through Spark. Each gives a DataFrame that nothing has computed yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

import scorer
from bench.engines.notebook_way import Dummies, OneHot, Phat

DataFrame = Any
Way = Callable[[DataFrame], DataFrame]


def _scan(frame: DataFrame) -> DataFrame:
    return frame


def _identity(frame: DataFrame) -> DataFrame:
    return frame.mapInArrow(_unchanged, frame.schema)


def _unchanged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches


def _score(frame: DataFrame) -> DataFrame:
    from scorer.engines import spark

    return spark.score(frame)


def _score_alone(frame: DataFrame) -> DataFrame:
    from scorer.engines import spark

    return spark.score(frame, keep=())


def _udf(frame: DataFrame) -> DataFrame:
    from scorer.engines import spark

    return frame.withColumn("scores", spark.udf()())


def _dummies(frame: DataFrame) -> DataFrame:
    return _in_pandas(frame, Dummies(scorer.load()))


def _one_hot(frame: DataFrame) -> DataFrame:
    return _in_pandas(frame, OneHot(scorer.load()))


def _in_pandas(frame: DataFrame, phat: Phat) -> DataFrame:
    from pyspark.sql.functions import pandas_udf

    names = [declared.name for declared in scorer.load().equation.inputs]

    def scored(batches: Iterator[tuple[pd.Series, ...]]) -> Iterator[pd.Series]:
        for columns in batches:
            yield pd.Series(phat(pd.DataFrame(dict(zip(names, columns, strict=True)))))

    return frame.withColumn("phat", pandas_udf(scored, "double")(*names))


WAYS: dict[str, Way] = {
    "scan": _scan,
    "identity": _identity,
    "score": _score,
    "score alone": _score_alone,
    "udf": _udf,
    "one-hot": _one_hot,
    "dummies": _dummies,
}
"""By name."""
