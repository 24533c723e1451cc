"""Scores: what a model says of a batch. RowScore: of one row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorer.coefficients import CategoryInput, CoefficientFile, Input
from scorer.equation import Equation


def missing(declared: Input, read: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells of an input were missing, shape (n,).

    Args:
        declared: the input.
        read: what was read of it: float64 with NaN for missing, or codes of levels, shape (n,).
    """
    found: NDArray[np.bool_] = read == declared.missing_code if isinstance(declared, CategoryInput) else np.isnan(read)
    return found


def unknown(declared: Input, read: NDArray[Any]) -> NDArray[np.bool_]:
    """As `missing`: which cells held a level that the model does not know; a number's never do."""
    if isinstance(declared, CategoryInput):
        found: NDArray[np.bool_] = read == declared.unknown_code
        return found
    return np.zeros(len(read), np.bool_)


@dataclass(frozen=True, eq=False)
class Scores:
    """What the model says of n rows, in their order.

    Attributes:
        phat: probability of the positive class, float64, shape (n,).
        outcome: 1 where phat is above the cutoff, else 0, int64, shape (n,).
        file: the coefficient file that says so.
        equation: its equation.
        read: what was read of each of the equation's inputs: float64 with NaN for missing, or codes of levels; shape
            (n,) each.
        entered_before: what entered the equation, where it is known already; `entered` gives it in any case.
    """

    phat: NDArray[np.float64]
    outcome: NDArray[np.int64]
    file: CoefficientFile
    equation: Equation
    read: Sequence[NDArray[Any]]
    entered_before: Sequence[NDArray[Any]] | None = None

    def __len__(self) -> int:
        return len(self.phat)

    def part(self, start: int, end: int) -> Scores:
        """What the model says of some of the rows."""
        read = [values[start:end] for values in self.read]
        return Scores(self.phat[start:end], self.outcome[start:end], self.file, self.equation, read)

    @cached_property
    def entered(self) -> Sequence[NDArray[Any]]:
        """What entered the equation of each input: standardized float64, or codes of levels; shape (n,) each."""
        return self.equation.enter(self.read) if self.entered_before is None else self.entered_before

    @cached_property
    def variables(self) -> dict[str, NDArray[Any]]:
        """The values that entered the equation by variable name, in the order in which they are summed: standardized
        float64, or 0 and 1 as int8 for dummies, shape (n,) each."""
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
        """By input name, how many cells were missing; inputs without any are left out."""
        return self._counts(map(missing, self.equation.inputs, self.read))

    @cached_property
    def unknown_levels(self) -> dict[str, int]:
        """By input name, how many cells held a level that the model does not know; inputs without any are left out."""
        return self._counts(map(unknown, self.equation.inputs, self.read))

    def _counts(self, found: Iterable[NDArray[Any]]) -> dict[str, int]:
        counts = zip(self.equation.inputs, map(np.count_nonzero, found), strict=True)
        return {declared.name: int(count) for declared, count in counts if count}

    def columns(self) -> dict[str, NDArray[Any]]:
        """Outcome, probability and variables by their key, keys in alphabetical order."""
        outcome = self.file.outcome
        named = {outcome.name: self.outcome, outcome.probability: self.phat, **self.variables}
        return {key: named[key] for key in sorted(named)}

    def to_rows(self) -> list[dict[str, float | int]]:
        """The rows as the API answers them: plain Python numbers, keys in alphabetical order."""
        columns = self.columns()
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in values]


class RowScore(NamedTuple):
    """What the model says of one row, as Python numbers.

    Attributes:
        outcome: 1 where phat is above the cutoff, else 0.
        phat: probability of the positive class.
        entered: what entered the equation of each of its inputs: a standardized float, or the code of a level.
        read: what was read of each of them: a float, NaN for missing, or the code of a level.
    """

    outcome: int
    phat: float
    entered: Sequence[float]
    read: Sequence[float]


Scored = Scores | Sequence[RowScore]
"""What a model says of rows that were scored together, or one by one."""
