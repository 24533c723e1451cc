"""Scorer: a coefficient file ready to score."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import repeat
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from scorer import arrow, arrow_cells, cells, certificate, reading
from scorer.cells import UnknownLevels
from scorer.coefficients import CategoryInput, CoefficientFile
from scorer.columns import Column, Rows, raw_columns
from scorer.equation import CHUNK_ROWS, Equation
from scorer.errors import BadRowsError, ParameterError, Problem
from scorer.scores import RowScore, Scores


class Scorer:
    """A coefficient file, certified on this machine and ready to score. Immutable, and safe to share between threads.

    A pickle of it is the coefficient file, which is read and certified anew where it is unpickled.

    Attributes:
        file: the coefficient file.
        equation: its equation.
        used: names of the inputs that the equation uses, in the file's order: the columns that `score` reads.
        readers: of the cells of the equation's inputs, by what unknown levels do.
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
        inputs = self.equation.inputs
        self.readers: Mapping[UnknownLevels, Sequence[cells.Reader]] = {
            choice: tuple(cells.reader(declared, file.missing_markers, choice) for declared in inputs)
            for choice in get_args(UnknownLevels)
        }
        self._row_readers = {
            choice: [(index, reader.codes, reader.read) for index, reader in enumerate(readers)]
            for choice, readers in self.readers.items()
        }
        categories = ((index, each) for index, each in enumerate(inputs) if isinstance(each, CategoryInput))
        self._unknown_codes = [(index, each.unknown_code) for index, each in categories]
        self.used = tuple(declared.name for declared in inputs)
        self._known = frozenset(declared.name for declared in file.inputs)
        self.certificate_error = certificate.check(file, self.score, source)

    def __repr__(self) -> str:
        return f"<Scorer {self.file.model} {self.file.version} sha256={self.file.sha256[:12]}>"

    def __reduce__(self) -> tuple[Callable[[bytes, str], Scorer], tuple[bytes, str]]:
        return unpickled, (zlib.compress(self.file.to_bytes()), self.file.sha256)

    def score(self, rows: Rows, *, unknown_levels: UnknownLevels = "baseline") -> Scores:
        """Scores one row, a list of rows, or columns. All or nothing: if one cell is bad, no row is scored.

        Args:
            rows: one of

                - a row: a dict of cells, or another object with `keys` and `[name]`, such as a pandas Series;
                - a sequence of dicts of cells;
                - a dict of columns of one length, each a sequence, a numpy array (masked or not), a pandas Series, or
                  an Arrow column such as a polars Series or a pyarrow ChunkedArray; they may be mixed;
                - a table: a pandas DataFrame, a structured numpy array, or whatever speaks Arrow's PyCapsule interface,
                  such as a polars DataFrame, a pyarrow Table or RecordBatchReader, a DuckDB relation. A stream is read
                  to its end.

                docs/library.md has an example of each. Cells are raw, as docs/api.md describes them, and a Decimal is a
                number. Missing are: None, NaN (a Decimal's too), pandas.NA, masked cells, null in Arrow or polars, and
                an absent key or column.
            unknown_levels: what a level does that the model does not know. With ``baseline`` it scores as the baseline
                and is counted in `Scores.unknown_levels`; with ``error`` its cell is bad, with code ``unknown_level``.

        Returns:
            The scores in row order; n is 1 for one row, and 0 for an empty list.

        Raises:
            BadRowsError: cells that no rule can read, or rows with none of the model's inputs. Lists the first 20.
            BadShapeError: neither a row, nor rows, nor columns of one length; an Arrow type that holds neither numbers
                nor texts; or it needs pyarrow, which is not there.
            ParameterError: `unknown_levels` is something else.
        """
        if unknown_levels not in self.readers:
            raise ParameterError("unknown_levels", f"expected {' or '.join(self.readers)}")
        return self.score_cells(raw_columns(rows, self._known, self.used), unknown_levels=unknown_levels)

    def score_cells(
        self,
        columns: Sequence[Column],
        kinds: Sequence[set[type] | None] | None = None,
        unknown_levels: UnknownLevels = "baseline",
    ) -> Scores:
        """Scores columns of raw cells. `score` calls it, and so do the service's batches.

        Args:
            columns: n raw cells for each of `equation.inputs`, in that order: sequences, numpy arrays without masks, or
                pyarrow's Arrays and ChunkedArrays.
            kinds: for each column a set that contains the types of all its cells, or None if unknown.
            unknown_levels: as for `score`.

        Raises:
            BadRowsError: cells that no rule can read, or numbers too large for the equation.
        """
        values: list[NDArray[Any]] = []
        problems: list[Problem] = []
        readers = self.readers[unknown_levels]
        for reader, column, known in zip(readers, columns, kinds or repeat(None), strict=kinds is not None):
            if arrow.speaks(column):
                read, bad = arrow_cells.read_column(reader, arrow.column(reader.name, column))
            else:
                read, bad = cells.read_column(reader, column, known)
            values.append(read)
            problems += bad
        if problems:
            raise BadRowsError.of(sorted(problems, key=lambda problem: problem.row))
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
            raise BadRowsError.of(list(self._overflows(entered, log_odds)))
        return Scores(phat, outcome, self.file, equation, values, entered)

    def score_row_cells(self, row: Sequence[object], unknown_levels: UnknownLevels = "baseline") -> RowScore:
        """Scores the raw cells of one row without numpy's overhead for arrays: the same bits, many times faster.

        Args:
            row: one raw cell for each of `equation.inputs`, in that order.
            unknown_levels: as for `score`.

        Raises:
            BadRowsError: as score_cells.
        """
        try:
            read = cells.read_row(self._row_readers[unknown_levels], row)
            entered, log_odds, phat, outcome = self.equation.evaluate_row(read)
        except (cells.BadCellError, TypeError):  # TypeError: a float in a category
            log_odds = math.nan
        if not math.isfinite(log_odds):  # score_cells lists every problem
            scores = self.score_cells([[cell] for cell in row], unknown_levels=unknown_levels)
            entered, read = ([column[0] for column in columns] for columns in (scores.entered, scores.read))
            outcome, phat = int(scores.outcome[0]), float(scores.phat[0])
        unknown = 0
        for index, code in self._unknown_codes:
            if read[index] == code:
                unknown += 1
        # As RowScore(...), without the call of a Python function, which costs more than the count above.
        return tuple.__new__(RowScore, (outcome, phat, entered, read, unknown))

    def _overflows(self, entered: Sequence[NDArray[Any]], log_odds: NDArray[np.float64]) -> Iterator[Problem]:
        message = "the number is too large for the equation in float64"
        for row in np.flatnonzero(~np.isfinite(log_odds)).tolist():
            columns = zip(self.equation.inputs, entered, strict=True)
            fields = [declared.name for declared, column in columns if not np.isfinite(column[row])]
            for field in fields or (None,):
                yield Problem(row, field, "not_finite", message)


@lru_cache(maxsize=8)
def unpickled(packed: bytes, sha256: str) -> Scorer:
    """The scorer of a pickle. An engine may unpickle it for each task: a process reads and certifies it once.

    Args:
        packed: the file's canonical bytes, compressed by zlib.
        sha256: of the bytes that the file was read from, which may have been others.

    Raises:
        CoefficientFileError: the file is not valid, or this machine does not reproduce its certificate.
    """
    source = "pickled coefficient file"
    return Scorer(replace(reading.parse(zlib.decompress(packed), source), sha256=sha256), source)
