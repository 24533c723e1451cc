"""Parquet, through pyarrow."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

from scorer.formats.arrow_format import Batcher, check_names, need_file, pyarrow, reading, row_batch
from scorer.formats.rows import Columns, RowBatch, expect

READ_ROWS = 1 << 16
"""Rows read and scored at a time."""

_BUFFER_BYTES = 1 << 18
"""Of each column: without a buffer, pyarrow holds its bytes of a whole row group."""

GROUP_ROWS = 1 << 17
"""Rows of a row group that is written: enough that readers are fast, little enough to be held in memory."""


def read(
    file: BinaryIO, name: str, wanted: Collection[str] | None = None, categories: Collection[str] = ()
) -> Iterator[RowBatch]:
    """The rows of a Parquet file.

    Args:
        file: opened in binary mode; it can be sought.
        name: the file's name in errors.
        wanted: the columns to read; default: all.
        categories: columns that repeat few texts, to be read as dictionaries.

    Raises:
        TableError: no Parquet file, or one that is cut off or damaged; a column given twice; no pyarrow.
    """
    pa = pyarrow(f"{name}: a Parquet file")
    need_file(file, name, "a Parquet file")
    from pyarrow import parquet

    with reading(pa, name, "Parquet file"):
        metadata = parquet.read_metadata(file)
        schema = metadata.schema.to_arrow_schema()
        check_names(schema.names, name)
        columns = [column for column in schema.names if wanted is None or column in wanted]
        texts = [column for column in columns if column in categories and schema.field(column).type == pa.string()]
        source = parquet.ParquetFile(
            file, metadata=metadata, read_dictionary=texts, pre_buffer=False, buffer_size=_BUFFER_BYTES
        )
        expect(file, _ranges(metadata, columns))
        empty = True
        for batch in source.iter_batches(READ_ROWS, columns=columns, use_threads=False):
            empty = False
            yield row_batch(batch, schema.names, metadata.num_rows)
        if empty:
            yield row_batch(schema.empty_table().select(columns), schema.names, 0)


def _ranges(metadata: Any, columns: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where the columns are, in the order in which they are read."""
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        chunks = [group.column(number) for number in range(group.num_columns)]
        for chunk in chunks:
            if chunk.path_in_schema.partition(".")[0] in columns:
                start = chunk.dictionary_page_offset or chunk.data_page_offset
                yield start, start + chunk.total_compressed_size


class ParquetWriter:
    """Writes a Parquet file, a row group at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._pa = pyarrow("writing Parquet")
        self._file = file
        self._batcher = Batcher()
        self._writer: Any = None
        self._held: list[Any] = []

    def write(self, columns: Columns) -> None:
        self._held.append(self._batcher.batch(columns))
        if sum(batch.num_rows for batch in self._held) >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        if self._held:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        table = self._pa.Table.from_batches(self._held)
        self._held.clear()
        if self._writer is None:
            from pyarrow import parquet

            # Numbers that hardly repeat gain nothing from a dictionary.
            texts = [field.name for field in table.schema if field.type in (self._pa.string(), self._pa.large_string())]
            self._writer = parquet.ParquetWriter(_Sink(self._file), table.schema, use_dictionary=texts)
        self._writer.write_table(table, row_group_size=table.num_rows or None)


class _Sink(io.RawIOBase):
    """Takes what pyarrow writes to a file. A writer that an error leaves unfinished writes its end when it is deleted,
    which may be after the file was closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data) if self._file.closed else self._file.write(data)
