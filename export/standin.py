"""Stand-in data in the notebook's schema: what the confidential files look like, with none of their rows.

Column types, texts, means and scales are the published ones; y is drawn from the approved equation, evaluated by scorer
on the very texts that are written. Shapes and shares that the notebook does not print are set here and say so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from export import notebook, publish
from scorer.scorer import Scorer

TEST_SHARE = 4
"""One test row for so many training rows: 40,000 and 10,000, as in the notebook."""

MISSING_SHARE = 0.02
"""Of numeric cells; not published. x12 and x63 have none: their published means times 32,000 rows are exact sums of
two-decimal numbers, which they would not be with cells missing."""
NEVER_MISSING = (*notebook.MONEY, *notebook.PERCENT)

LEVEL_SHARES: dict[str, tuple[float, ...]] = {"x31": (0.48, 0.2, 0.2, 0.06)}
"""Shares of the levels where they are uneven; what is left to 1 is missing. Not published: set so that the standard
errors of the fitted dummies come out near the published ones (0.030, 0.029 and 0.056). All other levels are equally
frequent."""

UNIFORM = frozenset({"x44", "x53", "x63", "x91"})
"""Columns drawn uniformly; all others are normal. Not published: percents have to stay between 0 and 100, and the
published scale of the others, 0.29, is that of a uniform range of one unit."""

DECIMALS = 8
"""Of numbers. The row that the task shows as an example has 6 to 10, and 8 on average."""

BRACKETS_SHARE = 0.5
"""Of negative money: written ($5,032.58) rather than $-5,032.58. Both occur in the notebook's cleaning."""


def write(rows: int, seed: int, directory: Path, scorer: Scorer) -> tuple[Path, Path]:
    """Writes train.csv (x0 ... x99 and y) and test.csv (x0 ... x99).

    Args:
        rows: of the training file; the test file has a quarter of that, at least one.
        seed: of numpy's default generator: the same seed gives the same files.
        directory: made if it does not exist.
        scorer: the model that y is drawn from.

    Returns:
        The two paths.
    """
    random = np.random.default_rng(seed)
    directory.mkdir(parents=True, exist_ok=True)
    train, test = inputs(rows, random), inputs(max(1, rows // TEST_SHARE), random)
    phat = scorer.score({name: train[name].tolist() for name in train}).phat
    train[notebook.TARGET] = (random.random(rows) < phat).astype(int)
    paths = directory / "train.csv", directory / "test.csv"
    for path, frame in zip(paths, (train, test), strict=True):
        frame.to_csv(path, index=False)
    return paths


def inputs(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """The 100 input columns as texts and numbers, as they stand in a CSV; missing cells are None or NaN."""
    published = publish.figures()
    columns: dict[str, Any] = {}
    for parameters in published["numeric"]:
        columns[parameters["name"]] = _numeric(parameters, rows, random)
    for name, declared in published["columns"]["categorical"].items():
        columns[name] = _category(name, declared["levels"], rows, random)
    return pd.DataFrame({name: columns[name] for name in notebook.INPUTS})


def _numeric(parameters: dict[str, Any], rows: int, random: np.random.Generator) -> NDArray[Any]:
    name, mean = parameters["name"], parameters["scaler_mean"]
    missing = 0.0 if name in NEVER_MISSING else MISSING_SHARE
    # The published scale is that of the imputed column, in which missing cells have no spread.
    spread = parameters["scaler_scale"] / np.sqrt(1 - missing)
    if name in UNIFORM:
        values = mean + spread * np.sqrt(12) * (random.random(rows) - 0.5)
    else:
        values = random.normal(mean, spread, rows)
    if name in notebook.MONEY:
        brackets = random.random(rows) < BRACKETS_SHARE
        return np.array([_money(value, bracket) for value, bracket in zip(values, brackets, strict=True)])
    if name in notebook.PERCENT:
        return np.array([f"{value:.2f}%" for value in np.clip(values, 0, 100)])
    return np.where(random.random(rows) < missing, np.nan, values.round(DECIMALS))


def _money(value: float, brackets: bool) -> str:
    if value >= 0:
        return f"${value:,.2f}"
    return f"(${-value:,.2f})" if brackets else f"$-{-value:,.2f}"


def _category(name: str, levels: list[str], rows: int, random: np.random.Generator) -> NDArray[Any]:
    shares = LEVEL_SHARES.get(name, (1 / len(levels),) * len(levels))
    names = np.array([*levels, None], dtype=object)
    picked: NDArray[Any] = random.choice(names, size=rows, p=[*shares, max(0.0, 1 - sum(shares))])
    return picked
