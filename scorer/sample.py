"""Stand-in rows for any coefficient file, made from its means, scales and levels. None is a row of a data set."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from scorer import formats
from scorer.coefficients import CategoryInput, Cell, CoefficientFile, NumberInput

if TYPE_CHECKING:
    from numpy.random import RandomState

SEED = 48
ROWS = 10
BLOCK_ROWS = 1_000
"""Rows drawn at a time, all of them even if fewer are asked for: so the first rows are the same for every count."""

MISSING_SHARE = 0.02
"""Of the cells of each input."""

BRACKETS_SHARE = 0.5
"""Share of negative amounts written as ($1,204.50) and not as $-1,204.50. Both mean the same."""

NUMBER_DIGITS, TEXT_DIGITS = 6, 4
"""Digits that a number as large as its input's scale has; those of money and percents, which have two decimals or more.
Large numbers are not rounded beyond the point."""


def rows(file: CoefficientFile, count: int, seed: int = SEED) -> Iterator[dict[str, Cell]]:
    """Draws rows, each with all inputs of a coefficient file in its order, as JSON would send them.

    Inputs are independent of each other. Numbers are normal with the scaler's mean and scale, percents uniform with the
    same; both within the training range, if the file has one. A percent whose mean is between 0 and 100 is between them
    too. Levels are equally frequent. The cells of money and percent are texts, and a missing cell is None; where the
    file has no missing markers, no cell is missing.

    Args:
        file: the coefficient file.
        count: number of rows, 0 or more.
        seed: 0 or more. The same seed gives the same rows with any version of numpy, and fewer rows are the first ones
            of more.

    Raises:
        ValueError: the seed is negative.
    """
    # RandomState's numbers are frozen; those of numpy's newer generators may change with its version.
    random = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    names = [declared.name for declared in file.inputs]
    missing_share = MISSING_SHARE if file.missing_markers else 0.0  # without markers a CSV file cannot say it
    for start in range(0, count, BLOCK_ROWS):
        columns = [_column(declared, missing_share, random) for declared in file.inputs]
        for cells in islice(zip(*columns, strict=True), count - start):
            yield dict(zip(names, cells, strict=True))


def write(target: BinaryIO, file_format: str, file: CoefficientFile, count: int, seed: int = SEED) -> None:
    """Writes rows as they are drawn, for `scorer score` or the API to read.

    Args:
        target: opened in binary mode.
        file_format: one of formats.NAMES. JSON is one array, a row on each line.
        file, count, seed: as for `rows`.
    """
    drawn = rows(file, count, seed)
    if file_format.startswith("csv") and "" not in file.missing_markers:  # an empty field would be no missing cell
        drawn = ({name: file.missing_markers[0] if cell is None else cell for name, cell in r.items()} for r in drawn)
    writer = formats.writer(target, file_format)
    names = [declared.name for declared in file.inputs]
    typed = file_format.startswith(("parquet", "arrow"))
    while True:  # at least once: an empty file has a header too
        block = list(islice(drawn, BLOCK_ROWS))
        columns = {name: [row[name] for row in block] for name in names}
        writer.write({name: _of_one_type(cells) for name, cells in columns.items()} if typed else columns)
        if len(block) < BLOCK_ROWS:
            break
    writer.close()


def _of_one_type(cells: list[Cell]) -> list[Cell]:
    """The cells, numbers as texts if there are texts among them, for formats whose columns have types."""
    if any(isinstance(cell, str) for cell in cells):
        return [cell if cell is None else str(cell) for cell in cells]
    return cells


def money_text(amount: float, brackets: bool, decimals: int = 2) -> str:
    """An amount as text: $1,204.50; a negative one as ($1,204.50) or $-1,204.50."""
    if amount >= 0:
        return f"${amount:,.{decimals}f}"
    return f"(${-amount:,.{decimals}f})" if brackets else f"$-{-amount:,.{decimals}f}"


def _column(declared: NumberInput | CategoryInput, missing_share: float, random: RandomState) -> list[Cell]:
    missing = (random.random_sample(BLOCK_ROWS) < missing_share).tolist()
    cells = _levels(declared, random) if isinstance(declared, CategoryInput) else _numbers(declared, random)
    return [None if is_missing else cell for is_missing, cell in zip(missing, cells, strict=True)]


def _levels(declared: CategoryInput, random: RandomState) -> Iterator[Cell]:
    return map(declared.levels.__getitem__, random.randint(len(declared.levels), size=BLOCK_ROWS).tolist())


def _numbers(declared: NumberInput, random: RandomState) -> Iterator[Cell]:
    low, high = _range(declared)
    decimals = _decimals(declared)
    if declared.kind == "percent":
        standardized = math.sqrt(12) * (random.random_sample(BLOCK_ROWS) - 0.5)
    else:
        standardized = random.standard_normal(BLOCK_ROWS)
    with np.errstate(over="ignore"):
        drawn = declared.scaler_mean + declared.scaler_scale * standardized
    in_brackets = (random.random_sample(BLOCK_ROWS) < BRACKETS_SHARE).tolist()
    for number, brackets in zip(drawn.clip(low, high).tolist(), in_brackets, strict=True):
        rounded = round(number, decimals) + 0.0  # + 0.0: never -0.0
        if not low <= rounded <= high:  # as it is, which a cell of any kind may be
            yield number
        elif declared.kind == "money":
            yield money_text(rounded, brackets, decimals)
        else:
            yield f"{rounded:.{decimals}f}%" if declared.kind == "percent" else rounded


def _range(declared: NumberInput) -> tuple[float, float]:
    if declared.training_range:
        return declared.training_range.min, declared.training_range.max
    if declared.kind == "percent" and 0 <= declared.scaler_mean <= 100:
        return 0.0, 100.0
    return -sys.float_info.max, sys.float_info.max


def _decimals(declared: NumberInput) -> int:
    digits, least = (NUMBER_DIGITS, 0) if declared.kind == "number" else (TEXT_DIGITS, 2)
    return max(least, digits - 1 - math.floor(math.log10(declared.scaler_scale)))
