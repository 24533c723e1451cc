"""A JSON document of rows → scores → the JSON of the answer, for one model."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from scorer.cells import UnknownLevels
from scorer.coefficients import CoefficientFile
from scorer.errors import PROBLEMS_SHOWN, BadRowsError, MalformedBodyError, Problem, TooManyRowsError
from scorer.scorer import Scorer
from scorer.scores import Scored, Scores
from scorer.service.codec import diagnose
from scorer.service.codec.encoder import AnswerEncoder, Encoder, ExplainingEncoder
from scorer.service.codec.options import DEFAULT_OPTIONS, Options
from scorer.service.codec.row_types import PERMISSIVE_TYPES, STRICT_TYPES, RowTypes

SMALL_BATCH = 16
"""Batches up to this many rows are scored row by row: below it that is faster than numpy's overhead for arrays."""


class SegmentResult(msgspec.Struct, frozen=True):
    """The result for a segment: some neighbouring rows of a request.

    Attributes:
        rows: how many they are.
        answer: their answer, a JSON array; empty where there are problems.
        scored: their scores; empty likewise.
        unknown: how many cells of the rows that were scored have a level that the model does not know.
        seconds: what decoding, scoring and encoding took.
        problems: the first 20 problems, rows counted from 0.
        total: how many problems there are.
    """

    rows: int
    answer: bytes
    scored: Scored
    unknown: int = 0
    seconds: Sequence[float] = (0.0, 0.0, 0.0)
    problems: Sequence[Problem] = ()
    total: int = 0


class ResponseFormat(NamedTuple):
    """How rows are answered.

    Attributes:
        encoder: of the answers.
        report: whether a bad row is answered with its error, and the others are scored.
        unknown_levels: as for Scorer.score.
        opening: what the answer begins with, before the array of the rows' answers; empty where this array is all.
        closing: what it ends with; empty likewise.
    """

    encoder: Encoder
    report: bool
    unknown_levels: UnknownLevels
    opening: bytes
    closing: bytes


