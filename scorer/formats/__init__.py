"""Files of rows, one module for each format, read in batches to bound memory (JSON is read whole)."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from scorer.errors import TableError
from scorer.formats.compression import COMPRESSIONS
from scorer.formats.rows import Columns, RowBatch, Writer

FORMATS = ("json", "ndjson", "csv", "parquet", "arrow", "arrows")
"""The formats that are read and written. The last two are Arrow's file and stream."""

_COMPRESSIBLE = ("json", "ndjson", "csv", "arrows")
NAMES = (*FORMATS, *(f"{form}.{ending}" for form in _COMPRESSIBLE for ending in COMPRESSIONS))
"""The formats, and those that may be compressed with their compression, such as csv.gz."""

TEXTS = ("json", "ndjson", "csv")
"""The formats that a terminal can show."""

SEEKING = ("parquet", "arrow")
"""The formats that are not read from their beginning to their end."""

_ENDINGS = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrows",
}


def format_of(path: str | Path) -> str:
    """The format of a file, one of NAMES, by its ending.

    Raises:
        TableError: the ending is not known.
    """
    if not is_known(path):
        known = ", ".join(_ENDINGS)
        packings = " or ".join(f".{ending}" for ending in COMPRESSIONS)
        raise TableError(
            f"{path}: cannot tell the format by its ending; known are {known}; "
            f"all but Parquet and Arrow files also with {packings}"
        )
    return _split(path)[1]


def is_known(path: str | Path) -> bool:
    """Whether a file's ending tells its format."""
    return _split(path)[1] in NAMES


def renamed(path: str, form: str) -> str:
    """A path with the ending of a format; it stays if its own tells that format."""
    before, own = _split(path)
    if own == form:
        return path
    return f"{before if own in NAMES else path}.{form}"


def _split(path: str | Path) -> tuple[str, str]:
    """A path without its endings, and the format that they tell, if it is one of NAMES."""
    text = str(path)
    packing = Path(text).suffix if Path(text).suffix.lower().removeprefix(".") in COMPRESSIONS else ""
    ending = Path(text.removesuffix(packing)).suffix
    return text.removesuffix(ending + packing), _ENDINGS.get(ending.lower(), "") + packing.lower()


def read(
    file: BinaryIO,
    form: str,
    name: str,
    wanted: Collection[str] | None = None,
    categories: Collection[str] = (),
) -> Iterator[RowBatch]:
    """The rows of a file in batches, in order: at least one batch, which is empty if the file has no rows.

    Args:
        file: opened in binary mode. Text is UTF-8; a byte order mark is skipped.
        form: one of NAMES.
        name: the file's name in errors.
        wanted: the columns to read where the format has columns; default: all.
        categories: columns that repeat few texts; Parquet is read faster for knowing them.

    Raises:
        TableError: the file is not valid in its format; names the line if there are lines.
    """
    form, _, packed = form.partition(".")
    if not packed:
        yield from _read(file, form, name, wanted, categories)
        return
    from scorer.formats import compression

    what = COMPRESSIONS[packed]
    damaged = compression.errors()
    try:
        with compression.reader(file, packed, name) as unpacked:
            yield from _read(unpacked, form, name, wanted, categories)
    except EOFError:
        raise TableError(f"{name}: cut off: the end of its {what} data is missing") from None
    except damaged:
        raise TableError(f"{name}: no {what} data, or damaged") from None


def _read(
    file: BinaryIO, form: str, name: str, wanted: Collection[str] | None, categories: Collection[str]
) -> Iterator[RowBatch]:
    if form == "csv":
        from scorer.formats import csv_format  # here and below: a server does not need them

        yield from csv_format.read(file, name, wanted)
    elif form == "parquet":
        from scorer.formats import parquet_format

        yield from parquet_format.read(file, name, wanted, categories)
    elif form in ("arrow", "arrows"):
        from scorer.formats import arrow_format

        reader = arrow_format.read_file if form == "arrow" else arrow_format.read_stream
        yield from reader(file, name, wanted)
    else:
        yield from _read_json(file, form, name)


def _read_json(file: BinaryIO, form: str, name: str) -> Iterator[RowBatch]:
    from scorer.formats import json_format, ndjson_format

    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        if form == "json":
            yield json_format.read(text, name)
        else:
            yield from ndjson_format.read(text, name)
    except UnicodeDecodeError:
        raise TableError(f"{name}: not UTF-8") from None
    finally:
        text.detach()


def writer(file: BinaryIO, form: str, name: str = "output") -> Writer:
    """A writer of columns: JSON as one array, NDJSON as one object per line, CSV with their names as header,
    Parquet and Arrow with the types of the first batch.

    Args:
        file: opened in binary mode.
        form: one of NAMES.
        name: the file's name in errors.

    Raises:
        TableError: the format or its compression needs what is not installed.
    """
    form, _, packed = form.partition(".")
    if packed:
        from scorer.formats import compression

        stream = compression.writer(file, packed, name)
        return _Compressed(_writer(form)(stream), stream)
    return _writer(form)(file)


def _writer(form: str) -> Callable[[BinaryIO], Writer]:
    if form == "parquet":
        from scorer.formats.parquet_format import ParquetWriter

        return ParquetWriter
    if form in ("arrow", "arrows"):
        from scorer.formats.arrow_format import ArrowFileWriter, ArrowStreamWriter

        return ArrowFileWriter if form == "arrow" else ArrowStreamWriter
    from scorer.formats import csv_writer, json_format, ndjson_format

    writers: dict[str, Callable[[BinaryIO], Writer]] = {
        "csv": csv_writer.CSVWriter,
        "json": json_format.JSONWriter,
        "ndjson": ndjson_format.NDJSONWriter,
    }
    return writers[form]


class _Compressed:
    """A writer to a stream that compresses, and is closed with it."""

    def __init__(self, to: Writer, stream: Any) -> None:
        self._to = to
        self._stream = stream

    def write(self, columns: Columns) -> None:
        self._to.write(columns)

    def close(self) -> None:
        self._to.close()
        self._stream.close()
