"""Scorer: a coefficient file ready to score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from scorer import cells
from scorer.coefficients import CoefficientFile
from scorer.equation import CHUNK_ROWS, Equation, sigmoid
from scorer.errors import BadRowsError, BadShapeError, CertificateError, Problem, RowsError
from scorer.scores import RowScore, Scores

Row = Mapping[str, object]
"""One row: raw cells by input name. Names that the model does not know are ignored."""


class Columns(Protocol):
    """Columns by name: a dict of sequences or numpy arrays, or a pandas DataFrame."""

    def keys(self) -> Any:
        """The column names."""

    def __getitem__(self, name: Any, /) -> Any:
        """One column, as a sequence or array."""


class Scorer:
    """A coefficient file, certified on this machine and ready to score. Immutable, and safe to share between threads.

    Attributes:
        file: the coefficient file.
        equation: its equation.
        certificate_error: largest |phat - golden phat| over the certificate's rows, as this machine computes them.
    """

    def __init__(self, file: CoefficientFile, source: str = "coefficient file") -> None:
        """Makes a scorer and checks the file's certificate.

        Args:
            file: a validated coefficient file.
            source: what to call the file in errors.

        Raises:
            CertificateError: a golden row does not come out within the file's tolerance.
        """
        self.file = file
        self.equation = Equation(file)
        self.readers = tuple(cells.reader(declared, file.missing_markers) for declared in self.equation.inputs)
        self._reads = [reader.read for reader in self.readers]
        self._known = frozenset(declared.name for declared in file.inputs)
        self.certificate_error = self._certify(source)

    def __repr__(self) -> str:
        return f"<Scorer {self.file.model} {self.file.version} sha256={self.file.sha256[:12]}>"

    def score(self, rows: Row | Sequence[Row] | Columns) -> Scores:
        """Scores one row, a list of rows, or columns. All or nothing: one bad cell and no row is scored.

        Args:
            rows: a dict of cells, a sequence of such dicts, a mapping of names to sequences or numpy arrays of one
                length, or a pandas DataFrame. Cells are raw, as docs/api.md describes them; None, NaN and an absent
                key are missing.

        Returns:
            The scores in row order; n is 1 for one dict, and 0 for an empty list.

        Raises:
            BadRowsError: cells that no rule can read, or rows that hold none of the model's inputs. Lists the first 20.
            BadShapeError: neither a row, nor rows, nor columns of one length.
        """
        if _has_names(rows):
            if self._holds_columns(rows):
                return self.score_cells(self._columns(rows))
            rows = [_as_row(rows)]
        if isinstance(rows, (str, bytes)) or not isinstance(rows, Sequence):
            raise BadShapeError(f"expected a row, rows or columns, got a {type(rows).__name__}")
        problems = self._row_problems(rows)
        if problems:
            raise BadRowsError(problems)
        return self.score_cells([[row.get(reader.name) for row in rows] for reader in self.readers])

    def score_cells(
        self, columns: Sequence[Sequence[object] | NDArray[Any]], kinds: Sequence[set[type] | None] | None = None
    ) -> Scores:
        """Scores raw cells that are laid out already. `score` ends here, and so do the service's batches.

        Args:
            columns: one for each of `equation.inputs`, in that order: n raw cells.
            kinds: for each column the types among which those of its cells are, where that is known.

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
        entered = equation.enter(values)
        log_odds = equation.log_odds(entered)
        if not np.isfinite(log_odds).all():
            raise BadRowsError(list(self._overflows(entered, log_odds)))
        phat = sigmoid(log_odds)
        return Scores(phat, equation.outcome(phat), self.file, equation, values, entered)

    def score_row_cells(self, row: Sequence[object]) -> RowScore:
        """Scores the raw cells of one row without numpy's overhead for arrays: the same bits, many times faster.

        Args:
            row: one raw cell for each of `equation.inputs`, in that order.

        Raises:
            BadRowsError: as score_cells.
        """
        try:
            cells_read = zip(self._reads, row, strict=True)
            # An infinite float gets past this, but not past the check below; one in a category is a TypeError.
            read = [cell if type(cell) is float else read_cell(cell) for read_cell, cell in cells_read]
            entered = self.equation.enter(read)
            log_odds = self.equation.log_odds(entered)
        except (cells.BadCellError, TypeError):
            log_odds = math.nan
        if not math.isfinite(log_odds):  # score_cells lists all that is wrong
            scores = self.score_cells([[cell] for cell in row])
            entered, read = ([column[0] for column in columns] for columns in (scores.entered, scores.read))
            return RowScore(int(scores.outcome[0]), float(scores.phat[0]), entered, read)
        phat = float(sigmoid(log_odds))
        return RowScore(self.equation.outcome(phat), phat, entered, read)

    def _overflows(self, entered: Sequence[NDArray[Any]], log_odds: NDArray[np.float64]) -> Iterator[Problem]:
        message = "the number is too large for the equation in float64"
        for row in np.flatnonzero(~np.isfinite(log_odds)).tolist():
            columns = zip(self.equation.inputs, entered, strict=True)
            fields = [declared.name for declared, column in columns if not np.isfinite(column[row])]
            for field in fields or (None,):
                yield Problem(row, field, "not_finite", message)

    def _row_problems(self, rows: Sequence[object]) -> list[Problem]:
        problems = []
        for index, row in enumerate(rows):
            if not isinstance(row, Mapping):
                message = f"expected an object with the model's inputs, got a {type(row).__name__}"
                problems.append(Problem(index, None, "not_an_object", message))
            elif self._known.isdisjoint(row):
                problems.append(Problem(index, None, "no_model_input", NO_MODEL_INPUT))
        return problems

    def _holds_columns(self, rows: Columns) -> bool:
        if not isinstance(rows, Mapping):  # a DataFrame
            return True
        known = [rows[name] for name in rows if name in self._known]
        kinds = {_is_column(value) for value in known or rows.values()}
        if known and len(kinds) == 2:
            raise BadShapeError("some of the model's inputs are single cells and some are columns")
        return kinds == {True}

    def _columns(self, rows: Columns) -> list[NDArray[Any] | list[object]]:
        present = [name for name in rows.keys() if name in self._known]  # noqa: SIM118 (a DataFrame iterates otherwise)
        if not present:
            raise BadShapeError("none of the columns is an input of the model")
        columns = {name: rows[name] for name in present}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            named = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise BadShapeError(f"the columns differ in length: {named}")
        count = lengths[present[0]]
        absent: list[object] = [None] * count
        return [_cells_of(columns[reader.name]) if reader.name in columns else absent for reader in self.readers]

    def _certify(self, source: str) -> float:
        certificate = self.file.certificate
        try:
            phat = self.score([golden.cells for golden in certificate.rows]).phat
        except RowsError as error:
            at = f"$.certificate.rows[{error.problems[0].row}]"
            raise CertificateError(source, at, f"the golden row cannot be scored: {error}") from None
        differences = np.abs(phat - [golden.phat for golden in certificate.rows])
        worst = int(np.argmax(differences))
        if not differences[worst] <= certificate.tolerance:
            reason = (
                f"the certificate is not reproduced: golden row {certificate.rows[worst].about!r} should give phat "
                f"{certificate.rows[worst].phat!r} and gives {float(phat[worst])!r}, off by {differences[worst]:.1e} "
                f"where the tolerance is {certificate.tolerance}"
            )
            raise CertificateError(source, f"$.certificate.rows[{worst}].phat", reason)
        return float(differences[worst])


NO_MODEL_INPUT = "the row holds none of the model's inputs"


def _has_names(rows: object) -> TypeGuard[Columns]:
    return hasattr(rows, "keys") and hasattr(rows, "__getitem__")


def _as_row(rows: Columns) -> Row:
    return {name: rows[name] for name in rows.keys()}  # noqa: SIM118


def _is_column(value: object) -> bool:
    if isinstance(value, (str, bytes, Mapping)):
        return False
    return isinstance(value, Sequence) or bool(getattr(value, "ndim", 0)) or hasattr(value, "iloc")


def _cells_of(column: Any) -> NDArray[Any] | list[object]:
    return column if isinstance(column, list) else np.asarray(column)
