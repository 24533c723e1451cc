"""The hand-written logistic equation: the approved GLM, term by term in the coefficient file's order.

    x        = the cell, or the imputer's mean where it is missing
    variable = (x - scaler_mean) / scaler_scale          for a number
             = 1 where the cell has the term's level, else 0    for a dummy
    log-odds = intercept + coefficient_1 * variable_1 + ... + coefficient_k * variable_k
    phat     = 1 / (1 + exp(-log-odds))
    outcome  = 1 where phat > cutoff, else 0

Every step is elementwise in float64, so a row's bits do not depend on the batch it comes in. That rules out matrix
products (`X @ b` sums in an order that depends on the shape), `x * (1 / scale)` (rounds twice) and math.exp for single
rows (its last bit differs from np.exp's). np.exp itself is only ever given contiguous arrays: for other strides numpy
may take another routine, which rounds differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.cells import MISSING
from scorer.coefficients import CategoryInput, CoefficientFile, Input, NumberInput, Term

Floats = NDArray[np.float64]


class Equation:
    """The equation of one coefficient file.

    Attributes:
        inputs: the inputs that the equation uses, in the file's order.
        variables: the names of the variables, in the order in which they are summed.
    """

    def __init__(self, file: CoefficientFile) -> None:
        used = {term.input for term in file.terms}
        self.inputs: tuple[Input, ...] = tuple(declared for declared in file.inputs if declared.name in used)
        self.variables = tuple(term.variable for term in file.terms)
        self._intercept = file.intercept
        self._coefficients = tuple(term.coefficient for term in file.terms)
        self._cutoff = file.outcome.cutoff
        places = {declared.name: place for place, declared in enumerate(self.inputs)}
        self._places = tuple(places[term.input] for term in file.terms)
        self._codes = tuple(_code(term, self.inputs[places[term.input]]) for term in file.terms)

    def evaluate_variables(self, columns: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """What enters the equation.

        Args:
            columns: one for each of `inputs`, shape (n,): float64 with NaN for missing, or codes of levels.

        Returns:
            One for each of `variables`, shape (n,): standardized float64, or 0 and 1 as int8.
        """
        values: list[NDArray[Any]] = []
        for place, code in zip(self._places, self._codes, strict=True):
            declared, column = self.inputs[place], columns[place]
            if isinstance(declared, NumberInput):
                values.append(standardize(column, declared))
            else:
                values.append((column == code).view(np.int8))
        return values

    def log_odds(self, values: Sequence[NDArray[Any]]) -> Floats:
        """The linear predictor, summed term by term in file order.

        Args:
            values: as evaluate_variables gives them, shape (n,) each.

        Returns:
            float64, shape (n,). NaN where finite terms overflow to infinities of both signs.
        """
        total = np.full(len(values[0]), self._intercept)
        with np.errstate(over="ignore", invalid="ignore"):
            for coefficient, value in zip(self._coefficients, values, strict=True):
                total = total + coefficient * value
        return total

    def outcome(self, phat: Floats) -> NDArray[np.int64]:
        """1 where phat is above the cutoff, else 0. Shape (n,) in and out."""
        return (phat > self._cutoff).astype(np.int64)


def standardize(column: Floats, declared: NumberInput) -> Floats:
    """Imputes and scales, as scikit-learn's SimpleImputer and StandardScaler do.

    Args:
        column: float64, shape (n,), NaN where missing.
        declared: the input with its imputer's mean and its scaler's mean and scale.

    Returns:
        float64, shape (n,), in standard deviations; infinite where the division overflows.
    """
    imputed = np.where(np.isnan(column), declared.imputer_mean, column)
    with np.errstate(over="ignore"):
        return (imputed - declared.scaler_mean) / declared.scaler_scale


def sigmoid(log_odds: Floats) -> Floats:
    """The logistic function, 1 / (1 + exp(-z)), written so that exp never overflows: its argument is never above 0.

    For z >= 0 that is 1 / (1 + e) with e = exp(-z), for z < 0 it is e / (1 + e) with e = exp(z).

    Args:
        log_odds: float64, contiguous, shape (n,).

    Returns:
        Probabilities in [0, 1], float64, shape (n,).
    """
    tail = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, tail) / (1.0 + tail)


def _code(term: Term, declared: Input) -> int:
    if isinstance(declared, CategoryInput) and term.level is not None:
        return declared.levels.index(term.level)
    return MISSING
