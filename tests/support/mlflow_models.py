"""The model directory of MLflow in tests: rows for it, and what is compared."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import scorer
from tests.support.paths import ROWS

ALONE = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""Settings with which MLflow calls nobody. It reads them when it is imported."""

USED = list(scorer.load().used)
"""The inputs of the shipped model that its equation uses."""


def stand_in_rows() -> list[dict[str, Any]]:
    """100 rows with the cells of these inputs."""
    read: list[dict[str, Any]] = json.loads(ROWS.read_bytes())
    return [{name: row[name] for name in USED} for row in read]


def same_bits(given: Any, expected: scorer.Scores) -> bool:
    """Whether a DataFrame has the outcomes and the probabilities of scores, to the bit."""
    phat = given["phat"].to_numpy(np.float64)
    return bool(
        phat.tobytes() == expected.phat.tobytes()
        and given["business_outcome"].tolist() == expected.outcome.tolist()
        and sorted(given) == list(given)
    )
