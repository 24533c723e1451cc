"""The hand-written logistic equation: the approved GLM, term by term in the coefficient file's order.

    x        = the cell, or the imputer's mean where it is missing
    variable = (x - scaler_mean) / scaler_scale          for a number
             = 1 where the cell has the term's level, else 0    for a dummy
    log-odds = intercept + coefficient_1 * variable_1 + ... + coefficient_k * variable_k
    phat     = 1 / (1 + exp(-log-odds))
    outcome  = 1 where phat > cutoff, else 0

Every step is elementwise in float64, so a row's bits do not depend on the batch it comes in. That rules out matrix
products (`X @ b` sums in an order that depends on the shape), `x * (1 / scale)` (rounds twice) and math.exp (its last
bit differs from np.exp's). np.exp itself is given contiguous arrays only: for other strides numpy may use
another routine, which rounds differently.

The same code evaluates columns and single rows: a value is a numpy column, or a Python number if one row is scored
alone, which saves numpy's overhead for arrays. IEEE 754 gives both the same bits. The two differ only in how a missing
number is imputed, how an effect is looked up, and in `_select`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorer.coefficients import CoefficientFile, Input, NumberInput, Term

CHUNK_ROWS = 32_768
"""Rows of long columns evaluated together: 16 Ki to 64 Ki were measured as the fastest."""

Value = Any
"""A column, shape (n,), or one Python number: float64 with NaN for missing, or codes of levels."""


class Summand(NamedTuple):
    """One step of the sum: a number's term, or neighbouring dummies of one category.

    A row has at most one of a category's dummies, and adding 0 changes no sum: so one look-up, by the level's code,
    adds the same as all of these dummies.

    Attributes:
        input_index: index of the input in the equation's inputs.
        coefficient: of the standardized number; 0 for a category.
        effects: what each level adds, by its code; None for a number.
    """

    input_index: int
    coefficient: float
    effects: Sequence[float] | Effects | None


class Effects:
    """What each level adds, looked up for a whole column of codes by `take`, the fastest way in numpy."""

    def __init__(self, effects: Sequence[float]) -> None:
        self._effects = np.array(effects)

    def __getitem__(self, codes: NDArray[np.intp]) -> NDArray[np.float64]:
        return self._effects.take(codes)


class Equation:
    """The equation of one coefficient file.

    Attributes:
        inputs: the inputs that the equation uses, in the file's order.
    """

    def __init__(self, file: CoefficientFile) -> None:
        used = {term.input for term in file.terms}
        self.inputs: tuple[Input, ...] = tuple(declared for declared in file.inputs if declared.name in used)
        self._numbers = [declared if isinstance(declared, NumberInput) else None for declared in self.inputs]
        self._intercept = file.intercept
        self._cutoff = file.outcome.cutoff
        indexes = {declared.name: index for index, declared in enumerate(self.inputs)}
        runs = groupby(file.terms, key=lambda term: indexes[term.input])
        steps = [(index, list(run)) for index, run in runs]
        self._row_sum = [self._summand(index, terms, columns=False) for index, terms in steps]
        self._column_sum = [self._summand(index, terms, columns=True) for index, terms in steps]

    def _summand(self, index: int, terms: Sequence[Term], columns: bool) -> Summand:
        declared = self.inputs[index]
        if isinstance(declared, NumberInput):
            return Summand(index, terms[0].coefficient, None)
        effects = [0.0] * (declared.unknown_code + 1)
        for term in terms:
            effects[declared.level_code(term.level)] = term.coefficient
        return Summand(index, 0.0, Effects(effects) if columns else effects)

    def enter(self, values: Sequence[Value]) -> list[Value]:
        """The values that enter the equation: numbers imputed and standardized, codes of levels unchanged.

        Args:
            values: one for each of `inputs`.
        """
        return [
            value if declared is None else standardize(value, declared)
            for declared, value in zip(self._numbers, values, strict=True)
        ]

    def log_odds(self, entered: Sequence[Value]) -> Value:
        """The linear predictor, summed term by term in file order.

        Args:
            entered: as returned by `enter`.

        Returns:
            float64. Infinite or NaN where numbers are too large for the equation.
        """
        total: Value = self._intercept
        for index, coefficient, effects in self._column_sum if _is_column(entered[0]) else self._row_sum:
            value = entered[index]
            total += coefficient * value if effects is None else effects[value]
        return total

    def evaluate(self, values: Sequence[Value]) -> tuple[list[Value], Value, Value, Value]:
        """Evaluates the whole equation.

        Args:
            values: as for `enter`.

        Returns:
            The values that entered the equation, the log-odds, phat, and the outcome. The last two are meaningless if
            the log-odds are not finite.
        """
        entered = self.enter(values)
        log_odds = self.log_odds(entered)
        phat = sigmoid(log_odds)
        if not _is_column(phat):
            phat = float(phat)
        return entered, log_odds, phat, self.outcome(phat)

    def phat(self, values: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """sigmoid(log_odds(enter(values))) of long columns, CHUNK_ROWS at a time.

        The values that enter the equation then stay in the processor's cache, and are not kept. Every step is
        elementwise, so the bits are the same.

        Args:
            values: as for `enter`, shape (n,) each.

        Raises:
            OverflowError: the numbers of a row are too large for the equation.
        """
        rows = len(values[0])
        phat = np.empty(rows)
        for start in range(0, rows, CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            log_odds = self.log_odds(self.enter([column[chunk] for column in values]))
            if not np.isfinite(log_odds).all():
                raise OverflowError
            phat[chunk] = sigmoid(log_odds)
        return phat

    def outcome(self, phat: Value) -> Value:
        """1 where phat is above the cutoff, else 0."""
        return _select(phat > self._cutoff, 1, 0)


def standardize(value: Value, declared: NumberInput) -> Value:
    """Imputes and standardizes numbers, as scikit-learn's SimpleImputer and StandardScaler do.

    Args:
        value: float64, NaN if missing.
        declared: the input with its imputer's mean and its scaler's mean and scale.

    Returns:
        float64, in standard deviations; infinite where the division overflows.
    """
    missing = value != value  # only NaN is not equal to itself
    standardized = value - declared.scaler_mean
    standardized /= declared.scaler_scale
    if missing is False:
        return standardized
    imputed = (declared.imputer_mean - declared.scaler_mean) / declared.scaler_scale
    if missing is True:
        return imputed
    if missing.any():
        standardized[missing] = imputed
    return standardized


def sigmoid(log_odds: Value) -> Value:
    """The logistic function, 1 / (1 + exp(-z)), written so that exp never overflows: its argument is never above 0.

    For z >= 0 that is 1 / (1 + e) with e = exp(-z), for z < 0 it is e / (1 + e) with e = exp(z).

    Args:
        log_odds: float64, contiguous if it is a column.

    Returns:
        Probabilities in [0, 1], float64.
    """
    tail = np.exp(-abs(log_odds))
    return _select(log_odds >= 0, 1.0, tail) / (1.0 + tail)


def _is_column(value: Value) -> bool:
    return isinstance(value, np.ndarray)


def _select(condition: Any, chosen: Value, other: Value) -> Value:
    if _is_column(condition):
        return np.where(condition, chosen, other)
    return chosen if condition else other
