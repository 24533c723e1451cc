"""RecordBatches → RecordBatches with scores, in whatever process an engine sends the function to. Needs pyarrow.

The function pickles to little more than its model, which is the coefficient file. A process that unpickles it reads the
file and checks its certificate, once for each file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import types

from scorer import arrow_texts
from scorer.batches import BatchScorer, ScoredBatch
from scorer.cells import UnknownLevels
from scorer.errors import BadShapeError, ParameterError, Problem, RowsError
from scorer.formats.rows import RowBatch
from scorer.scorer import Scorer

PROBLEMS = "problems"
"""The column that reports bad rows."""

_PROBLEM = pa.struct([("field", pa.string()), ("code", pa.string()), ("message", pa.string())])
_SHOWN = 60
"""Characters shown of a cell that identifies a row."""


@lru_cache(8)
def _batch_scorer(model: Scorer, variables: bool, unknown_levels: UnknownLevels) -> BatchScorer:
    return BatchScorer(model, "rows", variables=variables, unknown_levels=unknown_levels, report=True)


@dataclass(frozen=True)
class RecordBatchScorer:
    """Scores RecordBatches. It can be pickled.

    Attributes:
        model: what scores.
        keep: columns to carry through, in front of the scores.
        named_by: columns whose cells name a row in errors; None for all that are no inputs of the model.
        variables: whether the equation's variables are among the scores.
        unknown_levels: as for Scorer.score.
        report: whether a bad row is reported in the last column, `problems`, and its scores are null; otherwise it is
            an error.
    """

    model: Scorer
    keep: tuple[str, ...] = ()
    named_by: tuple[str, ...] | None = None
    variables: bool = False
    unknown_levels: UnknownLevels = "baseline"
    report: bool = False

    def fields(self) -> list[Any]:
        """The pyarrow.Fields of the scores: outcome, probability and variables in alphabetical order, then problems.

        Raises:
            ParameterError: `unknown_levels` is neither ``baseline`` nor ``error``.
        """
        nothing = pa.record_batch([pa.nulls(0)], names=self.model.used[:1])
        scored = self._scored(self._score(nothing), 0)
        return [pa.field(name, column.type) for name, column in scored.items()]

    def check(self, names: Sequence[str]) -> None:
        """Checks that rows have what the equation uses.

        Args:
            names: of their columns or fields.

        Raises:
            BadShapeError: one that the equation uses is not there, or is there twice.
        """
        if absent := [name for name in self.model.used if name not in names]:
            raise BadShapeError(f"no column {', '.join(absent)}, which the equation uses")
        self._check_once(self.model.used, names)

    def check_kept(self, names: Sequence[str]) -> None:
        """Checks the columns to carry through.

        Args:
            names: of the table's columns.

        Raises:
            BadShapeError: one is there twice.
            ParameterError: one is not there, or is named as a score.
        """
        if absent := [name for name in self.keep if name not in names]:
            raise ParameterError("keep", f"no column {', '.join(absent)}")
        self._check_once(self.keep, names)
        written = {field.name for field in self.fields()}
        if same := [name for name in self.keep if name in written]:
            reason = f"columns are named as columns of the scores: {', '.join(same)}; keep the others by their names"
            raise ParameterError("keep", reason)

    def _check_once(self, wanted: Sequence[str], names: Sequence[str]) -> None:
        if twice := [name for name in wanted if names.count(name) > 1]:
            raise BadShapeError(f"columns are given twice: {', '.join(twice)}")

    def batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Scores the batches of a table, one by one.

        Args:
            batches: pyarrow.RecordBatches with columns that `check` and `check_kept` accept.

        Yields:
            For each a pyarrow.RecordBatch of as many rows in the same order: the kept columns, then the scores.

        Raises:
            RowsError: a cell or row is bad, and bad rows are not reported. It names the row.
        """
        for batch in batches:
            scored = self._scored(self._score(batch), batch.num_rows)
            kept = {name: batch.column(name) for name in self.keep}
            yield pa.RecordBatch.from_pydict({**kept, **scored})

    def structs(self, rows: Any) -> Any:
        """Scores the rows of a struct column. A row that is null as a whole has no scores.

        Args:
            rows: a pyarrow.StructArray, its fields named as the inputs.

        Returns:
            A pyarrow.StructArray of the scores, in the same order.

        Raises:
            BadShapeError: no struct, or one that lacks a field that the equation uses.
            TableError: an Arrow type that holds neither numbers nor texts.
            RowsError: as for `batches`.
        """
        if not types.is_struct(rows.type):
            raise BadShapeError(f"expected a struct with the inputs as its fields, got {rows.type}")
        names = [field.name for field in rows.type]
        self.check(names)
        scored = self._scored(self._score(pa.RecordBatch.from_arrays(rows.flatten(), names)), len(rows))
        return pa.StructArray.from_arrays(
            list(scored.values()), list(scored), mask=rows.is_null() if rows.null_count else None
        )

    def frame(self, rows: Any) -> Any:
        """As `structs`, where an engine hands out a struct column as a pandas DataFrame, and takes one.

        Args:
            rows: a pandas.DataFrame, its columns named as the inputs.

        Returns:
            A pandas.DataFrame of the scores, in the same order.
        """
        import pandas

        def dtype(kind: Any) -> Any:  # of lists Spark asks for Python's
            return None if types.is_list(kind) else pandas.ArrowDtype(kind)

        scored = self.structs(pa.RecordBatch.from_pandas(rows, preserve_index=False).to_struct_array())
        return pa.RecordBatch.from_struct_array(scored).to_pandas(types_mapper=dtype)

    def _score(self, batch: Any) -> ScoredBatch:
        scorer = _batch_scorer(self.model, self.variables, self.unknown_levels)
        rows = {name: batch.column(name) for name in self.model.used if name in batch.schema.names}
        scored = scorer.score(RowBatch(rows, batch.num_rows), 0)
        if scored.problems and not self.report:
            raise self._error(batch, scored.problems)
        return scored

    def _scored(self, scored: ScoredBatch, count: int) -> dict[str, Any]:
        columns = {name: pa.array(column) for name, column in scored.columns.items()}
        return {**columns, PROBLEMS: _problems(scored.problems, count)} if self.report else columns

    def _error(self, batch: Any, problems: Sequence[Problem]) -> RowsError:
        first = problems[0]
        field = "" if first.field is None else f"{first.field}: "
        more = f" ({len(problems) - 1} more in this batch of {batch.num_rows} rows)" if len(problems) > 1 else ""
        return RowsError(f"{self._row(batch, first.row)}: {field}{first.message}{more}", problems)

    def _row(self, batch: Any, row: int) -> str:
        names = self.named_by
        if names is None:
            known = {declared.name for declared in self.model.file.inputs}
            names = tuple(name for name in batch.schema.names if name not in known)
        shown = {field.name for field in batch.schema if _is_shown(field.type)}
        cells = (f"{name}={_text(batch.column(name)[row : row + 1])}" for name in names if name in shown)
        return f"row with {named}" if (named := ", ".join(cells)) else f"row {row} of a batch"


def _is_shown(kind: Any) -> bool:
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind))


def _text(column: Any) -> str:
    """The one cell of a column."""
    (cell,) = arrow_texts.cells(column)
    text = "null" if cell is None else str(cell)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _problems(problems: Sequence[Problem], count: int) -> Any:
    """For each row a list of its problems; null where it has none."""
    if not problems:
        return pa.nulls(count, pa.list_(_PROBLEM))
    each_row = np.bincount([problem.row for problem in problems], minlength=count)
    offsets = np.concatenate([[0], np.cumsum(each_row)]).astype(np.int32)
    told = [{"field": each.field, "code": each.code, "message": each.message} for each in problems]
    return pa.ListArray.from_arrays(offsets, pa.array(told, _PROBLEM), mask=pa.array(each_row == 0))
