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

Columns are evaluated with numpy, one operation at a time. A row that is scored alone is evaluated with Python numbers,
in one pass over its inputs (`Equation.evaluate_row`), which saves numpy's overhead for arrays. Both do the same
operations in the same order, so IEEE 754 gives both the same bits, and tests hold them to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorer.coefficients import CategoryInput, CoefficientFile, Input, NumberInput, Term

CHUNK_ROWS = 32_768
"""Rows of long columns evaluated together: 16 Ki to 64 Ki were measured as the fastest."""

Column = NDArray[Any]
"""Shape (n,): float64 with NaN for missing, or codes of levels."""


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
    effects: NDArray[np.float64] | None


RowNumber = tuple[int, int, float, float, float, float]
"""What a number takes in a row: indexes of its input and of its summand; coefficient; the scaler's mean and scale; the
standardized number where it is missing. No NamedTuple: taking one apart costs several times as much."""


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
        self._sum = [self._summand(index, list(run)) for index, run in runs]
        self._zeros = [0.0] * len(self._sum)
        self._row_numbers = list(self._numbers_of_a_row())
        self._row_categories = [
            (index, self._places(index, declared))
            for index, declared in enumerate(self.inputs)
            if isinstance(declared, CategoryInput)
        ]

    def _summand(self, index: int, terms: Sequence[Term]) -> Summand:
        declared = self.inputs[index]
        if isinstance(declared, NumberInput):
            return Summand(index, terms[0].coefficient, None)
        effects = np.zeros(declared.unknown_code + 1)
        for term in terms:
            effects[declared.level_code(term.level)] = term.coefficient
        return Summand(index, 0.0, effects)

    def _numbers_of_a_row(self) -> Iterator[RowNumber]:
        for place, (index, coefficient, _) in enumerate(self._sum):
            if declared := self._numbers[index]:
                mean, scale = declared.scaler_mean, declared.scaler_scale
                yield index, place, coefficient, mean, scale, (declared.imputer_mean - mean) / scale

    def _places(self, index: int, declared: CategoryInput) -> list[tuple[int, float]]:
        """For each code of a category's levels: which summand it is a part of, and what it adds there.

        A level has at most one dummy, so it is a part of one summand; what has no dummy adds 0 to the first one.
        """
        own = [(place, summand) for place, summand in enumerate(self._sum) if summand.input_index == index]
        places = [(own[0][0], 0.0)] * (declared.unknown_code + 1)
        for place, (_, _, effects) in own:
            for code, effect in enumerate([] if effects is None else effects.tolist()):
                if effect:
                    places[code] = place, effect
        return places

    def enter(self, values: Sequence[Column]) -> list[Column]:
        """The values that enter the equation: numbers imputed and standardized, codes of levels unchanged.

        Args:
            values: one for each of `inputs`.
        """
        return [
            value if declared is None else standardize(value, declared)
            for declared, value in zip(self._numbers, values, strict=True)
        ]

    def log_odds(self, entered: Sequence[Column]) -> NDArray[np.float64]:
        """The linear predictor, summed term by term in file order.

        Args:
            entered: as returned by `enter`.

        Returns:
            float64, shape (n,). Infinite or NaN where numbers are too large for the equation.
        """
        total: Any = self._intercept
        for index, coefficient, effects in self._sum:
            # `take` is the fastest way in numpy to look up a whole column of codes
            total += coefficient * entered[index] if effects is None else effects.take(entered[index])
        return np.asarray(total)

    def evaluate(self, values: Sequence[Column]) -> tuple[list[Column], Column, Column, Column]:
        """Evaluates the whole equation for columns.

        Args:
            values: as for `enter`.

        Returns:
            The values that entered the equation, the log-odds, phat, and the outcome. The last two are meaningless
            where the log-odds are not finite.
        """
        entered = self.enter(values)
        log_odds = self.log_odds(entered)
        phat = sigmoid(log_odds)
        return entered, log_odds, phat, self.outcome(phat)

    def evaluate_row(self, values: Sequence[Any]) -> tuple[list[Any], float, float, int]:
        """Evaluates the whole equation for one row, with the operations of `evaluate` in their order.

        Args:
            values: for each of `inputs` a float, NaN if missing, or the code of a level.

        Returns:
            As `evaluate`, of Python numbers.

        Raises:
            TypeError: a float where the code of a level belongs.
        """
        entered: list[Any] = list(values)
        summands = self._zeros.copy()
        for index, place, coefficient, mean, scale, imputed in self._row_numbers:
            value = values[index]
            entered[index] = value = (value - mean) / scale if value == value else imputed  # only NaN is not itself
            summands[place] = coefficient * value
        for index, places in self._row_categories:
            place, effect = places[values[index]]
            summands[place] = effect
        log_odds = self._intercept
        for summand in summands:
            log_odds += summand
        tail = float(np.exp(-abs(log_odds)))
        phat = (1.0 if log_odds >= 0 else tail) / (1.0 + tail)
        return entered, log_odds, phat, 1 if phat > self._cutoff else 0

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

    def outcome(self, phat: NDArray[np.float64]) -> NDArray[np.int64]:
        """1 where phat is above the cutoff, else 0."""
        return np.where(phat > self._cutoff, 1, 0)


def standardize(values: NDArray[np.float64], declared: NumberInput) -> NDArray[np.float64]:
    """Imputes and standardizes numbers, as scikit-learn's SimpleImputer and StandardScaler do.

    Args:
        values: float64, NaN if missing.
        declared: the input with its imputer's mean and its scaler's mean and scale.

    Returns:
        float64, in standard deviations; infinite where the division overflows.
    """
    missing = values != values  # only NaN is not equal to itself
    standardized = values - declared.scaler_mean
    standardized /= declared.scaler_scale
    if missing.any():
        standardized[missing] = (declared.imputer_mean - declared.scaler_mean) / declared.scaler_scale
    return standardized


def sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function, 1 / (1 + exp(-z)), written so that exp never overflows: its argument is never above 0.

    For z >= 0 that is 1 / (1 + e) with e = exp(-z), for z < 0 it is e / (1 + e) with e = exp(z).

    Args:
        log_odds: float64, contiguous.

    Returns:
        Probabilities in [0, 1], float64.
    """
    tail = np.exp(-abs(log_odds))
    phat: NDArray[np.float64] = np.where(log_odds >= 0, 1.0, tail) / (1.0 + tail)
    return phat
