"""One row, rows or columns → raw columns, one for each input that the equation uses.

Each column becomes a list, a tuple or a numpy array that `cells.read_column` can read; cells that its container marks
as missing become None or NaN. What speaks Arrow stays in its format. Containers of other libraries are recognized by
their methods; none is imported here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scorer import arrow
from scorer.arrow import ArrowColumn, ArrowData
from scorer.errors import BadRowsError, BadShapeError, Problem

Row = Mapping[str, object]
"""One row: raw cells by input name. Names that the model does not know are ignored."""

Column = Sequence[object] | NDArray[Any] | ArrowColumn
"""Raw cells, shape (n,)."""

NO_MODEL_INPUT = "the row holds none of the model's inputs"


class Columns(Protocol):
    """Columns by name, with `keys`: a dict of columns, a pandas DataFrame."""

    def keys(self) -> Any:
        """The column names."""

    def __getitem__(self, name: Any, /) -> Any:
        """One column."""


class Frame(Protocol):
    """Columns by name without `keys`: a polars DataFrame, a pyarrow Table or RecordBatch."""

    @property
    def columns(self) -> Any:
        """The column names; the columns themselves if the names are in `schema.names`."""

    def __getitem__(self, name: Any, /) -> Any:
        """One column."""


Rows = Row | Sequence[Row] | Columns | Frame | ArrowData | NDArray[Any] | np.void
"""One row, rows, or columns."""


def raw_columns(rows: Rows, known: Set[str], used: Sequence[str]) -> list[Column]:
    """Lays rows out as columns.

    Args:
        rows: as for Scorer.score.
        known: names of all inputs of the model. A row has to contain at least one; other names are ignored.
        used: names of the inputs to return.

    Returns:
        The raw cells of each used input, shape (n,) each; None where the input is absent.

    Raises:
        BadRowsError: rows that are not mappings, or contain none of the model's inputs.
        BadShapeError: neither a row, nor rows, nor columns of one length.
    """
    names = _names(rows)
    if names is not None:
        # A dict's columns may differ in length. Of a table none is touched that is not used.
        wanted = arrow.needed(names, known, known if isinstance(rows, Mapping) else used)
        present: Mapping[str, Any] = {name: rows[name] for name in wanted}  # type: ignore[call-overload, index]
    elif arrow.speaks(rows):
        present = arrow.columns(rows, known, used)
    else:
        return _transpose(rows, known, used)
    columns = [_is_column(value) for value in present.values()]
    if not columns:
        if isinstance(rows, Mapping) and not (rows and all(map(_is_column, rows.values()))):
            return _transpose([rows], known, used)
        raise BadShapeError("none of the columns is an input of the model")
    if all(columns):
        return _of_columns(present, used)
    if any(columns):
        raise BadShapeError("some of the model's inputs are single cells and some are columns")
    return [[present.get(name)] for name in used]


def _names(rows: Any) -> Collection[str] | None:
    """The names of the cells or columns of `rows`; None if it has no names."""
    if callable(getattr(rows, "keys", None)) and hasattr(rows, "__getitem__"):
        return rows.keys()  # type: ignore[no-any-return]
    if isinstance(rows, (np.ndarray, np.void)):  # structured
        return rows.dtype.names
    # Lazy results (a polars LazyFrame, a DuckDB relation) have columns too, but no __array__; an ibis Table, no length.
    if not all(hasattr(type(rows), name) for name in ("columns", "__getitem__", "__array__")) or not _has_length(rows):
        return None
    names = getattr(getattr(rows, "schema", None), "names", None)
    return names if isinstance(names, list) else rows.columns


def _has_length(rows: Any) -> bool:
    try:
        return len(rows) >= 0
    except Exception:  # ibis has its own errors
        return False


def _transpose(rows: Any, known: Set[str], used: Sequence[str]) -> list[Column]:
    if isinstance(rows, (str, bytes, bytearray)) or not isinstance(rows, Sequence):
        kind = type(rows)
        if hasattr(kind, "columns"):
            raise BadShapeError(f"a {kind.__name__} holds no rows in memory: collect or fetch them first")
        raise BadShapeError(f"expected a row, rows or columns, got a {kind.__name__}")
    problems = []
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            message = f"expected an object with the model's inputs, got a {type(row).__name__}"
            problems.append(Problem(index, None, "not_an_object", message))
        elif known.isdisjoint(row):
            problems.append(Problem(index, None, "no_model_input", NO_MODEL_INPUT))
    if problems:
        raise BadRowsError.of(problems)
    return [[row.get(name) for row in rows] for name in used]


def _of_columns(present: Mapping[str, Any], used: Sequence[str]) -> list[Column]:
    read = {
        name: _cells(name, column) if name in used or not hasattr(column, "__len__") else column
        for name, column in present.items()
    }
    lengths = {name: len(column) for name, column in read.items()}
    if len(set(lengths.values())) > 1:
        named = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise BadShapeError(f"the columns differ in length: {named}")
    absent: list[object] = [None] * next(iter(lengths.values()))
    return [read.get(name, absent) for name in used]


def _is_column(value: object) -> bool:
    if isinstance(value, (str, bytes, bytearray, Mapping)):
        return False
    if isinstance(value, Sequence):
        return True
    dimensions = getattr(value, "ndim", None)
    if dimensions is not None:  # 0 for a numpy scalar, which has the attributes below
        return bool(dimensions)
    return arrow.speaks(value) or (hasattr(value, "__array__") and hasattr(value, "__len__"))


def _cells(name: str, column: Any) -> Column:
    if isinstance(column, (list, tuple)):
        return column
    if arrow.speaks(column) and (found := arrow.column(name, column)) is not None:
        return found
    if not hasattr(column, "__array__") and not isinstance(column, memoryview):
        return list(column)
    try:
        array = np.asanyarray(column)
    except Exception as error:  # each library has its own errors
        message = f"column {name} is a {type(column).__name__} that cannot be read as a numpy array"
        raise BadShapeError(message) from error
    if array.ndim != 1:
        raise BadShapeError(f"column {name} has {array.ndim} dimensions instead of one")
    missing = _missing(array)
    array = np.asarray(array)  # without a mask
    return array if missing is None else _with_missing(array, missing)


def _missing(array: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Which cells a masked array or a StringDType marks as missing, shape (n,); None for other arrays."""
    if isinstance(array, np.ma.MaskedArray):
        return np.ma.getmaskarray(array)
    if hasattr(array.dtype, "na_object"):  # numpy's StringDType: any object, even a text
        mark = array.dtype.na_object
        return np.array([cell is mark for cell in array.tolist()], np.bool_)
    return None


def _with_missing(array: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
    """A copy with NaN or None in missing cells. (`MaskedArray.filled(None)` would fill in its default, "?".)"""
    if array.dtype.kind in "fiu":
        return np.where(missing, np.nan, array)
    if array.dtype.kind not in "bOTU":  # refused later; as objects, dates in nanoseconds would become integers
        return array
    cells = array.astype(object)
    cells[missing] = None
    return cells
