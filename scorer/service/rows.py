"""Request bytes → columns of raw cells; scores → response bytes. The msgspec types are made from the coefficient file.

Only the inputs that the equation uses are fields of the row type: the decoder skips the others without building them.
A body that the types do not fit is decoded a second time, cell by cell, to say what is wrong where; that path is
slower and answers errors alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from scorer.cells import BadCellError
from scorer.coefficients import CategoryInput
from scorer.errors import BadRowsError, BadShapeError, MalformedBodyError, Problem
from scorer.scorer import NO_MODEL_INPUT, Scorer, Scores

_NUMBER_CELL = float | str | None
_LEVEL_CELL = str | None


class RowCodec:
    """Decodes requests and encodes answers for one scorer."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._known = frozenset(declared.name for declared in scorer.file.inputs)
        self._names = [declared.name for declared in scorer.equation.inputs]
        self._fields = [f"f{place}" for place in range(len(self._names))]
        types = [
            _LEVEL_CELL if isinstance(declared, CategoryInput) else _NUMBER_CELL for declared in scorer.equation.inputs
        ]
        row = self._row_type("Row", [(field, kind, None) for field, kind in zip(self._fields, types, strict=True)])
        self._empty = row()
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row | list[row])  # type: ignore[valid-type]
        raw = self._row_type("RawRow", [(field, msgspec.Raw, msgspec.Raw(b"null")) for field in self._fields])
        self._raw_decoder = msgspec.json.Decoder(raw)
        self._answer = _answer_type(scorer)
        self._encoder = msgspec.json.Encoder()

    def _row_type(self, name: str, fields: list[tuple[str, Any, Any]]) -> Any:
        rename = dict(zip(self._fields, self._names, strict=True))
        return msgspec.defstruct(name, fields, rename=rename, gc=False)

    def decode(self, body: bytes) -> list[list[object]]:
        """Reads a request body.

        Args:
            body: JSON: one object, or an array of objects.

        Returns:
            For each of the equation's inputs its raw cells, one for each row.

        Raises:
            MalformedBodyError: no JSON document.
            BadShapeError: neither an object nor an array.
            BadRowsError: cells of a wrong type, or rows that are no objects or hold none of the model's inputs.
        """
        try:
            decoded = self._decoder.decode(body)
        except msgspec.ValidationError:
            self._diagnose(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBodyError(_malformed(error)) from None
        rows = decoded if isinstance(decoded, list) else [decoded]
        if self._empty in rows:
            self._require_inputs(body, rows)
        return [[getattr(row, field) for row in rows] for field in self._fields]

    def encode(self, scores: Scores) -> bytes:
        """The answer: an array with an object for each row, keys in alphabetical order."""
        columns = [column.tolist() for column in scores.columns().values()]
        return self._encoder.encode(list(map(self._answer, *columns)))

    def _require_inputs(self, body: bytes, rows: Sequence[object]) -> None:
        """Rows whose used cells are all missing must at least name one of the model's inputs, used or not."""
        raw = _raw_rows(body)
        problems = [
            Problem(index, None, "no_model_input", NO_MODEL_INPUT)
            for index, row in enumerate(rows)
            if row == self._empty and self._known.isdisjoint(_keys(raw[index]))
        ]
        if problems:
            raise BadRowsError(problems)

    def _diagnose(self, body: bytes) -> None:
        """Finds every cell and row that made the decoder refuse a body."""
        problems: list[Problem] = []
        for index, raw in enumerate(_raw_rows(body)):
            try:
                row = self._raw_decoder.decode(raw)
            except msgspec.ValidationError:
                problems.append(_not_an_object(index))
                continue
            cells = [getattr(row, field) for field in self._fields]
            if self._known.isdisjoint(_keys(raw)):
                problems.append(Problem(index, None, "no_model_input", NO_MODEL_INPUT))
            for reader, cell in zip(self._scorer.readers, cells, strict=True):
                try:
                    reader.read(_decode_cell(cell))
                except BadCellError as error:
                    problems.append(Problem(index, reader.name, error.code, error.message))
        raise BadRowsError(problems)


def _answer_type(scorer: Scorer) -> Any:
    outcome = scorer.file.outcome
    numbers = {declared.name for declared in scorer.file.inputs if not isinstance(declared, CategoryInput)}
    types: dict[str, type] = {term.variable: float if term.input in numbers else int for term in scorer.file.terms}
    types |= {outcome.name: int, outcome.probability: float}
    rename = {f"f{place}": name for place, name in enumerate(sorted(types))}
    fields = [(field, types[name]) for field, name in rename.items()]
    return msgspec.defstruct("Answer", fields, rename=rename, gc=False)


def _raw_rows(body: bytes) -> list[msgspec.Raw]:
    try:
        return _ROWS.decode(body)
    except msgspec.ValidationError:
        pass
    try:
        _OBJECT.decode(body)
    except msgspec.ValidationError:
        raise BadShapeError("expected an object or an array of objects") from None
    return [msgspec.Raw(body)]


_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _keys(raw: msgspec.Raw) -> Sequence[str]:
    return list(_OBJECT.decode(raw))


def _not_an_object(index: int) -> Problem:
    return Problem(index, None, "not_an_object", "expected an object with the model's inputs")


def _decode_cell(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:  # the one thing that does not fit no type at all: a number beyond float64
        return np.inf


def _malformed(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the body is not JSON: a text is not UTF-8"
    if isinstance(error, RecursionError):
        return "the body is not JSON that can be read: nested too deeply"
    return f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ').lower()}"
