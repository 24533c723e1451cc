"""Spark: scores of a DataFrame's rows, and a function that scores rows within a column expression. Needs pyspark.

from scorer.engines import spark

scores = spark.score(df, keep=["id"])                      # id, business_outcome, phat
scored = df.withColumn("scores", spark.udf()())            # a struct beside the other columns
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import update_wrapper
from typing import Any, Literal, get_args

from scorer.cells import UnknownLevels
from scorer.errors import BadShapeError, ParameterError
from scorer.scorer import Scorer
from scorer.store.directory import load

try:
    import pyarrow as pa
    from pyspark.sql import functions
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import BooleanType, CharType, NullType, NumericType, StringType, StructType, VarcharType
except ImportError as error:
    reason = f"scorer.engines.spark needs {error.name}: pip install 'coefficient-scorer[spark]'"
    raise ImportError(reason, name=error.name) from None

from scorer.engines.record_batches import RecordBatchScorer

Model = Scorer | str | os.PathLike[str] | None
"""A certified model, the path of a coefficient file or of a directory with a pointer, or None for the shipped one."""

OnError = Literal["fail", "report"]
"""What a bad row does: it fails its task, or has null for scores and a list of its problems."""

_READABLE = (NumericType, StringType, CharType, VarcharType, BooleanType, NullType)
"""Types whose cells are read, or told as bad one by one."""


def score(
    df: Any,
    model: Model = None,
    *,
    keep: Sequence[str] | None = None,
    variables: bool = False,
    unknown_levels: UnknownLevels = "baseline",
    on_error: OnError = "fail",
) -> Any:
    """Scores the rows of a DataFrame, also of a streaming one, by mapInArrow. Nothing is submitted yet.

    Args:
        df: a pyspark.sql.DataFrame with the columns that the equation uses; cells are as for Scorer.score.
        model: what scores. It is certified here, and once more in each Python process that scores.
        keep: columns to carry through; None for all. Only these, and those that the equation uses, are read.
        variables: whether the equation's variables are among the scores.
        unknown_levels: as for Scorer.score.
        on_error: with ``fail`` a bad row fails its task. The error names the row by its kept columns that the equation
            does not use; where all are kept, by those that are no inputs of the model. With ``report`` the row has null
            for scores, and its problems in a last column.

    Returns:
        A DataFrame with the kept columns as they are, then outcome (bigint), probability (double) and, if asked for,
        variables (double, or tinyint for dummies), in alphabetical order; with ``report`` then `problems`: an array of
        structs of field, code and message. A good row has null there.

    Raises:
        CoefficientFileError: the model is refused.
        BadShapeError: a column that the equation uses is not there, given twice, or neither of numbers nor of texts.
        ParameterError: a parameter has an invalid value, or `keep` a column that is not there or is named as a score.
    """
    if not callable(getattr(df, "mapInArrow", None)):
        raise ParameterError("df", f"expected a Spark DataFrame, got a {type(df).__name__}")
    scorer = _keeping(_scorer(model, variables, unknown_levels, on_error), keep, df.columns)
    _check_types(df.schema, scorer.model.used)
    return _mapped(df, scorer)


def udf(
    model: Model = None,
    *,
    variables: bool = False,
    unknown_levels: UnknownLevels = "baseline",
    on_error: OnError = "fail",
) -> Callable[..., Any]:
    """A function that scores rows within a column expression; `session.udf.register` takes it for SQL.

    Args:
        model, variables, unknown_levels, on_error: as for `score`. A row in an error is named by the struct's fields
            that are no inputs of the model.

    Returns:
        A function of one struct column, its fields named as the inputs, such as ``struct("*")``. Without an argument it
        takes the columns that the equation uses, by their names. It gives a struct of the scores, in the order in which
        `score` has them. A struct that is null as a whole has null for scores.

    Raises:
        CoefficientFileError: the model is refused.
        ParameterError: a parameter has an invalid value.
    """
    scorer = _scorer(model, variables, unknown_levels, on_error)
    native = _arrow_udf(scorer) if hasattr(functions, "arrow_udf") else _pandas_udf(scorer)

    def scores(rows: Any = None) -> Any:
        if rows is None:
            rows = functions.struct(*(functions.col(_quoted(name)).alias(name) for name in scorer.model.used))
        return native(rows)

    return update_wrapper(scores, native, assigned=())  # what udf.register asks for are attributes


def _arrow_udf(scorer: RecordBatchScorer) -> Any:
    def scores(rows: pa.Array) -> pa.Array:
        return scorer.structs(rows)

    return functions.arrow_udf(scores, _struct_type(scorer))


def _pandas_udf(scorer: RecordBatchScorer) -> Any:
    """For pyspark 4.0, which has no arrow_udf."""
    import pandas

    def scores(rows: Any) -> Any:
        return scorer.frame(rows)

    scores.__annotations__ = {"rows": pandas.DataFrame, "return": pandas.DataFrame}
    return functions.pandas_udf(scores, _struct_type(scorer))


def _scorer(model: Model, variables: bool, unknown_levels: UnknownLevels, on_error: OnError) -> RecordBatchScorer:
    if on_error not in get_args(OnError):
        raise ParameterError("on_error", f"expected {' or '.join(get_args(OnError))}")
    certified = model if isinstance(model, Scorer) else load(model)
    scorer = RecordBatchScorer(
        certified, variables=variables, unknown_levels=unknown_levels, report=on_error == "report"
    )
    scorer.fields()
    return scorer


def _keeping(scorer: RecordBatchScorer, keep: Sequence[str] | None, names: Sequence[str]) -> RecordBatchScorer:
    """The same, with the columns to carry through."""
    if isinstance(keep, str) or not all(isinstance(name, str) for name in keep or ()):
        raise ParameterError("keep", "expected a list of names of columns")
    kept = tuple(dict.fromkeys(names if keep is None else keep))
    named_by = None if keep is None else tuple(name for name in kept if name not in scorer.model.used)
    scorer = replace(scorer, keep=kept, named_by=named_by)
    scorer.check(names)
    scorer.check_kept(names)
    return scorer


def _check_types(schema: Any, used: Sequence[str]) -> None:
    for field in schema.fields:
        if field.name in used and not isinstance(field.dataType, _READABLE):
            kind = field.dataType.simpleString()
            raise BadShapeError(f"column {field.name} has Spark type {kind}, which holds neither numbers nor texts")


def _mapped(df: Any, scorer: RecordBatchScorer) -> Any:
    names = df.columns
    read = [index for index, name in enumerate(names) if name in {*scorer.keep, *scorer.model.used}]
    read_names = [names[index] for index in read]
    # Spark cannot find a column by a name that has a dot, or differs from another's in case alone.
    numbered = df.toDF(*map(str, range(len(names)))).select([str(index) for index in read])

    def scores(batches: Iterator[Any]) -> Iterator[Any]:
        return scorer.batches(batch.rename_columns(read_names) for batch in batches)

    kept = [df.schema.fields[names.index(name)] for name in scorer.keep]
    return numbered.mapInArrow(scores, StructType([*kept, *_struct_type(scorer).fields]))


def _struct_type(scorer: RecordBatchScorer) -> Any:
    return from_arrow_schema(pa.schema(scorer.fields()))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
