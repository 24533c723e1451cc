"""Scorer: a coefficient file ready to score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer import cells, certificate
from scorer.coefficients import CoefficientFile
from scorer.columns import Rows, raw_columns
from scorer.equation import CHUNK_ROWS, Equation
from scorer.errors import BadRowsError, Problem
from scorer.scores import RowScore, Scores


class Scorer:
    """A coefficient file, certified on this machine and ready to score. Immutable, and safe to share between threads.

    Attributes:
        file: the coefficient file.
        equation: its equation.
        certificate_error: largest |phat - golden phat| over the certificate's rows, on this machine.
    """

    def __init__(self, file: CoefficientFile, source: str = "coefficient file") -> None:
        """Makes a scorer and checks the file's certificate.

        Args:
            file: a validated coefficient file.
            source: what to call the file in errors.

        Raises:
            EditedFileError: the file was edited since it was certified.
            CertificateError: a golden row is not reproduced within the file's tolerance.
        """
        self.file = file
        self.equation = Equation(file)
        self.readers = tuple(cells.reader(declared, file.missing_markers) for declared in self.equation.inputs)
        self._reads = [reader.read for reader in self.readers]
        self._used = [declared.name for declared in self.equation.inputs]
        self._known = frozenset(declared.name for declared in file.inputs)
        self.certificate_error = certificate.check(file, self.score, source)

    def __repr__(self) -> str:
        return f"<Scorer {self.file.model} {self.file.version} sha256={self.file.sha256[:12]}>"

    def score(self, rows: Rows) -> Scores:
        """Scores one row, a list of rows, or columns. All or nothing: if one cell is bad, no row is scored.

        Args:
            rows: one of

                - a row: a dict of cells, or another object with `keys` and `[name]`, such as a pandas Series;
                - a sequence of dicts of cells;
                - a dict of columns of one length, each a sequence, a numpy array (masked or not), a pandas or polars
                  Series, a pyarrow Array or ChunkedArray; they may be mixed;
                - a pandas or polars DataFrame, a pyarrow Table or RecordBatch, a structured numpy array.

                Cells are raw, as docs/api.md describes them, and a Decimal is a number. Missing are: None, NaN (a
                Decimal's too), pandas.NA, masked cells, null in Arrow or polars, and an absent key or column.

        Returns:
            The scores in row order; n is 1 for one row, and 0 for an empty list.

        Raises:
            BadRowsError: cells that no rule can read, or rows with none of the model's inputs. Lists the first 20.
            BadShapeError: neither a row, nor rows, nor columns of one length in memory.
        """
        return self.score_cells(raw_columns(rows, self._known, self._used))

    def score_cells(
        self, columns: Sequence[Sequence[object] | NDArray[Any]], kinds: Sequence[set[type] | None] | None = None
    ) -> Scores:
        """Scores columns of raw cells. `score` calls it, and so do the service's batches.

        Args:
            columns: n raw cells for each of `equation.inputs`, in that order.
            kinds: for each column a set that contains the types of all its cells, or None if unknown.

        Raises:
            BadRowsError: cells that no rule can read, or numbers too large for the equation.
        """
        values: list[NDArray[Any]] = []
        problems: list[Problem] = []
        for reader, column, known in zip(self.readers, columns, kinds or repeat(None), strict=kinds is not None):
            read, bad = cells.read_column(reader, column, known)
            values.append(read)
            problems += bad
        if problems:
            raise BadRowsError(sorted(problems, key=lambda problem: problem.row))
        with np.errstate(over="ignore", invalid="ignore"):
            return self._evaluate(values)

    def _evaluate(self, values: Sequence[NDArray[Any]]) -> Scores:
        equation = self.equation
        if len(values[0]) > CHUNK_ROWS:
            with suppress(OverflowError):
                phat = equation.phat(values)
                return Scores(phat, equation.outcome(phat), self.file, equation, values)
        entered, log_odds, phat, outcome = equation.evaluate(values)
        if not np.isfinite(log_odds).all():
            raise BadRowsError(list(self._overflows(entered, log_odds)))
        return Scores(phat, outcome, self.file, equation, values, entered)

    def score_row_cells(self, row: Sequence[object]) -> RowScore:
        """Scores the raw cells of one row without numpy's overhead for arrays: the same bits, many times faster.

        Args:
            row: one raw cell for each of `equation.inputs`, in that order.

        Raises:
            BadRowsError: as score_cells.
        """
        try:
            read = cells.read_row(self._reads, row)
            entered, log_odds, phat, outcome = self.equation.evaluate(read)
        except (cells.BadCellError, TypeError):  # TypeError: a float in a category
            log_odds = math.nan
        if not math.isfinite(log_odds):  # score_cells lists every problem
            scores = self.score_cells([[cell] for cell in row])
            entered, read = ([column[0] for column in columns] for columns in (scores.entered, scores.read))
            return RowScore(int(scores.outcome[0]), float(scores.phat[0]), entered, read)
        return RowScore(outcome, phat, entered, read)

    def _overflows(self, entered: Sequence[NDArray[Any]], log_odds: NDArray[np.float64]) -> Iterator[Problem]:
        message = "the number is too large for the equation in float64"
        for row in np.flatnonzero(~np.isfinite(log_odds)).tolist():
            columns = zip(self.equation.inputs, entered, strict=True)
            fields = [declared.name for declared, column in columns if not np.isfinite(column[row])]
            for field in fields or (None,):
                yield Problem(row, field, "not_finite", message)
