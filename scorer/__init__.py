"""Scores rows with an approved logistic GLM that is one JSON file. Needs numpy alone.

import scorer

model = scorer.load()                       # the coefficient file that ships with the package
scores = model.score([{"x5": "monday", "x12": "$1,205.10", "x91": 0.793728}])
scores.phat, scores.outcome, scores.to_rows()
"""

from scorer.coefficients import CoefficientFile
from scorer.errors import BadRowsError, BadShapeError, CoefficientFileError, RowsError, ScorerError
from scorer.scorer import Scorer
from scorer.scores import Scores
from scorer.store.directory import load
from scorer.version import __version__

__all__ = [
    "BadRowsError",
    "BadShapeError",
    "CoefficientFile",
    "CoefficientFileError",
    "RowsError",
    "Scorer",
    "ScorerError",
    "Scores",
    "__version__",
    "load",
]
