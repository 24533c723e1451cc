"""Columns of raw cells → scores → an answer, for one model: what CSV, Arrow and JSON columns have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from scorer.columns import Column, raw_columns
from scorer.errors import BadRowsError, Problem
from scorer.scorer import Scorer
from scorer.scores import Scores
from scorer.service.codec.results import ResponseFormat, SegmentResult

Table = Mapping[str, Any]
"""Columns by name, of one length, as for Scorer.score."""


class TableCodec:
    """Answers columns with the scores of one model.

    Attributes:
        used: the names of the inputs that the equation uses.
        inputs: the names of all inputs, in the order of the file.
        known: the same names.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.used = scorer.used
        self.inputs = [declared.name for declared in scorer.file.inputs]
        self.known = frozenset(self.inputs)

    def answer(
        self, table: Table, response_format: ResponseFormat, kinds: Mapping[str, set[type]] | None = None
    ) -> SegmentResult:
        """Scores the rows of a table.

        Args:
            table: columns with names; those that the equation does not use are ignored.
            response_format: how the rows are answered.
            kinds: for some columns a set that contains the types of all cells.

        Raises:
            BadShapeError: none of the columns is an input, or they differ in length, or hold neither numbers nor texts.
        """
        began = perf_counter()
        columns = raw_columns(table, self.known, self.used)
        known = None if kinds is None else [kinds.get(name) for name in self.used]
        try:
            scores = self._scorer.score_cells(columns, known, response_format.unknown_levels)
        except BadRowsError as error:
            if response_format.report:
                return self._report(columns, response_format)
            return SegmentResult(len(columns[0]), b"", (), problems=error.problems, total=error.total)
        found = perf_counter()
        answer = response_format.encoder.encode(scores)
        seconds = (0.0, found - began, perf_counter() - found)
        return SegmentResult(len(scores), answer, scores, count_unknown(scores), seconds)

    def _report(self, columns: Sequence[Column], response_format: ResponseFormat) -> SegmentResult:
        """Scores row by row, to find each bad row and its first problem."""
        unknown_levels = response_format.unknown_levels
        cells = [_as_list(column) for column in columns]
        rows = list(zip(*cells, strict=True))
        errors: list[Problem | None] = []
        for row in rows:
            try:
                self._scorer.score_row_cells(row, unknown_levels)
                errors.append(None)
            except BadRowsError as error:
                errors.append(error.problems[0])
        good = [row for row, problem in zip(rows, errors, strict=True) if problem is None]
        scores = self._scorer.score_cells(
            [list(column) for column in zip(*good, strict=True)] or [[] for _ in columns], unknown_levels=unknown_levels
        )
        answer = response_format.encoder.encode_report(scores, errors)
        return SegmentResult(len(rows), answer, (), count_unknown(scores))


def count_unknown(scores: Scores) -> int:
    """How many cells have a level that the model does not know."""
    return sum(scores.unknown_levels.values())


def _as_list(column: Any) -> Sequence[object]:
    for method in ("to_pylist", "tolist"):  # of pyarrow, of numpy
        if hasattr(column, method):
            cells: list[object] = getattr(column, method)()
            return cells
    return column  # type: ignore[no-any-return]
