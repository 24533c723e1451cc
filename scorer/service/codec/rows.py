"""A JSON document of rows → scores → the JSON of the answer, for one model."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from time import perf_counter
from types import NoneType
from typing import Any

import msgspec

from scorer.cells import NumberReader
from scorer.errors import PROBLEMS_SHOWN, BadRowsError, MalformedBodyError, Problem, TooManyRowsError
from scorer.scorer import Scorer
from scorer.service.codec import diagnose
from scorer.service.codec.columns import ColumnsDecoder, JSONColumns
from scorer.service.codec.key_orders import KeyOrders
from scorer.service.codec.number_columns import NumberColumn
from scorer.service.codec.options import DEFAULT_OPTIONS
from scorer.service.codec.results import ResponseFormat, ResponseFormats, SegmentResult
from scorer.service.codec.row_types import Columns, RowTypes
from scorer.service.codec.tables import TableCodec, count_unknown

SMALL_BATCH = 16
"""Batches up to this many rows are scored row by row: below it that is faster than numpy's overhead for arrays."""

LARGE_BYTES = 64 * 1024
"""Bodies from this size on are decoded by the order of their keys, and always scored column by column."""


class RowCodec:
    """Answers the rows of one model.

    Attributes:
        tables: answers columns.
        response_format: gives the form of an answer, as ResponseFormats.of.
        default_format: that of a request without parameters.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._types = types = RowTypes(scorer.equation.inputs)
        self._decode = types.decoder(types.names)
        self._empty = self._decode(b"{}")
        self._orders = KeyOrders(types, [declared.name for declared in scorer.file.inputs])
        self._numbers = [
            NumberColumn(reader) if isinstance(reader, NumberReader) else None for reader in scorer.readers["baseline"]
        ]
        self._kinds: list[set[type] | None] = [
            {str, NoneType} if numbers is None else None for numbers in self._numbers
        ]
        self._diagnosis = diagnose.Diagnosis(scorer, types)
        self._column_decoder = ColumnsDecoder(scorer.equation.inputs, scorer.file.inputs)
        self.tables = TableCodec(scorer)
        self.response_format = ResponseFormats(scorer).of
        self.default_format = self.response_format(DEFAULT_OPTIONS)

    def answer(
        self, body: diagnose.Body, response_format: ResponseFormat, max_rows: int = sys.maxsize
    ) -> SegmentResult:
        """Scores the rows of a document.

        Args:
            body: JSON: one object, an array of objects, or an object of columns.
            response_format: how they are answered.
            max_rows: the most rows that are accepted.

        Raises:
            TooManyRowsError: more than that.
            MalformedBodyError: not JSON, or nested deeper than the decoder reads.
            BadShapeError: neither an object nor an array; columns that differ in length, or beside single cells.
        """
        try:
            result = self._answer(body, response_format, max_rows)
            return self._report(body, response_format) if result.total and response_format.report else result
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBodyError(_malformed(error)) from None

    def _answer(self, body: diagnose.Body, response_format: ResponseFormat, max_rows: int) -> SegmentResult:
        began = perf_counter()
        rows: Sequence[Any] = ()
        columns: Columns | None = None
        try:
            if len(body) >= LARGE_BYTES:
                columns = self._orders.columns(body)
            else:
                decoded = self._decode(body)
                rows = decoded if isinstance(decoded, list) else [decoded]
        except msgspec.ValidationError:
            return self._answer_otherwise(body, response_format, max_rows, began)
        if len(rows if columns is None else columns[0]) > max_rows:
            raise TooManyRowsError(max_rows)
        if columns is None:
            if len(rows) <= SMALL_BATCH and not response_format.encoder.columns_only and self._empty not in rows:
                with suppress(BadRowsError):  # of one row; read together, the problems of all rows are listed
                    return self._score_rows(rows, response_format, began)
            columns = self._types.columns_of(rows)
        suspects = _without_cells(columns)
        if suspects and (len(columns[0]) == 1 or self._diagnosis.has_misdirected(body, suspects)):
            return self._answer_otherwise(body, response_format, max_rows, began)
        return self._score_columns(columns, response_format, began)

    def _score_rows(self, rows: Sequence[Any], response_format: ResponseFormat, began: float) -> SegmentResult:
        decoded = perf_counter()
        unknown = 0
        scored = []
        for row in rows:
            alone = self._scorer.score_row_cells(self._types.cells(row), response_format.unknown_levels)
            unknown += alone.unknown
            scored.append(alone)
        found = perf_counter()
        answer = response_format.encoder.encode_rows(scored)
        seconds = (decoded - began, found - decoded, perf_counter() - found)
        return SegmentResult(len(rows), answer, scored, unknown, seconds)

    def _score_columns(self, columns: Columns, response_format: ResponseFormat, began: float) -> SegmentResult:
        decoded = perf_counter()
        read = [
            column if numbers is None else numbers.read(column)
            for numbers, column in zip(self._numbers, columns, strict=True)
        ]
        try:
            scores = self._scorer.score_cells(read, self._kinds, response_format.unknown_levels)
        except BadRowsError as error:
            return SegmentResult(len(columns[0]), b"", (), problems=error.problems, total=error.total)
        found = perf_counter()
        answer = response_format.encoder.encode(scores)
        seconds = (decoded - began, found - decoded, perf_counter() - found)
        return SegmentResult(len(scores), answer, scores, count_unknown(scores), seconds)

    def _answer_otherwise(
        self, body: diagnose.Body, response_format: ResponseFormat, max_rows: int, began: float
    ) -> SegmentResult:
        """The answer to a document that is not rows as they should be: to its columns, or what is wrong with them."""
        if columns := self._column_decoder.decode(body, max_rows):
            return self._answer_columns(columns, response_format, began)
        return self._diagnose(body, response_format, max_rows)

    def _answer_columns(self, columns: JSONColumns, asked: ResponseFormat, began: float) -> SegmentResult:
        decoded = perf_counter()
        response_format = self.response_format(asked.options, asked.type, columns=asked.type.format == "json")
        result = self.tables.answer(columns.table, response_format, columns.kinds)
        seconds = (decoded - began, *result.seconds[1:])
        return msgspec.structs.replace(result, seconds=seconds, response_format=response_format)

    def _report(self, body: diagnose.Body, response_format: ResponseFormat) -> SegmentResult:
        """Each row by itself: its answer, or its first problem."""
        errors: list[Problem | None] = []
        good = []
        raw_rows = diagnose.split(body)
        for raw in raw_rows:
            result = self._answer(b"[%b]" % bytes(raw), response_format, sys.maxsize)
            errors.append(result.problems[0] if result.total else None)
            if not result.total:
                good.append(raw)
        scores = self._scorer.score_cells(self._diagnosis.columns(good), unknown_levels=response_format.unknown_levels)
        answer = response_format.encoder.encode_report(scores, errors)
        return SegmentResult(len(raw_rows), answer, (), count_unknown(scores))

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
        return SegmentResult(len(raw_rows), response_format.encoder.encode(scores), scores, count_unknown(scores))


def _without_cells(columns: Columns) -> list[int]:
    """The indexes of the rows whose cells are all None."""
    if None not in columns[0]:
        return []
    missing = [index for index, cell in enumerate(columns[0]) if cell is None]
    return [index for index in missing if all(column[index] is None for column in columns)]


def _malformed(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the body is not JSON: a text is not UTF-8"
    return f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ').lower()}"
