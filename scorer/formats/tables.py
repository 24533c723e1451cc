"""Files of rows: JSON, NDJSON and CSV, in batches that bound the memory (JSON, which has no lines, is read whole)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NoReturn, Protocol

from scorer.errors import TableError
from scorer.scorer import Row
from scorer.scores import Scores

BATCH_ROWS = 1_000
"""Rows scored at a time: numpy's cost per call is spread over them, and they take about a megabyte."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a file.

    Attributes:
        rows: dicts, or columns by name, as Scorer.score takes them.
        lines: for each row the line of the file on which it ends; empty for JSON.
    """

    rows: Sequence[Row] | Mapping[str, Sequence[object]]
    lines: Sequence[int]


def read(file: BinaryIO, form: str, name: str) -> Iterator[RowBatch]:
    """The rows of a file in batches, in order.

    Args:
        file: opened in binary mode; UTF-8, a byte order mark is skipped.
        form: one of files.FORMATS.
        name: what to call the file in errors.

    Raises:
        TableError: the file does not hold what its format says; names the line.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        if form == "csv":
            yield from _read_csv(text, name)
        elif form == "ndjson":
            yield from _read_ndjson(text, name)
        else:
            yield RowBatch(_read_json(text, name), ())
    except UnicodeDecodeError:
        raise TableError(f"{name}: not UTF-8") from None
    finally:
        text.detach()


def _read_csv(text: Iterable[str], name: str) -> Iterator[RowBatch]:
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise TableError(f"{name}: empty, without even a header line")
        repeated = sorted({column for column in header if header.count(column) > 1})
        if repeated:
            raise TableError(f"{name}: columns are given twice: {', '.join(repeated)}")
        numbered = _csv_rows(reader, len(header), name)
        # iter(call, None) holds no batch while the next one is read: at most one is in memory.
        yield from iter(lambda: _csv_batch(header, list(islice(numbered, BATCH_ROWS))), None)
    except csv.Error as error:
        raise TableError(f"{name}: line {reader.line_num}: {error}") from None


def _csv_batch(header: Sequence[str], numbered: Sequence[tuple[int, list[str]]]) -> RowBatch | None:
    if not numbered:
        return None
    lines, rows = zip(*numbered, strict=True)
    return RowBatch(dict(zip(header, zip(*rows, strict=True), strict=True)), lines)


def _csv_rows(reader: Any, width: int, name: str) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if not row:  # a blank line, which pandas skips as well
            continue
        if len(row) != width:
            raise TableError(f"{name}: line {reader.line_num}: {len(row)} fields, where the header has {width}")
        yield reader.line_num, row


def _read_ndjson(text: Iterable[str], name: str) -> Iterator[RowBatch]:
    lines = ((number, line) for number, line in enumerate(text, 1) if not line.isspace())
    yield from iter(lambda: _ndjson_batch(list(islice(lines, BATCH_ROWS)), name), None)


def _ndjson_batch(numbered: Sequence[tuple[int, str]], name: str) -> RowBatch | None:
    if not numbered:
        return None
    rows = [_parse(line, f"{name}: line {number}") for number, line in numbered]
    return RowBatch(rows, [number for number, _ in numbered])


def _read_json(text: io.TextIOWrapper, name: str) -> Sequence[Row]:
    rows = _parse(text.read(), name)
    if not isinstance(rows, (dict, list)):
        raise TableError(f"{name}: expected an object or an array of objects")
    return [rows] if isinstance(rows, dict) else rows


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise TableError(f"{place}: not JSON: nested too deeply") from None
    except ValueError as error:
        raise TableError(f"{place}: not JSON: {error}") from None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


class Writer(Protocol):
    """Writes scores in one format: each batch in turn, then the end."""

    def write(self, scores: Scores) -> None:
        """Writes a batch."""

    def close(self) -> None:
        """Writes what ends the document."""


def writer(file: BinaryIO, form: str) -> Writer:
    """A writer of answers.

    Args:
        file: opened in binary mode.
        form: one of files.FORMATS: JSON is one array, NDJSON one object a line, CSV has the answer's keys as header.
    """
    writers: dict[str, Callable[[BinaryIO], Writer]] = {"json": JSONWriter, "ndjson": NDJSONWriter, "csv": CSVWriter}
    return writers[form](file)


class NDJSONWriter:
    """One object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, scores: Scores) -> None:
        self._file.writelines(json.dumps(row).encode() + b"\n" for row in scores.to_rows())

    def close(self) -> None:
        pass


class JSONWriter:
    """One array, an element a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._separator = b"[\n"

    def write(self, scores: Scores) -> None:
        for row in scores.to_rows():
            self._file.write(self._separator + json.dumps(row).encode())
            self._separator = b",\n"

    def close(self) -> None:
        self._file.write(b"[]\n" if self._separator == b"[\n" else b"\n]\n")


class CSVWriter:
    """A header of the answer's keys, then a line a row; floats in their shortest exact form."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._header_written = False

    def write(self, scores: Scores) -> None:
        columns = scores.columns()
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if not self._header_written:
            table.writerow(columns)
            self._header_written = True
        table.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        pass
