"""Request bytes → raw cells → scores → response bytes. The msgspec types are made from the coefficient file.

Only the inputs that the equation uses are fields of the row type: the decoder skips the others without building them.
A body that the types do not fit is decoded a second time, cell by cell, to say what is wrong where; that path is
slower, and is for errors and for cells that are given twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from time import perf_counter
from typing import Any, NamedTuple, get_args

import msgspec
import numpy as np

from scorer.cells import BadCellError
from scorer.errors import (
    PROBLEMS_SHOWN,
    BadRowsError,
    BadShapeError,
    MalformedBodyError,
    Problem,
    TooDeepError,
)
from scorer.scorer import NO_MODEL_INPUT, Scorer
from scorer.scores import Scored
from scorer.service.codec.encoder import AnswerEncoder, Encoder, ExplainingEncoder
from scorer.service.codec.limits import UNLIMITED, Limits
from scorer.service.codec.options import DEFAULT_OPTIONS, Options

Body = bytes | bytearray | memoryview
_NUMBER, _TEXT = float | None, str | None
_STRICT_TYPES: dict[str, Any] = {"number": _NUMBER, "money": _TEXT, "percent": _TEXT, "category": _TEXT}
"""How clients usually write the cells of a kind: then a column is known to hold nothing else, and is read in one go."""
_ANY_TYPES: dict[str, Any] = {**dict.fromkeys(("number", "money", "percent"), float | str | None), "category": _TEXT}
"""Every way in which a cell of a kind may be written."""


SMALL_BATCH = 16
"""Batches up to this many rows are scored row by row: below it that is faster than numpy's overhead for arrays."""


class RowDecoder(NamedTuple):
    """One way to decode rows.

    Attributes:
        decoder: of a row or a list of rows.
        empty: a row without any cell.
        kinds: for each field the types that its cells may have.
    """

    decoder: msgspec.json.Decoder[Any]
    empty: Any
    kinds: Sequence[set[type]]


class SegmentResult(NamedTuple):
    """What became of some neighbouring rows of a request.

    Attributes:
        rows: how many they are.
        answer: their answer, a JSON array; empty where anything is wrong.
        scored: what it says; empty likewise.
        seconds: what decoding, scoring and encoding took.
        problems: what is wrong, the first 20, rows counted from 0.
        total: how much is wrong.
    """

    rows: int
    answer: bytes
    scored: Scored
    seconds: Sequence[float] = (0.0, 0.0, 0.0)
    problems: Sequence[Problem] = ()
    total: int = 0

    def require(self) -> bytes:
        """The answer.

        Raises:
            BadRowsError: something is wrong.
        """
        if self.total:
            raise BadRowsError(self.problems, self.total)
        return self.answer


class ResponseFormat(NamedTuple):
    """How rows are answered.

    Attributes:
        encoder: of the answers.
        report: whether a bad row is answered with its error, and the others are scored.
    """

    encoder: Encoder
    report: bool


