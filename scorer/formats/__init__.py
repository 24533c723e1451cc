"""Files of rows, one module for each format, read in batches to bound memory (JSON is read whole)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from scorer.errors import TableError
from scorer.formats.rows import RowBatch, Writer

FORMATS = ("json", "ndjson", "csv")
"""The formats that are read and written."""

_ENDINGS = {".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}


def format_of(path: Path) -> str:
    """The format of a file, by its ending.

    Raises:
        TableError: the ending is not known.
    """
    try:
        return _ENDINGS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(_ENDINGS)
        raise TableError(f"{path}: cannot tell the format by its ending; known are {known}") from None


def read(file: BinaryIO, file_format: str, name: str) -> Iterator[RowBatch]:
    """The rows of a file in batches, in order.

    Args:
        file: opened in binary mode; UTF-8. A byte order mark is skipped.
        file_format: one of FORMATS.
        name: the file's name in errors.

    Raises:
        TableError: the file is not valid in its format; names the line.
    """
    from scorer.formats import csv_format, json_format, ndjson_format  # here and below: a server does not need them

    if file_format == "csv":
        yield from csv_format.read(file, name)
        return
    readers = {"json": json_format.read, "ndjson": ndjson_format.read}
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from readers[file_format](text, name)
    except UnicodeDecodeError:
        raise TableError(f"{name}: not UTF-8") from None
    finally:
        text.detach()


def writer(file: BinaryIO, file_format: str) -> Writer:
    """A writer of scores or rows: JSON as one array, NDJSON as one object per line, CSV with their names as header.

    Args:
        file: opened in binary mode.
        file_format: one of FORMATS.
    """
    from scorer.formats import csv_format, json_format, ndjson_format

    writers: dict[str, type[Writer]] = {
        "csv": csv_format.CSVWriter,
        "json": json_format.JSONWriter,
        "ndjson": ndjson_format.NDJSONWriter,
    }
    return writers[file_format](file)