class RowCodec:
    """Answers the rows of one model.

    Attributes:
        default_format: the format of a request without parameters.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        types = RowTypes(scorer.equation.inputs)
        self._strict = types.decoder(STRICT_TYPES)
        self._permissive = types.decoder(PERMISSIVE_TYPES)
        self._cells, self._columns = types.cells, types.columns
        self._diagnosis = diagnose.Diagnosis(scorer, types)
        self._envelope = _envelope(scorer.file)
        self._encoders: dict[tuple[bool, bool], Encoder] = {}
        self.default_format = self.response_format(DEFAULT_OPTIONS)

    def response_format(self, options: Options) -> ResponseFormat:
        """The format that a request asks for."""
        asked = options.explain, options.variables
        if asked not in self._encoders:
            encoder = ExplainingEncoder if options.explain else AnswerEncoder
            self._encoders[asked] = encoder(self._scorer, options.variables)
        opening, closing = self._envelope if options.envelope else (b"", b"")
        return ResponseFormat(self._encoders[asked], options.report, options.unknown_levels, opening, closing)

    def answer(
        self, body: diagnose.Body, response_format: ResponseFormat, max_rows: int = sys.maxsize
    ) -> SegmentResult:
        """Scores the rows of a document.

        Args:
            body: JSON: one object, or an array of objects.
            response_format: how they are answered.
            max_rows: the most rows that are accepted.

        Raises:
            TooManyRowsError: more than that.
            MalformedBodyError: not JSON, or nested deeper than the decoder reads.
            BadShapeError: neither an object nor an array.
        """
        try:
            result = self._answer(body, response_format, max_rows)
            return self._report(body, response_format) if result.total and response_format.report else result
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBodyError(_malformed(error)) from None

    def _answer(self, body: diagnose.Body, response_format: ResponseFormat, max_rows: int) -> SegmentResult:
        began = perf_counter()
        try:
            decoder = self._strict
            try:
                decoded = decoder.decode(body)
            except msgspec.ValidationError:  # found at the first cell of another type, so little is decoded twice
                decoder = self._permissive
                decoded = decoder.decode(body)
            rows = decoded if isinstance(decoded, list) else [decoded]
            if len(rows) > max_rows:
                raise TooManyRowsError(max_rows)
            if decoder.empty in rows and self._diagnosis.has_misdirected(body, decoder.empty, rows):
                return self._diagnose(body, response_format, max_rows)
        except msgspec.ValidationError:
            return self._diagnose(body, response_format, max_rows)
        try:
            return self._score(rows, decoder.kinds, response_format, began)
        except BadRowsError as error:
            return SegmentResult(len(rows), b"", (), problems=error.problems, total=error.total)

    def _score(
        self, rows: Sequence[Any], kinds: Sequence[set[type]], response_format: ResponseFormat, began: float
    ) -> SegmentResult:
        decoded = perf_counter()
        encoder, unknown_levels = response_format.encoder, response_format.unknown_levels
        if len(rows) <= SMALL_BATCH and not encoder.columns_only:
            unknown = 0
            scored = []
            try:
                for row in rows:
                    alone = self._scorer.score_row_cells(self._cells(row), unknown_levels)
                    unknown += alone.unknown
                    scored.append(alone)
                found = perf_counter()
                answer = encoder.encode_rows(scored)
                seconds = (decoded - began, found - decoded, perf_counter() - found)
                return SegmentResult(len(rows), answer, scored, unknown, seconds)
            except BadRowsError:
                pass  # it lists one row's problems; scored together, the rows' problems are all listed
        columns = [list(map(cell_of, rows)) for cell_of in self._columns]
        scores = self._scorer.score_cells(columns, kinds, unknown_levels)
        found = perf_counter()
        answer = encoder.encode(scores)
        seconds = (decoded - began, found - decoded, perf_counter() - found)
        return SegmentResult(len(rows), answer, scores, _unknown(scores), seconds)

    def _report(self, body: diagnose.Body, response_format: ResponseFormat) -> SegmentResult:
        """Each row by itself: its answer, or its first problem."""
        answers = []
        unknown = 0
        raw_rows = diagnose.split(body)
        for raw in raw_rows:
            result = self._answer(b"[%b]" % bytes(raw), response_format, sys.maxsize)
            if result.total:
                problem = result.problems[0]
                error = {"field": problem.field, "code": problem.code, "message": problem.message}
                answers.append(msgspec.json.encode({"error": error}))
            else:
                answers.append(result.answer[1:-1])
                unknown += result.unknown
        return SegmentResult(len(raw_rows), b"[" + b",".join(answers) + b"]", (), unknown)

    def _diagnose(self, body: diagnose.Body, response_format: ResponseFormat, max_rows: int) -> SegmentResult:
        """The problems of a document that the decoder refused; or its scores, where it has none after all."""
        raw_rows = diagnose.split(body)
        if len(raw_rows) > max_rows:
            raise TooManyRowsError(max_rows)
        found = self._diagnosis.problems(raw_rows, response_format.unknown_levels)
        if shown := list(islice(found, PROBLEMS_SHOWN)):
            total = len(shown) + sum(1 for _ in found)
            return SegmentResult(len(raw_rows), b"", (), problems=shown, total=total)
        try:
            columns = self._diagnosis.columns(raw_rows)
            scores = self._scorer.score_cells(columns, unknown_levels=response_format.unknown_levels)
        except BadRowsError as error:
            return SegmentResult(len(raw_rows), b"", (), problems=error.problems, total=error.total)
        return SegmentResult(len(raw_rows), response_format.encoder.encode(scores), scores, _unknown(scores))


def _unknown(scores: Scores) -> int:
    return sum(scores.unknown_levels.values())


def _envelope(file: CoefficientFile) -> tuple[bytes, bytes]:
    """What stands before and after the rows' answers in an answer that names its model."""
    model = {"name": file.model, "version": file.version, "sha256": file.sha256}
    return b'{"model":%b,"predictions":' % msgspec.json.encode(model), b"}"


def _malformed(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the body is not JSON: a text is not UTF-8"
    return f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ').lower()}"
