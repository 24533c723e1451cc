"""The result for some rows of a request, and the forms in which the rows of one model are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from scorer.cells import UnknownLevels
from scorer.coefficients import CoefficientFile
from scorer.errors import ParameterError, Problem
from scorer.scorer import Scorer
from scorer.scores import Scored
from scorer.service.codec.answers import ColumnsEncoder, CSVEncoder, ExplainingNDJSONEncoder, NDJSONEncoder
from scorer.service.codec.encoder import AnswerEncoder, Encoder, ExplainingEncoder
from scorer.service.codec.media_types import AnswerType, default_answer
from scorer.service.codec.options import Options

JSON = default_answer("json")


class ResponseFormat(NamedTuple):
    """How rows are answered.

    Attributes:
        encoder: of the answers.
        report: whether a bad row is answered with its error, and the others are scored.
        unknown_levels: as for Scorer.score.
        opening: what the answer begins with, before the rows' answers; empty where these are all.
        closing: what it ends with; empty likewise.
        type: the media type of the answer.
        options: what the request asks for.
    """

    encoder: Encoder
    report: bool
    unknown_levels: UnknownLevels
    opening: bytes
    closing: bytes
    type: AnswerType
    options: Options

    def join(self, answers: Sequence[bytes]) -> bytes:
        """The whole answer, made of those to its segments. None of several is an empty array."""
        if len(answers) == 1 and not self.opening:
            return answers[0]
        if self.encoder.is_array:
            return _join_arrays(answers, self.opening, self.closing)
        return b"".join([self.opening, *answers, self.closing])


class SegmentResult(msgspec.Struct, frozen=True):
    """The result for a segment: some neighbouring rows of a request.

    Attributes:
        rows: how many they are.
        answer: their answer; empty where there are problems.
        scored: their scores; empty likewise.
        unknown: how many cells of the rows that were scored have a level that the model does not know.
        seconds: what decoding, scoring and encoding took.
        problems: the first 20 problems, rows counted from 0.
        total: how many problems there are.
        response_format: of the answer, where that is not the one that was asked for: JSON columns get columns.
    """

    rows: int
    answer: bytes
    scored: Scored
    unknown: int = 0
    seconds: Sequence[float] = (0.0, 0.0, 0.0)
    problems: Sequence[Problem] = ()
    total: int = 0
    response_format: ResponseFormat | None = None


class ResponseFormats:
    """The forms in which the rows of one model are answered."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._envelope = _envelope(scorer.file)
        self._known: dict[tuple[Options, AnswerType, bool], ResponseFormat] = {}

    def of(self, options: Options, answer: AnswerType = JSON, columns: bool = False) -> ResponseFormat:
        """The form that a request asks for.

        Args:
            options: its parameters.
            answer: the media type of its answer.
            columns: whether JSON is answered as columns.

        Raises:
            ParameterError: a parameter that this media type has no place for.
        """
        asked = options, answer, columns
        if asked not in self._known:
            self._known[asked] = self._make(options, answer, columns)
        return self._known[asked]

    def _make(self, options: Options, answer: AnswerType, columns: bool) -> ResponseFormat:
        if options.envelope and answer.format != "json":
            raise ParameterError("envelope", "only an answer in JSON can have an envelope")
        if options.explain and answer.format in ("csv", "arrow"):
            raise ParameterError("explain", "only an answer in JSON or NDJSON can have explanations")
        scorer, explain, variables = self._scorer, options.explain, options.variables
        opening, closing = self._envelope if options.envelope else (b"", b"")
        encoder: Encoder
        if answer.format == "ndjson":
            encoder = (ExplainingNDJSONEncoder if explain else NDJSONEncoder)(scorer, variables)
        elif answer.format == "csv":
            encoder = CSVEncoder(scorer, variables, options.report)
            opening = encoder.opening
        elif answer.format == "arrow":
            from scorer.service.codec.arrow_answers import CLOSING, ArrowEncoder  # imports pyarrow

            encoder = ArrowEncoder(scorer, variables, options.report)
            opening, closing = encoder.opening, CLOSING
        elif columns:
            encoder = ColumnsEncoder(scorer, variables, explain)
        else:
            encoder = (ExplainingEncoder if explain else AnswerEncoder)(scorer, variables)
        return ResponseFormat(encoder, options.report, options.unknown_levels, opening, closing, answer, options)


def _envelope(file: CoefficientFile) -> tuple[bytes, bytes]:
    """What stands before and after the rows' answers in an answer that names its model."""
    model = {"name": file.model, "version": file.version, "sha256": file.sha256}
    return b'{"model":%b,"predictions":' % msgspec.json.encode(model), b"}"


def _join_arrays(arrays: Sequence[bytes], opening: bytes, closing: bytes) -> bytes:
    """JSON arrays, none of them empty if there are several, as one between two texts; each byte is copied once."""
    pieces: list[bytes | memoryview] = [opening, b"["]
    for array in arrays:
        pieces += (memoryview(array)[1:-1], b",")
    return b"".join([*pieces[:-1], b"]", closing])