class RowCodec:
    """Answers rows for one scorer: bytes in, bytes out.

    Attributes:
        default_format: that of a request without parameters.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._known = frozenset(declared.name for declared in scorer.file.inputs)
        self._names = [declared.name for declared in scorer.equation.inputs]
        self._fields = [f"f{place}" for place in range(len(self._names))]
        inputs = scorer.equation.inputs
        self._strict = self._layout([_STRICT_TYPES[declared.kind] for declared in inputs])
        self._any = self._layout([_ANY_TYPES[declared.kind] for declared in inputs])
        raw = self._row_type("RawRow", [(field, msgspec.Raw, msgspec.Raw(b"null")) for field in self._fields])
        self._raw_decoder = msgspec.json.Decoder(raw)
        self._getters = [attrgetter(field) for field in self._fields]
        self._cells = attrgetter(*self._fields) if len(self._fields) > 1 else lambda row: (row.f0,)
        self.default_format = ResponseFormat(AnswerEncoder(scorer), report=False)
        self._styles = {DEFAULT_OPTIONS: self.default_format}

    def response_format(self, options: Options) -> ResponseFormat:
        """The style that a request asks for."""
        if options not in self._styles:
            encoder = ExplainingEncoder if options.explain else AnswerEncoder
            self._styles[options] = ResponseFormat(encoder(self._scorer, options.variables), options.report)
        return self._styles[options]

    def _layout(self, types: Sequence[Any]) -> RowDecoder:
        row = self._row_type("Row", [(field, kind, None) for field, kind in zip(self._fields, types, strict=True)])
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row | list[row])  # type: ignore[valid-type]
        return RowDecoder(decoder, row(), [set(get_args(kind)) for kind in types])

    def _row_type(self, name: str, fields: list[tuple[str, Any, Any]]) -> Any:
        rename = dict(zip(self._fields, self._names, strict=True))
        return msgspec.defstruct(name, fields, rename=rename, gc=False)

    def answer(
        self, text: bytes | bytearray, style: ResponseFormat, limits: Limits = UNLIMITED, end: int | None = None
    ) -> SegmentResult:
        """Scores the rows of a document.

        Args:
            text: JSON: one object, or an array of objects.
            style: how they are answered.
            limits: the most that is taken.
            end: where in the text the document ends; None for the end of the text.

        Raises:
            TooManyRowsError, TooDeepError, NumberTooLongError: more than that.
            MalformedBodyError: no JSON document.
            BadShapeError: neither an object nor an array.
        """
        if end is None:
            end = len(text)
            part = self._answer(text, style.encoder, limits)
        else:
            with memoryview(text) as view, view[:end] as body:
                part = self._answer(body, style.encoder, limits)
        limits.check(text, end, 0 if part.total else part.rows)
        return self._report(bytes(text[:end]), style.encoder) if part.total and style.report else part

    def _report(self, body: bytes, encoder: Encoder) -> SegmentResult:
        """Each row by itself: its answer, or what is wrong with it."""
        answers = []
        raw_rows = _raw_rows(body)
        for raw in raw_rows:
            part = self._answer(b"[%b]" % bytes(raw), encoder, UNLIMITED)
            if part.total:
                problem = part.problems[0]
                error = {"field": problem.field, "code": problem.code, "message": problem.message}
                answers.append(msgspec.json.encode({"error": error}))
            else:
                answers.append(part.answer[1:-1])
        return SegmentResult(len(raw_rows), b"[" + b",".join(answers) + b"]", ())

    def _answer(self, body: Body, encoder: Encoder, limits: Limits) -> SegmentResult:
        began = perf_counter()
        try:
            layout = self._strict
            try:
                decoded = layout.decoder.decode(body)
            except msgspec.ValidationError:  # found at the first cell that is otherwise, so little is decoded twice
                layout = self._any
                decoded = layout.decoder.decode(body)
            rows = decoded if isinstance(decoded, list) else [decoded]
            limits.check_rows(len(rows))
            if layout.empty in rows and self._has_misdirected(body, layout.empty, rows):
                return self._diagnose(body, encoder, limits)
        except msgspec.ValidationError:
            return self._diagnose(body, encoder, limits)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedBodyError(_malformed(error)) from None
        except RecursionError:  # what the decoder takes is deeper than any limit
            raise TooDeepError(limits.max_depth) from None
        try:
            return self._score(rows, layout.kinds, encoder, began)
        except BadRowsError as error:
            return SegmentResult(len(rows), b"", (), problems=error.problems, total=error.total)

    def _score(self, rows: Sequence[Any], kinds: Sequence[set[type]], encoder: Encoder, began: float) -> SegmentResult:
        decoded = perf_counter()
        if len(rows) <= SMALL_BATCH and not encoder.columns_only:
            try:
                scored = [self._scorer.score_row_cells(self._cells(row)) for row in rows]
                found = perf_counter()
                answer = encoder.encode_rows(scored)
                return SegmentResult(
                    len(rows), answer, scored, (decoded - began, found - decoded, perf_counter() - found)
                )
            except BadRowsError:
                pass  # that is of one row; scoring them together lists what is wrong in all of them
        scores = self._scorer.score_cells([list(map(getter, rows)) for getter in self._getters], kinds)
        found = perf_counter()
        answer = encoder.encode(scores)
        return SegmentResult(len(rows), answer, scores, (decoded - began, found - decoded, perf_counter() - found))

    def _has_misdirected(self, body: Body, empty: object, rows: Sequence[object]) -> bool:
        """Rows whose used cells are all missing must at least name one of the model's inputs, used or not."""
        raw = _raw_rows(bytes(body))
        return any(row == empty and self._known.isdisjoint(_keys(raw[index])) for index, row in enumerate(rows))

    def _diagnose(self, body: Body, encoder: Encoder, limits: Limits) -> SegmentResult:
        """Finds every cell and row that made the decoder refuse a document."""
        shown: list[Problem] = []
        total = 0
        try:
            raw_rows = _raw_rows(bytes(body))  # a copy, since what is decoded to Raw keeps hold of it
            limits.check_rows(len(raw_rows))
            for index, raw in enumerate(raw_rows):
                for problem in self._row_problems(index, raw):
                    total += 1
                    if total <= PROBLEMS_SHOWN:
                        shown.append(problem)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedBodyError(_malformed(error)) from None
        except RecursionError:  # what the decoder takes is deeper than any limit
            raise TooDeepError(limits.max_depth) from None
        if not total:
            return self._score_raw(raw_rows, encoder)
        return SegmentResult(len(raw_rows), b"", (), problems=shown, total=total)

    def _score_raw(self, raw_rows: Sequence[msgspec.Raw], encoder: Encoder) -> SegmentResult:
        """Rows in which a cell that the types do not fit is followed by another one of the same name, which counts."""
        rows = [self._raw_decoder.decode(raw) for raw in raw_rows]
        columns = [[_decode_cell(getter(row)) for row in rows] for getter in self._getters]
        try:
            scores = self._scorer.score_cells(columns)
        except BadRowsError as error:
            return SegmentResult(len(rows), b"", (), problems=error.problems, total=error.total)
        return SegmentResult(len(rows), encoder.encode(scores), scores)

    def _row_problems(self, index: int, raw: msgspec.Raw) -> Iterator[Problem]:
        try:
            row = self._raw_decoder.decode(raw)
        except msgspec.ValidationError:
            yield Problem(index, None, "not_an_object", "expected an object with the model's inputs")
            return
        if self._known.isdisjoint(_keys(raw)):
            yield Problem(index, None, "no_model_input", NO_MODEL_INPUT)
        for reader, field in zip(self._scorer.readers, self._fields, strict=True):
            try:
                reader.read(_decode_cell(getattr(row, field)))
            except BadCellError as error:
                yield Problem(index, reader.name, error.code, error.message)


def _raw_rows(body: bytes) -> list[msgspec.Raw]:
    try:
        return _ROWS.decode(body)
    except msgspec.ValidationError:
        pass
    value = _VALUE.decode(body)  # to its end: what follows a scalar may make it no JSON
    if not bytes(value).startswith(b"{"):
        raise BadShapeError("expected an object or an array of objects")
    return [value]


_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE = msgspec.json.Decoder(msgspec.Raw)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _keys(raw: msgspec.Raw) -> Sequence[str]:
    return list(_OBJECT.decode(raw))


def _decode_cell(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:  # the one thing that does not fit no type at all: a number beyond float64
        return np.inf


def _malformed(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the body is not JSON: a text is not UTF-8"
    return f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ').lower()}"
