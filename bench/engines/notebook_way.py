"""The notebook's way to score: pandas cleans, scikit-learn imputes and scales, categories become columns of 0 and 1.

Only the columns that the equation uses, which spares it nine tenths of what the notebook imputes and scales.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

from bench import kernel
from export import notebook
from scorer.coefficients import CategoryInput, NumberInput
from scorer.scorer import Scorer

Phat = Callable[[pd.DataFrame], NDArray[np.float64]]
"""phat of rows with raw cells, shape (n,)."""


class OneHot:
    """One scikit-learn pipeline, as it is usually written: ColumnTransformer, OneHotEncoder, LogisticRegression."""

    def __init__(self, model: Scorer) -> None:
        self._cleaner = _Cleaner(model)
        self._pipeline = kernel.restored_pipeline(
            model, kernel.make_batch(model, kernel.FITTED_ROWS).texts, coded=False
        )

    def __call__(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """phat of rows with raw cells, shape (n,)."""
        phat: NDArray[np.float64] = self._pipeline.predict_proba(self._cleaner(frame))[:, 1]
        return phat


class Dummies:
    """The notebook's own steps: pandas' dummies instead of an encoder, and a matrix product as statsmodels' predict."""

    def __init__(self, model: Scorer) -> None:
        self._cleaner = _Cleaner(model)
        pipeline = kernel.restored_pipeline(model, kernel.make_batch(model, kernel.FITTED_ROWS).texts, coded=False)
        self._scaled = make_pipeline(*(step for _, step in pipeline[0].named_transformers_["numbers"].steps))
        inputs = model.equation.inputs
        self._levels = {declared.name: declared.levels for declared in inputs if isinstance(declared, CategoryInput)}
        self._variables = [term.variable for term in model.file.terms]
        self._coefficients = np.array([term.coefficient for term in model.file.terms])
        self._intercept = model.file.intercept

    def __call__(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """phat of rows with raw cells, shape (n,)."""
        cleaned = self._cleaner(frame)
        names = self._cleaner.numeric
        parts = [pd.DataFrame(self._scaled.transform(cleaned[names]), columns=names, index=frame.index)]
        parts += [notebook.dummies(cleaned[name], name, levels) for name, levels in self._levels.items()]
        variables = pd.concat(parts, axis=1)[self._variables].to_numpy()
        phat: NDArray[np.float64] = 1 / (1 + np.exp(-(variables @ self._coefficients + self._intercept)))
        return phat


class _Cleaner:
    """Step 2 of the notebook."""

    def __init__(self, model: Scorer) -> None:
        self.numeric = [declared.name for declared in model.equation.inputs if isinstance(declared, NumberInput)]
        self._money = [name for name in self.numeric if name in notebook.MONEY]
        self._percent = [name for name in self.numeric if name in notebook.PERCENT]

    def __call__(self, frame: pd.DataFrame) -> Any:
        return notebook.clean(frame, self._money, self._percent, self.numeric)
