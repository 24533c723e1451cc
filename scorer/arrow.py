"""Whatever speaks Arrow's PyCapsule interface → columns of pyarrow, which is imported only when such a thing comes.

pyarrow tables, polars, pandas, DuckDB and ibis all hand out their columns this way, mostly without a copy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from functools import cache
from typing import Any, Protocol

from scorer.errors import BadShapeError


class ArrowStream(Protocol):
    """A table or a chunked column, in Arrow's C stream interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule of the stream."""


class ArrowArray(Protocol):
    """A batch or an array, in Arrow's C data interface."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Capsules of schema and array."""


ArrowData = ArrowStream | ArrowArray
ArrowColumn = Any
"""A pyarrow.ChunkedArray: raw cells, shape (n,), in chunks. pyarrow has no types for mypy."""


def speaks(value: object) -> bool:
    """Whether a value hands out its data in Arrow's format. pandas does so for columns of any dtype."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


@cache
def importable() -> bool:
    """Whether pyarrow is there to read Arrow with. Imports it."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def needs_pyarrow(what: str) -> BadShapeError:
    """The error for what cannot be read, or made, without pyarrow."""
    return BadShapeError(f"{what} needs pyarrow: pip install 'coefficient-scorer[arrow]'")


def column(name: str, value: Any) -> ArrowColumn | None:
    """One column as Arrow has it; no copy where its library holds it so.

    Args:
        name: the column's name, for errors.
        value: an object that `speaks`.

    Returns:
        A pyarrow.ChunkedArray. None for what has to be read as a numpy array instead: all without pyarrow, numpy's
        arrays in a pandas Series, and Python's objects in polars.

    Raises:
        BadShapeError: the column cannot be read.
    """
    if not importable():
        if hasattr(value, "__array__"):
            return None
        raise needs_pyarrow(f"column {name} is a {type(value).__name__}, which")
    import pyarrow

    if isinstance(value, pyarrow.ChunkedArray):
        return value
    if str(getattr(value, "dtype", None)) == "Object":  # polars hands out the addresses of Python's objects
        return None
    try:
        if hasattr(value, "iloc"):
            return _of_pandas(value)
        if hasattr(value, "__arrow_c_array__"):
            return pyarrow.chunked_array([pyarrow.array(value)])
        return pyarrow.chunked_array(value)
    except Exception as error:  # each library has its own errors
        raise BadShapeError(f"column {name} is a {type(value).__name__} that cannot be read as Arrow") from error


def _of_pandas(series: Any) -> ArrowColumn | None:
    """A pandas Series of an extension dtype or of categories. Of objects or of numpy's numbers, pandas would infer an
    Arrow type that changes cells."""
    import pyarrow

    extension = series.array
    if not (hasattr(extension, "__arrow_array__") or hasattr(extension, "categories")):
        return None
    try:
        found = pyarrow.array(extension)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError):  # levels of several types
        return None
    return found if isinstance(found, pyarrow.ChunkedArray) else pyarrow.chunked_array([found])


def columns(rows: Any, known: Set[str] | None = None, used: Collection[str] | None = None) -> Mapping[str, ArrowColumn]:
    """Reads a table to its end, and holds only the columns of it that are needed.

    Args:
        rows: an object that `speaks`: a table, a batch, a stream of batches, a relation or query that gives them.
        known, used: as for `needed`; None for all columns.

    Returns:
        The columns that are needed, by name.

    Raises:
        BadShapeError: not a table; it repeats a known name; its stream breaks off; or there is no pyarrow.
    """
    kind = type(rows).__name__
    if not importable():
        raise needs_pyarrow(f"a {kind}")
    import pyarrow

    try:
        schema, batches = _open(rows if known is None or used is None else _projected(rows, known, used))
    except BadShapeError:
        raise
    except pyarrow.ArrowInvalid as error:  # a column alone
        raise BadShapeError(f"expected a row, rows or columns, got a {kind}") from error
    except Exception as error:  # whatever makes the stream has its own errors
        raise BadShapeError(f"the Arrow stream of a {kind} cannot be opened") from error
    every = schema.names
    wanted = needed(every, every if known is None else known, every if used is None else used)
    try:
        return _collect(schema, batches, wanted)
    except Exception as error:
        raise BadShapeError(f"the Arrow stream of a {kind} breaks off") from error


def _projected(rows: Any, known: Collection[str], used: Collection[str]) -> Any:
    """A DuckDB relation of the needed columns alone, since it is a query, and quicker without the others."""
    if type(rows).__name__ != "DuckDBPyRelation":
        return rows
    names = needed(rows.columns, known, used)
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    return rows.project(", ".join(quoted)) if quoted else rows


def _open(rows: Any) -> tuple[Any, Iterable[Any]]:
    import pyarrow

    if hasattr(rows, "__arrow_c_stream__"):
        reader = pyarrow.RecordBatchReader.from_stream(rows)
        return reader.schema, reader
    batch = pyarrow.record_batch(rows)
    return batch.schema, [batch]


def _collect(schema: Any, batches: Iterable[Any], names: Mapping[str, int]) -> dict[str, ArrowColumn]:
    import pyarrow

    chunks: dict[str, list[Any]] = {name: [] for name in names}
    for batch in batches:
        for name, index in names.items():
            chunks[name].append(batch.column(index))
    return {name: pyarrow.chunked_array(chunks[name], schema.field(index).type) for name, index in names.items()}


def needed(names: Iterable[str], known: Collection[str], used: Collection[str]) -> dict[str, int]:
    """The columns of a table that are needed to score it, by name with their index.

    Args:
        names: of the table's columns.
        known: names of all inputs of the model.
        used: names of the inputs that its equation uses.

    Returns:
        The used columns. A table without any gives one known column instead, which tells the number of rows.

    Raises:
        BadShapeError: a known name is there twice.
    """
    present: dict[str, int] = {}
    for index, name in enumerate(names):
        if name not in known:
            continue
        if name in present:
            raise BadShapeError(f"column {name} is given twice")
        present[name] = index
    wanted = {name: index for name, index in present.items() if name in used}
    return wanted or dict(list(present.items())[:1])
