"""Why a row got its score: what each term adds to the log-odds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.scores import Scores, missing, unknown

Explanation = dict[str, Any]


def contributions(scores: Scores) -> dict[str, NDArray[np.float64]]:
    """coefficient · variable of each term, by variable in the order in which they are summed; shape (n,) each.

    Added to the intercept one by one in float64, they give `log_odds` bit for bit.
    """
    variables = scores.variables
    return {term.variable: term.coefficient * variables[term.variable] for term in scores.file.terms}


def log_odds(scores: Scores) -> NDArray[np.float64]:
    """The linear predictor from which phat was computed, shape (n,)."""
    values: NDArray[np.float64] = scores.equation.log_odds(scores.entered)
    return values


def explain(scores: Scores) -> list[Explanation]:
    """Explains each row.

    Returns:
        One dict per row: `log_odds`; `intercept`; `contributions` by variable, in the order in which they are summed;
        `imputed`, the inputs with a missing cell; `unknown_levels`, the inputs with a level that the model does not
        know. A missing category is listed as imputed too, although it has a dummy of its own or counts as the baseline.
    """
    added = contributions(scores)
    rows = zip(log_odds(scores).tolist(), *(column.tolist() for column in added.values()), strict=True)
    explanations: list[Explanation] = [
        {
            "log_odds": total,
            "intercept": scores.file.intercept,
            "contributions": dict(zip(added, row, strict=True)),
            "imputed": [],
            "unknown_levels": [],
        }
        for total, *row in rows
    ]
    for declared, values in zip(scores.equation.inputs, scores.read, strict=True):
        for row in np.flatnonzero(missing(declared, values)).tolist():
            explanations[row]["imputed"].append(declared.name)
        for row in np.flatnonzero(unknown(declared, values)).tolist():
            explanations[row]["unknown_levels"].append(declared.name)
    return explanations
