"""Arrow IPC, as a file or a stream, through pyarrow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from scorer.errors import TableError
from scorer.formats.rows import Columns, RowBatch, expect

SLICE_ROWS = 1 << 16
"""Rows scored at a time, of a batch that has more."""


def pyarrow(name: str) -> Any:
    """The module.

    Raises:
        TableError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise TableError(f"{name} needs pyarrow: pip install 'coefficient-scorer[arrow]'") from None
    return pyarrow


def read_file(file: BinaryIO, name: str, wanted: Collection[str] | None = None) -> Iterator[RowBatch]:
    """The rows of an Arrow file.

    Args:
        file: opened in binary mode; it can be sought.
        name: the file's name in errors.
        wanted: the columns to read; default: all.

    Raises:
        TableError: no Arrow file, or one that is cut off or damaged; a column given twice; no pyarrow.
    """
    pa = pyarrow(f"{name}: an Arrow file")
    need_file(file, name, "an Arrow file")
    with reading(pa, name, "Arrow file"):
        names = pa.ipc.open_file(file).schema.names
        included = _included(names, wanted, name)
        # Reads of other columns are left out; no threads, so that no batch is read ahead.
        options = pa.ipc.IpcReadOptions(included_fields=included, use_threads=False)
        reader = pa.ipc.open_file(file, options=options)
        expect(file)
        yield from _batches(reader.schema, map(reader.get_batch, range(reader.num_record_batches)), names)


def read_stream(file: BinaryIO, name: str, wanted: Collection[str] | None = None) -> Iterator[RowBatch]:
    """The rows of an Arrow stream. Arguments and errors as those of `read_file`, but that it need not be sought."""
    pa = pyarrow(f"{name}: an Arrow stream")
    with reading(pa, name, "Arrow stream"):
        reader = pa.ipc.open_stream(file)
        wanted_names = [reader.schema.names[index] for index in _included(reader.schema.names, wanted, name)]
        batches = (batch.select(wanted_names) for batch in reader)
        schema = pa.schema([reader.schema.field(column) for column in wanted_names])
        yield from _batches(schema, batches, reader.schema.names)


def _included(names: Sequence[str], wanted: Collection[str] | None, name: str) -> list[int]:
    check_names(names, name)
    return [index for index, column in enumerate(names) if wanted is None or column in wanted]


def _batches(schema: Any, batches: Iterator[Any], names: Sequence[str]) -> Iterator[RowBatch]:
    from scorer.arrow_checks import safe

    empty = True
    for batch in batches:
        batch.validate(full=True)  # what a damaged file says could crash pyarrow
        columns = {name: safe(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        for start in range(0, batch.num_rows, SLICE_ROWS):
            empty = False
            part = {name: column.slice(start, SLICE_ROWS) for name, column in columns.items()}
            yield RowBatch(part, min(SLICE_ROWS, batch.num_rows - start), names=names)
    if empty:
        yield row_batch(schema.empty_table(), names)


def row_batch(batch: Any, names: Sequence[str], total: int | None = None) -> RowBatch:
    """A RecordBatch or Table of a file as rows."""
    columns = {column: batch.column(index) for index, column in enumerate(batch.schema.names)}
    return RowBatch(columns, batch.num_rows, names=names, total=total)


def check_names(names: Sequence[str], name: str) -> None:
    """Raises TableError if a column is given twice."""
    repeated = sorted(column for column in set(names) if names.count(column) > 1)
    if repeated:
        raise TableError(f"{name}: columns are given twice: {', '.join(repeated)}")


def need_file(file: BinaryIO, name: str, what: str) -> None:
    """Raises TableError if a file cannot be sought, as a pipe."""
    if not file.seekable():
        raise TableError(f"{name}: {what} cannot be read from a pipe; an Arrow stream can")


@contextmanager
def reading(pa: Any, name: str, what: str) -> Iterator[None]:
    """Says of pyarrow's errors which file they are of."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise TableError(f"{name}: no {what}, or one that is cut off or damaged: {reason}") from None
    except UnicodeDecodeError:
        raise TableError(f"{name}: no {what}, or one that is damaged: a column's name is not UTF-8") from None


class Batcher:
    """Makes RecordBatches of columns, all with the types of the first."""

    def __init__(self) -> None:
        self.schema: Any = None

    def batch(self, columns: Columns) -> Any:
        """A RecordBatch.

        Raises:
            TableError: cells of different types in one column, or an Arrow type other than that of earlier batches.
        """
        import pyarrow as pa

        types = [None] * len(columns) if self.schema is None else self.schema.types
        arrays = [_array(name, column, kind) for (name, column), kind in zip(columns.items(), types, strict=True)]
        if self.schema is None:
            self.schema = pa.schema([(name, array.type) for name, array in zip(columns, arrays, strict=True)])
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _array(name: str, column: Any, kind: Any) -> Any:
    import pyarrow as pa

    try:
        if hasattr(column, "to_pylist"):
            array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            if pa.types.is_dictionary(array.type):  # its levels may differ from those of other batches
                array = array.dictionary_decode()
        else:
            array = pa.array(column, type=kind)
        if kind is None and pa.types.is_null(array.type):
            kind = pa.string()
        return array if kind is None or array.type == kind else array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        expected = "cells of different types" if kind is None else f"cells that are not {kind}, as those before are"
        raise TableError(f"column {name} has {expected}: only JSON, NDJSON and CSV can hold them") from None


class ArrowFileWriter:
    """Writes an Arrow file: a RecordBatch for each batch."""

    _open = "new_file"

    def __init__(self, file: BinaryIO) -> None:
        self._pa = pyarrow("writing Arrow")
        self._file = file
        self._batcher = Batcher()
        self._writer: Any = None

    def write(self, columns: Columns) -> None:
        batch = self._batcher.batch(columns)
        if self._writer is None:
            self._writer = getattr(self._pa.ipc, self._open)(self._file, batch.schema)
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class ArrowStreamWriter(ArrowFileWriter):
    """Writes an Arrow stream: a RecordBatch for each batch."""

    _open = "new_stream"
