"""Stand-in rows as callers send them: numbers as JSON numbers, money, percents and categories as texts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from export import standin
from scorer.scorer import Scorer

SEED = 13
Row = dict[str, Any]


def stand_in(train_rows: int, seed: int, directory: Path, model: Scorer) -> tuple[Path, list[Row]]:
    """Writes stand-in data as export/standin.py does.

    Args:
        train_rows: number of training rows; there are a quarter as many test rows.
        seed: the same seed gives the same rows.
        directory: where the files are written.
        model: the model whose probabilities y is drawn from.

    Returns:
        The training file, and the test rows with None for missing cells.
    """
    train, test = standin.write(train_rows, seed, directory, model)
    plain = {declared.name for declared in model.file.inputs if declared.kind == "number"}
    with test.open(newline="") as file:
        rows = [
            {name: (float(cell) if name in plain else cell) if cell else None for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]
    return train, rows
