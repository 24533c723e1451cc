"""Scores: the scores of a batch of rows. RowScore: those of one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorer import tables
from scorer.coefficients import CategoryInput, CoefficientFile, Input
from scorer.equation import Equation
from scorer.tables import Table


def missing(declared: Input, read: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells of an input were missing, shape (n,).

    Args:
        declared: the input.
        read: its values as read: float64 with NaN for missing, or codes of levels, shape (n,).
    """
    found: NDArray[np.bool_] = read == declared.missing_code if isinstance(declared, CategoryInput) else np.isnan(read)
    return found


def unknown(declared: Input, read: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells of an input have a level that the model does not know, shape (n,); never a number's.

    Args:
        declared, read: as for `missing`.
    """
    if isinstance(declared, CategoryInput):
        found: NDArray[np.bool_] = read == declared.unknown_code
        return found
    return np.zeros(len(read), np.bool_)


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of n rows, in their order.

    Attributes:
        phat: probability of the positive class, float64, shape (n,).
        outcome: 1 where phat is above the cutoff, else 0, int64, shape (n,).
        file: the coefficient file they were computed with.
        equation: its equation.
        read: the values read for each of the equation's inputs: float64 with NaN for missing, or codes of levels;
            shape (n,) each.
        entered_before: the values that entered the equation, if already known; `entered` computes them if not.
    """

    phat: NDArray[np.float64]
    outcome: NDArray[np.int64]
    file: CoefficientFile = field(repr=False)
    equation: Equation = field(repr=False)
    read: Sequence[NDArray[Any]] = field(repr=False)
    entered_before: Sequence[NDArray[Any]] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.phat)

    def part(self, start: int, end: int) -> Scores:
        """The scores of the rows from index ``start`` up to, not including, ``end``."""
        read = [values[start:end] for values in self.read]
        return Scores(self.phat[start:end], self.outcome[start:end], self.file, self.equation, read)

    @cached_property
    def entered(self) -> Sequence[NDArray[Any]]:
        """The values that entered the equation, by input: standardized float64, or codes of levels; shape (n,) each."""
        return self.equation.enter(self.read) if self.entered_before is None else self.entered_before

    @cached_property
    def variables(self) -> dict[str, NDArray[Any]]:
        """The equation's variables by name, in the order in which they are summed: standardized float64, or 0 and 1 as
        int8 for dummies, shape (n,) each."""
        entered = {
            declared.name: (declared, values)
            for declared, values in zip(self.equation.inputs, self.entered, strict=True)
        }
        variables = {}
        for term in self.file.terms:
            declared, values = entered[term.input]
            if isinstance(declared, CategoryInput):
                values = (values == declared.level_code(term.level)).astype(np.int8)
            variables[term.variable] = values
        return variables

    @cached_property
    def missing(self) -> dict[str, int]:
        """Number of missing cells by input name; inputs without any are left out."""
        return _counts(zip(self.equation.inputs, self.read, strict=True), missing)

    @cached_property
    def unknown_levels(self) -> dict[str, int]:
        """Number of cells with a level that the model does not know, by input name; inputs without any are left out."""
        cells = zip(self.equation.inputs, self.read, strict=True)
        return _counts((each for each in cells if isinstance(each[0], CategoryInput)), unknown)

    def columns(self, variables: bool = True) -> dict[str, NDArray[Any]]:
        """Outcome, probability and, unless left out, variables by key, shape (n,) each, keys in alphabetical order."""
        named = self._named(variables)
        return {key: named[key] for key in sorted(named)}

    def to_arrow(self, keep: Table | None = None, variables: bool = False) -> Any:
        """The scores as a pyarrow.Table: outcome (int64) and probability (float64), named as in the file.

        Args:
            keep: columns to carry in front, each of n rows: anything with columns, such as the table that was scored, a
                selection of it, or a dict of columns. They keep their types.
            variables: whether the variables follow, in the order in which they are summed: float64, or int8 for
                dummies.

        Raises:
            ParameterError: `keep` has no columns, or one that is named as a score is, or of another length.
            BadShapeError: pyarrow is needed, and is not there.
        """
        return tables.to_arrow(self._named(variables), keep)

    def to_pandas(self, keep: Table | None = None, variables: bool = False) -> Any:
        """The scores as a pandas.DataFrame, as `to_arrow` gives them; with the index of `keep` if that is pandas'."""
        return tables.to_pandas(self._named(variables), keep)

    def to_polars(self, keep: Table | None = None, variables: bool = False) -> Any:
        """The scores as a polars.DataFrame, as `to_arrow` gives them."""
        return tables.to_polars(self._named(variables), keep)

    def _named(self, variables: bool) -> dict[str, NDArray[Any]]:
        outcome = self.file.outcome
        named = {outcome.name: self.outcome, outcome.probability: self.phat}
        return {**named, **self.variables} if variables else named

    def to_rows(self) -> list[dict[str, float | int]]:
        """The scores as the API answers them, one dict a row: plain Python numbers, keys in alphabetical order."""
        columns = self.columns()
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in values]


def _counts(
    cells: Iterable[tuple[Input, NDArray[Any]]], find: Callable[[Input, NDArray[Any]], NDArray[np.bool_]]
) -> dict[str, int]:
    counts = ((declared.name, int(np.count_nonzero(find(declared, read)))) for declared, read in cells)
    return {name: count for name, count in counts if count}


class RowScore(NamedTuple):
    """The scores of one row, as Python numbers.

    Attributes:
        outcome: 1 where phat is above the cutoff, else 0.
        phat: probability of the positive class.
        entered: the values that entered the equation, one for each input: a standardized float, or the code of a level.
        read: the values read, one for each input: a float, NaN if missing, or the code of a level.
        unknown: how many cells have a level that the model does not know.
    """

    outcome: int
    phat: float
    entered: Sequence[float]
    read: Sequence[float]
    unknown: int


Scored = Scores | Sequence[RowScore]
"""The scores of rows that were scored together, or one by one."""
