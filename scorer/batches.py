"""Batches of a file → the columns that are written for them: columns that are kept, scores, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer import arrow_texts
from scorer.cells import UnknownLevels
from scorer.coefficients import CategoryInput
from scorer.errors import PROBLEMS_SHOWN, Problem, RowsError, TableError
from scorer.formats.rows import Columns, RowBatch
from scorer.scorer import Scorer
from scorer.scores import Scores

REPORTED = ("file", "row", "line", "field", "code", "message")
"""Columns that tell of bad rows, in front of the kept ones; the first where several files are reported together."""


@dataclass(frozen=True)
class ScoredBatch:
    """What came of a batch.

    Attributes:
        columns: what is written: the kept columns, then outcome, probability and variables; masked in bad rows.
        scores: of the rows that are not bad.
        problems: of the bad rows, in row order; rows are counted in the batch.
        bad: the columns of the bad rows, an element for each problem; empty if bad rows are errors.
    """

    columns: Columns
    scores: Scores
    problems: Sequence[Problem]
    bad: Columns


@dataclass(frozen=True)
class BatchScorer:
    """Scores the batches of one file in turn.

    Attributes:
        model: what scores.
        name: the file's name in errors.
        keep: columns of the file to carry through.
        variables: whether the equation's variables are among the columns.
        unknown_levels: as for Scorer.score.
        missing_columns: whether the file may lack columns that the equation uses: all their cells are missing.
        report: whether bad rows are reported instead of being an error.
    """

    model: Scorer
    name: str
    keep: Sequence[str] = ()
    variables: bool = True
    unknown_levels: UnknownLevels = "baseline"
    missing_columns: bool = False
    report: bool = False

    def __post_init__(self) -> None:
        written = self._score([]).columns(self.variables)
        if twice := [column for column in self.keep if column in written]:
            hint = ": --variables none leaves variables out" if self.variables else ""
            raise TableError(f"--keep {','.join(twice)}: an output column has this name too{hint}")
        if self.report and (twice := [column for column in self.keep if column in REPORTED]):
            raise TableError(f"--keep {','.join(twice)}: a column of --errors has this name too")

    @property
    def wanted(self) -> set[str]:
        """The columns to read."""
        return {*self.model.used, *self.keep}

    @property
    def categories(self) -> set[str]:
        """The columns that repeat few texts."""
        return {each.name for each in self.model.equation.inputs if isinstance(each, CategoryInput)}

    def score(self, batch: RowBatch, start: int) -> ScoredBatch:
        """Scores a batch.

        Args:
            batch: the rows.
            start: the number of rows before it, for errors.

        Raises:
            TableError: the file lacks a column; a cell or row is bad, and bad rows are not reported.
        """
        if batch.names is not None:
            self._check_columns(batch.names)
        kept = {column: _column(batch.rows, column) for column in self.keep}
        rows = self._inputs(batch)
        try:
            scores = self._score(rows)
        except RowsError as error:
            if not self.report or not error.problems:
                raise self._error(error, batch, start) from None
        else:
            return ScoredBatch({**kept, **scores.columns(self.variables)}, scores, (), _bad(batch, (), start, kept))
        problems, good = self._sort_out(rows, batch.count)
        scores = self._score(_some(rows, good))
        columns = {column: _spread(values, good) for column, values in scores.columns(self.variables).items()}
        return ScoredBatch({**kept, **columns}, scores, problems, _bad(batch, problems, start, kept))

    def _score(self, rows: Any) -> Scores:
        return self.model.score(rows, unknown_levels=self.unknown_levels)

    def _check_columns(self, names: Sequence[str]) -> None:
        present = set(names)
        if absent := [column for column in self.keep if column not in present]:
            raise TableError(f"{self.name}: no column {', '.join(absent)} to keep")
        if present.isdisjoint(declared.name for declared in self.model.file.inputs):
            raise TableError(f"{self.name}: none of the columns is an input of the model")
        absent = [column for column in self.model.used if column not in present]
        if absent and not self.missing_columns:
            raise TableError(
                f"{self.name}: no column {', '.join(absent)}, which the equation uses; "
                "with --allow-missing-columns all cells of such a column count as missing"
            )

    def _inputs(self, batch: RowBatch) -> Any:
        """The rows without the columns that the equation does not use."""
        if not isinstance(batch.rows, Mapping):
            return batch.rows
        columns = {column: batch.rows[column] for column in self.model.used if column in batch.rows}
        return columns or {self.model.used[0]: [None] * batch.count}

    def _error(self, error: RowsError, batch: RowBatch, start: int) -> TableError:
        if not error.problems:
            return TableError(f"{self.name}: {error}")
        problem = error.problems[0]
        number = batch.line_of(problem.row)
        line = "" if number is None else f"line {number}, "
        field = "" if problem.field is None else f", {problem.field}"
        more = f" ({error.total - 1} more of these rows)" if error.total > 1 else ""
        return TableError(f"{self.name}: {line}row {start + problem.row}{field}: {problem.message}{more}")

    def _sort_out(self, rows: Any, count: int) -> tuple[list[Problem], NDArray[np.bool_]]:
        """The problems of all rows, and which rows have none, shape (n,)."""
        good = np.ones(count, np.bool_)
        problems: list[Problem] = []
        # A number that is too large for the equation is found only once all cells can be read.
        while found := self._problems(_some(rows, good)):
            indices = np.flatnonzero(good)
            problems += [replace(problem, row=int(indices[problem.row])) for problem in found]
            good[[problem.row for problem in problems]] = False
        return sorted(problems, key=lambda problem: problem.row), good

    def _problems(self, rows: Any) -> list[Problem]:
        """The problems of rows. An error lists the first ones only: rows with more are halved."""
        try:
            self._score(rows)
        except RowsError as error:
            count = _count(rows)
            if error.total <= PROBLEMS_SHOWN or count == 1:
                return list(error.problems)
            half = count // 2
            first, second = _part(rows, 0, half), _part(rows, half, count)
            later = (replace(problem, row=problem.row + half) for problem in self._problems(second))
            return [*self._problems(first), *later]
        return []


def _count(rows: Any) -> int:
    return len(next(iter(rows.values())) if isinstance(rows, Mapping) else rows)


def _part(rows: Any, start: int, end: int) -> Any:
    if isinstance(rows, Mapping):
        return {name: column[start:end] for name, column in rows.items()}
    return rows[start:end]


def _some(rows: Any, chosen: NDArray[np.bool_]) -> Any:
    """The chosen rows."""
    if isinstance(rows, Mapping):
        return {name: _chosen(column, chosen) for name, column in rows.items()}
    return _chosen(rows, chosen)


def _chosen(cells: Any, chosen: NDArray[np.bool_]) -> Any:
    return _at(cells, np.flatnonzero(chosen))


def _column(rows: Any, name: str) -> Any:
    if isinstance(rows, Mapping):
        return rows[name]
    return [row.get(name) if isinstance(row, Mapping) else None for row in rows]


def _spread(values: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[Any]:
    """Values of good rows at the places of these rows, masked elsewhere, shape (n,)."""
    spread = np.zeros(len(good), values.dtype)
    spread[good] = values
    masked: NDArray[Any] = np.ma.array(spread, mask=~good)
    return masked


def _bad(batch: RowBatch, problems: Sequence[Problem], start: int, kept: Columns) -> Columns:
    lines = [batch.line_of(problem.row) for problem in problems]
    indices = np.array([problem.row for problem in problems], np.int64)
    return {
        "row": start + indices,
        "line": np.ma.array([line or 0 for line in lines], np.int64, mask=[line is None for line in lines]),
        "field": [problem.field for problem in problems],
        "code": [problem.code for problem in problems],
        "message": [problem.message for problem in problems],
        **{name: _at(column, indices) for name, column in kept.items()},
    }


def _at(cells: Any, indices: NDArray[np.int64]) -> Any:
    if hasattr(cells, "take"):
        try:
            return cells.take(indices)
        except NotImplementedError:  # pyarrow 26 cannot, of views and runs
            cells = arrow_texts.cells(cells)
    return [cells[index] for index in indices.tolist()]
