"""Why a document cannot be scored: row by row and cell by cell, for the errors. Slow, and only errors pay for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from scorer.cells import BadCellError, UnknownLevels
from scorer.columns import NO_MODEL_INPUT
from scorer.errors import BadShapeError, Problem
from scorer.scorer import Scorer
from scorer.service.codec.row_types import RowTypes

Body = bytes | bytearray | memoryview


class Diagnosis:
    """Reads the rows of one model once more, with each cell as its JSON."""

    def __init__(self, scorer: Scorer, types: RowTypes) -> None:
        self._readers = scorer.readers
        self._known = frozenset(declared.name for declared in scorer.file.inputs)
        self._columns = types.columns
        self._decoder = types.raw_decoder()

    def problems(self, raw_rows: Sequence[msgspec.Raw], unknown_levels: UnknownLevels) -> Iterator[Problem]:
        """Every bad cell and every bad row, in row order.

        Args:
            raw_rows: the document's rows.
            unknown_levels: as for Scorer.score.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError: a row is not JSON.
        """
        for index, raw in enumerate(raw_rows):
            yield from self._row_problems(index, raw, unknown_levels)

    def has_misdirected(self, body: Body, suspects: Iterable[int]) -> bool:
        """Whether one of these rows names none of the model's inputs.

        Args:
            body: the document.
            suspects: indexes of the rows whose used cells are all missing. Each has to name an input.
        """
        raw = split(body)
        return any(self._known.isdisjoint(_keys(raw[index])) for index in suspects)

    def columns(self, raw_rows: Sequence[msgspec.Raw]) -> list[list[object]]:
        """The raw cells of rows that have no problem, input by input.

        Such a document was refused for a cell that is given twice, the first one bad: the last one counts.
        """
        rows = [self._decoder.decode(raw) for raw in raw_rows]
        return [[_decode_cell(cell_of(row)) for row in rows] for cell_of in self._columns]

    def _row_problems(self, index: int, raw: msgspec.Raw, unknown_levels: UnknownLevels) -> Iterator[Problem]:
        try:
            row = self._decoder.decode(raw)
        except msgspec.ValidationError:
            yield Problem(index, None, "not_an_object", "expected an object with the model's inputs")
            return
        if self._known.isdisjoint(_keys(raw)):
            yield Problem(index, None, "no_model_input", NO_MODEL_INPUT)
        for reader, cell_of in zip(self._readers[unknown_levels], self._columns, strict=True):
            try:
                reader.read(_decode_cell(cell_of(row)))
            except BadCellError as error:
                yield Problem(index, reader.name, error.code, error.message)


def split(body: Body) -> list[msgspec.Raw]:
    """The JSON of each row of a document.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: not JSON.
        BadShapeError: neither an object nor an array.
    """
    text = bytes(body)  # a copy: Raw keeps hold of what it was decoded from
    try:
        return _ROWS.decode(text)
    except msgspec.ValidationError:
        pass
    value = _VALUE.decode(text)  # to its end: what follows a scalar may make it no JSON
    if not bytes(value).startswith(b"{"):
        raise BadShapeError("expected an object or an array of objects")
    return [value]


_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE = msgspec.json.Decoder(msgspec.Raw)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _keys(raw: msgspec.Raw) -> Sequence[str]:
    return list(_OBJECT.decode(raw))


def _decode_cell(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:  # of JSON values, only a number beyond float64 does not fit any type
        return np.inf
