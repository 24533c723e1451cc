"""The model directory of MLflow in tests: rows for it, and what is compared."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

import scorer
from tests.support.paths import ROOT, ROWS

ALONE = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""Settings with which MLflow calls nobody. It reads them when it is imported."""

PAGE = (ROOT / "docs" / "engines.md").read_text().partition("\n## MLflow models\n")[2].partition("\n## ")[0]
"""What the page on engines says of MLflow."""

USED = list(scorer.load().used)
"""The inputs of the shipped model that its equation uses."""


def example(word: str) -> str:
    """The Python block of that page that has a word."""
    (found,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if word in block)
    return str(found)


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
