"""Scores rows with an approved logistic GLM that is one JSON file. Needs numpy alone.

import scorer

model = scorer.load()                       # the coefficient file that ships with the package
scores = model.score([{"x5": "monday", "x12": "$1,205.10", "x91": 0.793728}])
scores.phat, scores.outcome, scores.to_rows()
"""

from typing import TYPE_CHECKING

from scorer.version import __version__

if TYPE_CHECKING:
    from scorer.coefficients import CoefficientFile
    from scorer.errors import BadRowsError, BadShapeError, CoefficientFileError, RowsError, ScorerError
    from scorer.scorer import Scorer
    from scorer.scores import Scores
    from scorer.store.directory import load

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

_HOMES = {
    "BadRowsError": "scorer.errors",
    "BadShapeError": "scorer.errors",
    "CoefficientFile": "scorer.coefficients",
    "CoefficientFileError": "scorer.errors",
    "RowsError": "scorer.errors",
    "Scorer": "scorer.scorer",
    "ScorerError": "scorer.errors",
    "Scores": "scorer.scores",
    "load": "scorer.store.directory",
}
"""The modules of these names. They are imported when a name is first asked for: so scorer.__main__ can say how many
threads numpy starts before numpy is imported."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
