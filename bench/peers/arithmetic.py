"""The equation in plain vectorized numpy, as an engineer would write it; shared by several peers.

Ten numpy calls for a batch of any size, including one matrix product. Only the cells that the equation uses are read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cell = str | float | None
Answer = dict[str, float | int]

MONEY = str.maketrans({"$": "", ",": "", ")": "", "(": "-"})
PERCENT = str.maketrans({"%": ""})
MARKS = {"money": MONEY, "percent": PERCENT}

MISSING = -1
UNKNOWN = -2


class Model:
    """The equation with a coefficient file's parameters.

    Attributes:
        inputs: names of the inputs that the equation uses, numbers first.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        used = {term["input"] for term in document["terms"]}
        declared = {one["name"]: one for one in document["inputs"] if one["name"] in used}
        numbers = [term for term in document["terms"] if declared[term["input"]]["kind"] != "category"]
        dummies = [term for term in document["terms"] if declared[term["input"]]["kind"] == "category"]
        outcome = document["outcome"]
        self._markers = frozenset(document["missing_markers"])
        self._intercept = document["intercept"]
        self._cutoff = outcome["cutoff"]

        self._marks: list[dict[int, str] | None] = [MARKS.get(declared[term["input"]]["kind"]) for term in numbers]
        self._imputer_mean, self._scaler_mean, self._scaler_scale = (
            np.array([[declared[term["input"]][key]] for term in numbers])
            for key in ("imputer_mean", "scaler_mean", "scaler_scale")
        )
        self._number_coefficients = np.array([term["coefficient"] for term in numbers])

        categories = list(dict.fromkeys(term["input"] for term in dummies))
        self._codes: list[dict[str | None, int]] = [
            {level: code for code, level in enumerate(declared[name]["levels"])}
            | dict.fromkeys([None, *self._markers], MISSING)
            for name in categories
        ]
        self._input_indexes = [categories.index(term["input"]) for term in dummies]
        self._wanted = np.array(
            [[self._codes[index][term["level"]]] for index, term in zip(self._input_indexes, dummies, strict=True)]
        )
        self._dummy_coefficients = np.array([term["coefficient"] for term in dummies])

        self.inputs = (*(term["input"] for term in numbers), *categories)
        keys = [outcome["name"], outcome["probability"], *(term["variable"] for term in (*numbers, *dummies))]
        self._order = sorted(range(len(keys)), key=keys.__getitem__)
        self._keys = [keys[index] for index in self._order]

    def score_rows(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """The answers for rows of raw cells by input name; an absent cell is missing."""
        return self.score([[row.get(name) for row in rows] for name in self.inputs])

    def score(self, columns: Sequence[Sequence[Any]]) -> list[Answer]:
        """The answers for n rows.

        Args:
            columns: n raw cells for each of `inputs`, in that order.

        Returns:
            One dict per row: outcome, probability and variables, keys in alphabetical order.
        """
        split = len(self._marks)
        numbers = np.array(
            [self._floats(cells, marks) for cells, marks in zip(columns[:split], self._marks, strict=True)]
        )
        imputed = np.where(np.isnan(numbers), self._imputer_mean, numbers)
        standardized = (imputed - self._scaler_mean) / self._scaler_scale
        codes = np.array(
            [
                [known.get(cell, UNKNOWN) for cell in cells]
                for cells, known in zip(columns[split:], self._codes, strict=True)
            ]
        )
        dummies = (codes[self._input_indexes] == self._wanted).astype(np.int64)
        log_odds = self._intercept + self._number_coefficients @ standardized + self._dummy_coefficients @ dummies
        phat = 1.0 / (1.0 + np.exp(-log_odds))
        outcome = (phat > self._cutoff).astype(np.int64)
        values = [outcome.tolist(), phat.tolist(), *standardized.tolist(), *dummies.tolist()]
        ordered = [values[index] for index in self._order]
        return [dict(zip(self._keys, row, strict=True)) for row in zip(*ordered, strict=True)]

    def _floats(self, cells: Sequence[Any], marks: dict[int, str] | None) -> NDArray[np.float64]:
        if marks is not None:
            cells = [cell.translate(marks) if isinstance(cell, str) else cell for cell in cells]
        try:
            return np.array(cells, dtype=np.float64)  # reads texts as float() does, and None as NaN
        except ValueError:
            return np.array([None if cell in self._markers else cell for cell in cells], dtype=np.float64)


def load() -> Model:
    """The model of the coefficient file that PEER_MODEL names."""
    return Model(json.loads(Path(os.environ["PEER_MODEL"]).read_text(encoding="utf-8")))
