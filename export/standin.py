"""Stand-in data in the notebook's schema: looks like the confidential files, and has none of their rows.

Column types, texts, means and scales are the published ones. y is drawn from the approved equation, which scorer
evaluates on the texts that are written. Distributions and shares that were not published are marked so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from export import notebook, publish
from scorer.sample import BRACKETS_SHARE, money_text
from scorer.scorer import Scorer

TEST_SHARE = 4
"""Training rows per test row: 40,000 to 10,000, as in the notebook."""

MISSING_SHARE = 0.02
"""Of numeric cells. Not published. x12 and x63 have no missing cells: their published means times 32,000 rows are exact
sums of numbers with two decimals, which missing cells would prevent."""
NEVER_MISSING = (*notebook.MONEY, *notebook.PERCENT)

LEVEL_SHARES: dict[str, tuple[float, ...]] = {"x31": (0.48, 0.2, 0.2, 0.06)}
"""Shares of the levels of a category if they are uneven; the rest of the cells are missing. Not published: set so that
the standard errors of the fitted dummies come out near the published ones (0.030, 0.029 and 0.056). The levels of other
categories are equally frequent."""

UNIFORM = frozenset({"x44", "x53", "x63", "x91"})
"""Columns with a uniform distribution; all others are normal. Not published: percents must be between 0 and 100, and
the published scale of the others, 0.29, is that of a uniform distribution over one unit."""

DECIMALS = 8
"""Decimals of numbers. The example row in the task has 6 to 10, and 8 on average."""


def write(rows: int, seed: int, directory: Path, scorer: Scorer) -> tuple[Path, Path]:
    """Writes train.csv (x0 ... x99 and y) and test.csv (x0 ... x99).

    Args:
        rows: number of rows of the training file; the test file has a quarter as many, and at least one.
        seed: of numpy's default generator; the same seed gives the same files.
        directory: where to write; made if it does not exist.
        scorer: gives the probabilities from which y is drawn.

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
    """Draws the 100 input columns, as texts and numbers; missing cells are None or NaN."""
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
        return np.array([money_text(value, bracket) for value, bracket in zip(values, brackets, strict=True)])
    if name in notebook.PERCENT:
        return np.array([f"{value:.2f}%" for value in np.clip(values, 0, 100)])
    return np.where(random.random(rows) < missing, np.nan, values.round(DECIMALS))


def _category(name: str, levels: list[str], rows: int, random: np.random.Generator) -> NDArray[Any]:
    shares = LEVEL_SHARES.get(name, (1 / len(levels),) * len(levels))
    names = np.array([*levels, None], dtype=object)
    picked: NDArray[Any] = random.choice(names, size=rows, p=[*shares, max(0.0, 1 - sum(shares))])
    return picked
