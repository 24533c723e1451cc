"""Scores as tables of pyarrow, pandas and polars, with columns of the caller's in front.

Nothing changes its type on the way: scores keep numpy's, and columns that are carried keep theirs. A library is
imported when a table of it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from scorer import arrow
from scorer.arrow import ArrowData
from scorer.columns import Columns
from scorer.errors import BadShapeError, ParameterError

Table = Columns | ArrowData
"""Whatever has columns: a dict of them, a pandas or polars DataFrame, a pyarrow Table, a DuckDB relation."""

Named = Mapping[str, NDArray[Any]]
"""Columns by name, shape (n,) each."""


def to_arrow(scores: Named, keep: Table | None) -> Any:
    """A pyarrow.Table of the columns of `keep`, then the scores.

    Raises:
        ParameterError: `keep` has no columns, or one that is given twice, named as a score is, or of another length
            than the scores.
        BadShapeError: there is no pyarrow.
    """
    pyarrow = _library("pyarrow", "to_arrow")
    kept = _converted(_as_arrow, _columns(keep))
    _check(kept, scores)
    return pyarrow.table({**kept, **scores})


def to_pandas(scores: Named, keep: Table | None) -> Any:
    """A pandas.DataFrame of the columns of `keep`, then the scores. It has the index of `keep` if that is pandas'.

    Raises:
        ParameterError, BadShapeError: as to_arrow.
    """
    pandas = _library("pandas", "to_pandas")
    kept = _converted(partial(_as_pandas, pandas), _columns(keep))
    _check(kept, scores)
    index = keep.index if isinstance(keep, pandas.DataFrame) else None
    return pandas.DataFrame({**kept, **scores}, index=index)


def to_polars(scores: Named, keep: Table | None) -> Any:
    """A polars.DataFrame of the columns of `keep`, then the scores.

    Raises:
        ParameterError, BadShapeError: as to_arrow.
    """
    polars = _library("polars", "to_polars")
    columns = {each.name: each for each in keep} if isinstance(keep, polars.DataFrame) else _columns(keep)
    kept = _converted(polars.Series, columns)
    _check(kept, scores)
    return polars.DataFrame([*kept.values(), *(polars.Series(name, column) for name, column in scores.items())])


def _library(name: str, method: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        if name == "pyarrow":
            raise arrow.needs_pyarrow(method) from None
        raise ParameterError(method, f"needs {name}: pip install {name}") from None


def _columns(table: Any) -> dict[str, Any]:
    if table is None:
        return {}
    if callable(getattr(table, "keys", None)) and hasattr(table, "__getitem__"):
        names = list(table.keys())
        _check_names(names)
        return {name: table[name] for name in names}
    if arrow.speaks(table):
        try:
            return dict(arrow.columns(table))
        except BadShapeError as error:
            raise ParameterError("keep", str(error)) from error
    raise ParameterError("keep", f"expected columns by name, got a {type(table).__name__}")


def _converted(convert: Callable[[str, Any], Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    converted = {}
    for name, column in columns.items():
        try:
            converted[name] = convert(name, column)
        except Exception as error:  # each library has its own errors
            reason = f"column {name} is a {type(column).__name__} that cannot be carried into this kind of table"
            raise ParameterError("keep", reason) from error
    return converted


def _check_names(names: list[Any]) -> None:
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            raise ParameterError("keep", f"the name of a column is a text, not a {type(name).__name__}")
        if name in seen:
            raise ParameterError("keep", f"column {name} is given twice")
        seen.add(name)


def _check(kept: Mapping[str, Any], scores: Named) -> None:
    rows = len(next(iter(scores.values())))
    for name, column in kept.items():
        if name in scores:
            raise ParameterError("keep", f"column {name} is named as a column of the scores")
        if len(column) != rows:
            raise ParameterError("keep", f"column {name} has {len(column)} rows, and the scores have {rows}")


def _as_arrow(name: str, column: Any) -> Any:
    import pyarrow

    found = arrow.column(name, column) if arrow.speaks(column) else None
    return pyarrow.array(column, from_pandas=hasattr(column, "iloc")) if found is None else found


def _as_pandas(pandas: Any, name: str, column: Any) -> Any:
    """A column without an index: pandas would align it with that of another."""
    if hasattr(column, "iloc"):
        return column.array
    found = arrow.column(name, column) if arrow.speaks(column) else None
    return column if found is None else pandas.array(found, dtype=pandas.ArrowDtype(found.type))
