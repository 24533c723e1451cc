"""JSON as columns, `{"x5": ["monday", …], "x12": […]}`: a cell is never a list, so a list is always a column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import NoneType
from typing import Any, NamedTuple

import msgspec
import numpy as np

from scorer.coefficients import Input
from scorer.errors import BadShapeError, TooManyRowsError

Body = bytes | bytearray | memoryview

_OPENING = re.compile(rb"[ \t\r\n]*\{")
_DECODERS: Sequence[tuple[Any, set[type]]] = [
    (msgspec.json.Decoder(list[float | None]).decode, {float, NoneType}),
    (msgspec.json.Decoder(list[str | None]).decode, {str, NoneType}),
    (msgspec.json.Decoder(list[float | str | None]).decode, {float, str, NoneType}),
]
"""The types of a column's cells, the fastest to read first: most columns hold only one, and fail the others at once."""
_CELLS = msgspec.json.Decoder(list[msgspec.Raw]).decode
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class JSONColumns(NamedTuple):
    """The columns of a document.

    Attributes:
        table: cells by name.
        kinds: for each column a set that contains the types of all its cells, where they are known.
    """

    table: dict[str, list[Any]]
    kinds: dict[str, set[type]]


class ColumnsDecoder:
    """Decodes the documents of one model. The columns that its equation does not use are skipped."""

    def __init__(self, used: Sequence[Input], inputs: Sequence[Input]) -> None:
        """Makes a decoder.

        Args:
            used: the inputs that the equation uses.
            inputs: all of the model's.
        """
        names = [declared.name for declared in used]
        self._used = names, _fields_of(names)
        others = sorted({declared.name for declared in inputs} - set(names))
        self._others = others, _fields_of(others)

    def decode(self, body: Body, max_rows: int) -> JSONColumns | None:
        """The columns of a document; None where it is not an object with a column.

        Args:
            body: the document.
            max_rows: the most cells of a column.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError: not JSON.
            BadShapeError: some of the model's inputs are columns and some are single cells.
            TooManyRowsError: a longer column.
        """
        if not _OPENING.match(body):
            return None
        for names, decode in (self._used, self._others):
            fields = zip(names, msgspec.structs.astuple(decode(body)), strict=True)
            present = {name: text for name, raw in fields if (text := bytes(raw))}
            columns = [raw.startswith(b"[") for raw in present.values()]
            if any(columns) and not all(columns):
                raise BadShapeError("some of the model's inputs are single cells and some are columns")
            if any(columns):
                return _decode(present, max_rows)
            if columns:
                return None
        return None


def _fields_of(names: Sequence[str]) -> Any:
    """A decoder of the JSON of each of these keys' values. It gives no bytes for a key that is absent."""
    fields = {f"f{index}": name for index, name in enumerate(names)}
    types = [(field, msgspec.Raw, msgspec.Raw()) for field in fields]
    return msgspec.json.Decoder(msgspec.defstruct("Columns", types, rename=fields, gc=False)).decode


def _decode(present: dict[str, bytes], max_rows: int) -> JSONColumns:
    columns = JSONColumns({}, {})
    for name, raw in present.items():
        if raw.count(b",") >= max_rows and _TEXT.sub(b"", raw).count(b",") >= max_rows:  # before they take memory
            raise TooManyRowsError(max_rows)
        for decode, kinds in _DECODERS:
            try:
                columns.table[name] = decode(raw)
                columns.kinds[name] = kinds
                break
            except msgspec.ValidationError:
                continue
        else:
            columns.table[name] = [_decode_cell(cell) for cell in map(bytes, _CELLS(raw))]
    return columns


def _decode_cell(raw: bytes) -> Any:
    if raw[:1] in (b"[", b"{"):  # an error, whatever is in it
        return [] if raw.startswith(b"[") else {}
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:  # of JSON values, only a number beyond float64 does not fit any type
        return np.inf
