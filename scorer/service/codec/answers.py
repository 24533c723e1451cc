"""Scores → an answer other than an array of objects: NDJSON, CSV, and JSON as columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from scorer.errors import Problem
from scorer.explain import explain
from scorer.scorer import Scorer
from scorer.scores import RowScore, Scores
from scorer.service.codec.encoder import (
    EXPLAINED_ROWS,
    EXPLANATION,
    AnswerEncoder,
    ExplainingEncoder,
    describe,
    merge,
)

ERROR = "error"
"""The column that says why a row is bad, and the key of such a row."""

_lines = msgspec.json.Encoder().encode_lines


class NDJSONEncoder(AnswerEncoder):
    """A line with a JSON object for each row."""

    is_array = False

    def encode(self, scores: Scores) -> bytes:
        """As Encoder's method."""
        return _lines(self._answers(scores))

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """As Encoder's method."""
        return _lines([self._answer(*self._row(row)) for row in rows])

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """As Encoder's method."""
        return _lines(merge(self._answers(scores), errors))


class ExplainingNDJSONEncoder(ExplainingEncoder):
    """As NDJSONEncoder, with an `explanation` of each row."""

    is_array = False

    def encode(self, scores: Scores) -> bytes:
        """As Encoder's method."""
        starts = range(0, len(scores), EXPLAINED_ROWS)
        return b"".join(_lines(self._answers(scores.part(start, start + EXPLAINED_ROWS))) for start in starts)

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """As Encoder's method."""
        return _lines(merge(self._answers(scores), errors))


class CSVEncoder(AnswerEncoder):
    """A line for each row, of numbers alone; with a report also the problem as text.

    Attributes:
        opening: the line of names.
    """

    is_array = False
    _positional = True

    def __init__(self, scorer: Scorer, variables: bool = True, report: bool = False) -> None:
        super().__init__(scorer, variables)
        self._names = answer_names(scorer, variables)
        self._report = report
        self.opening = _line([*self._names, ERROR] if report else self._names)

    def encode(self, scores: Scores) -> bytes:
        """As Encoder's method."""
        return self._numbers(self._answers(scores))

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """As Encoder's method."""
        return self._numbers([self._answer(*self._row(row)) for row in rows])

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """As Encoder's method."""
        good = iter(self.encode(scores).splitlines(keepends=True))
        empty = [""] * len(self._names)
        return b"".join([next(good) if bad is None else _line([*empty, _text(bad)]) for bad in errors])

    def _numbers(self, arrays: list[Any]) -> bytes:
        """Arrays of numbers, each as a line."""
        lines = _lines(arrays).translate(None, b"[]")
        return lines.replace(b"\n", b",\n") if self._report else lines


class ColumnsEncoder:
    """A JSON object with an array for each key of the rows' answers."""

    columns_only = True
    is_array = False

    def __init__(self, scorer: Scorer, variables: bool = True, explaining: bool = False) -> None:
        self._names = answer_names(scorer, variables)
        self._explaining = explaining

    def encode(self, scores: Scores) -> bytes:
        """As Encoder's method."""
        return msgspec.json.encode(self._columns(scores))

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """Never called: it needs columns."""
        raise NotImplementedError

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """As Encoder's method: null in the columns of bad rows, and a column of the problems, null for good rows."""
        columns = {}
        for name, values in self._columns(scores).items():
            good = iter(values)
            columns[name] = [next(good) if problem is None else None for problem in errors]
        columns[ERROR] = [problem and describe(problem) for problem in errors]
        return msgspec.json.encode(columns)

    def _columns(self, scores: Scores) -> dict[str, Any]:
        found = scores.columns()
        columns: dict[str, Any] = {name: found[name].tolist() for name in self._names}
        if self._explaining:
            columns[EXPLANATION] = list(explain(scores))
        return dict(sorted(columns.items()))


def answer_names(scorer: Scorer, variables: bool) -> list[str]:
    """The keys of a row's answer, in alphabetical order."""
    outcome = scorer.file.outcome
    entered = [term.variable for term in scorer.file.terms] if variables else []
    return sorted([outcome.name, outcome.probability, *entered])


def _text(problem: Problem) -> str:
    return problem.message if problem.field is None else f"{problem.field}: {problem.message}"


def _line(fields: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue().encode()
