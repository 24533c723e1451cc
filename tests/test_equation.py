from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scorer import Scorer
from scorer.coefficients import CategoryInput, NumberInput
from scorer.equation import sigmoid, standardize

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1))
def test_sigmoid_is_a_probability_and_symmetric(values: list[float]) -> None:
    log_odds = np.array(values)
    phat = sigmoid(log_odds)
    assert ((phat >= 0) & (phat <= 1)).all()
    # The sum and the quotient are each rounded once, to a half unit in the last place of numbers below 2 and below 1.
    np.testing.assert_allclose(sigmoid(-log_odds), 1 - phat, rtol=0, atol=3e-16)


@given(finite, finite)
def test_sigmoid_never_falls(first: float, second: float) -> None:
    low, high = sorted((first, second))
    phat = sigmoid(np.array([low, high]))
    # np.exp is good to one unit in the last place, so neighbours may come out the other way round by that much.
    assert phat[0] <= np.nextafter(phat[1], 2)


@pytest.mark.parametrize(
    ("log_odds", "phat"),
    [(0.0, 0.5), (-0.0, 0.5), (800.0, 1.0), (-800.0, 0.0), (1e308, 1.0), (-1e308, 0.0), (math.log(3), 0.75)],
)
def test_sigmoid_known_values(log_odds: float, phat: float) -> None:
    assert sigmoid(np.array([log_odds]))[0] == pytest.approx(phat, rel=1e-15)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=70))
def test_sigmoid_gives_the_same_bits_in_any_batch(values: list[float]) -> None:
    alone = [sigmoid(np.array([value]))[0] for value in values]
    assert sigmoid(np.array(values)).tolist() == alone


def test_standardize_divides_by_the_scale() -> None:
    declared = NumberInput("x", "number", imputer_mean=2.0, scaler_mean=1.0, scaler_scale=3.0)
    values = standardize(np.array([np.nan, 1.1, 4.0]), declared)
    assert values.tolist() == [1 / 3, (1.1 - 1.0) / 3.0, 1.0]


def entered(model: Scorer, rows: int) -> list[NDArray[Any]]:
    """Columns as they enter the equation, drawn at random."""
    random = np.random.default_rng(1)
    return [
        random.integers(0, declared.unknown_code + 1, rows)
        if isinstance(declared, CategoryInput)
        else random.normal(size=rows)
        for declared in model.equation.inputs
    ]


def test_terms_are_summed_in_file_order(model: Scorer) -> None:
    """Against a plain loop over the terms, dummies multiplied out."""
    columns = entered(model, 500)
    inputs = {
        declared.name: (declared, column) for declared, column in zip(model.equation.inputs, columns, strict=True)
    }
    total = [model.file.intercept] * 500
    for term in model.file.terms:
        declared, column = inputs[term.input]
        values = column.tolist()
        if isinstance(declared, CategoryInput):
            values = [1 if code == declared.level_code(term.level) else 0 for code in values]
        total = [before + term.coefficient * value for before, value in zip(total, values, strict=True)]
    assert model.equation.log_odds(columns).tolist() == total


def test_a_row_alone_has_the_bits_of_the_columns(model: Scorer) -> None:
    """With missing numbers among them, and numbers that are far out."""
    columns = entered(model, 2_000)
    for index, column in enumerate(columns):
        if column.dtype.kind == "f":
            column *= 10.0 ** (np.arange(2_000) % 9)
            column[index::7] = np.nan
    rows = zip(*(column.tolist() for column in columns), strict=True)
    alone = zip(*map(model.equation.evaluate_row, rows), strict=True)
    together = model.equation.evaluate(columns)
    assert [list(values) for values in zip(*next(alone), strict=True)] == [column.tolist() for column in together[0]]
    for values, column in zip(alone, together[1:], strict=True):
        assert list(values) == column.tolist()


def test_the_cutoff_itself_is_no_event(model: Scorer) -> None:
    phat = np.array([np.nextafter(0.712, 0), 0.712, np.nextafter(0.712, 1)])
    assert model.equation.outcome(phat).tolist() == [0, 0, 1]
