"""JSON: one object, or an array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NoReturn, TextIO

from scorer.errors import TableError
from scorer.formats.rows import RowBatch
from scorer.scores import Scores


def read(text: TextIO, name: str) -> Iterator[RowBatch]:
    """The rows of a file, as one batch.

    Raises:
        TableError: not JSON, or neither an object nor an array.
    """
    rows = parse(text.read(), name)
    if not isinstance(rows, (dict, list)):
        raise TableError(f"{name}: expected an object or an array of objects")
    rows = [rows] if isinstance(rows, dict) else rows
    yield RowBatch(rows, len(rows))


def parse(text: str, name: str) -> Any:
    """The value of a JSON text; NaN and infinities are refused.

    Raises:
        TableError: not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise TableError(f"{name}: not JSON: nested too deeply") from None
    except ValueError as error:
        raise TableError(f"{name}: not JSON: {error}") from None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


class JSONWriter:
    """Writes one array, one element per line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._separator = b"[\n"

    def write(self, scores: Scores) -> None:
        self.write_rows((), scores.to_rows())

    def write_rows(self, _names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
        for row in rows:
            self._file.write(self._separator + json.dumps(row).encode())
            self._separator = b",\n"

    def close(self) -> None:
        self._file.write(b"[]\n" if self._separator == b"[\n" else b"\n]\n")
