"""A coefficient file as an MLflow model: `write` makes the directory, and MLflow loads it by `_load_pyfunc`.

MLflow is not needed to write. What loads has it, and pandas.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorer import files
from scorer.artifacts import mlflow_directory
from scorer.coefficients import CoefficientFile
from scorer.columns import Rows
from scorer.errors import ParameterError, ScorerError
from scorer.scorer import Scorer
from scorer.store.directory import load, load_with_bytes


def write(directory: str | os.PathLike[str], model: Scorer | str | os.PathLike[str] | None = None) -> CoefficientFile:
    """Writes a directory that MLflow loads, serves, registers, and runs on Spark.

    The same coefficient file and version of this package give the same bytes, on any machine with the same minor
    version of Python.

    Args:
        directory: appears as a whole, or not at all. It may exist if it is empty, or holds this very model.
        model: a scorer, a coefficient file, or a directory with a pointer; None for the file that ships with the
            package.

    Returns:
        The coefficient file.

    Raises:
        CoefficientFileError: the file cannot be read, is not valid, or this machine does not reproduce its certificate.
        ParameterError: a scorer of a file whose bytes it does not know.
        OSError: the directory cannot be written, or holds something else. Names it.
    """
    if isinstance(model, Scorer):
        scorer, data = model, model.file.to_bytes()
        if mlflow_directory.sha256(data) != model.file.sha256:
            raise ParameterError("model", "the scorer's file is not in canonical form: give its path")
    else:
        scorer, data, _ = load_with_bytes(model)
    files.write_directory(Path(directory), mlflow_directory.contents(scorer, data), mlflow_directory.ADDED)
    return scorer.file


class Model:
    """What MLflow calls: a scorer, with the answers that MLflow wants.

    Attributes:
        scorer: a scorer of the coefficient file.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def predict(self, model_input: Rows, params: Mapping[str, Any] | None = None) -> Any:
        """Scores rows.

        Args:
            model_input: n rows, as for Scorer.score: a DataFrame, a dict of columns, a list of dicts, and the others.
            params: some of these, others are ignored:

                - ``variables``: whether the variables are among the columns; default False.
                - ``unknown_levels``: as for Scorer.score; default ``baseline``.

        Returns:
            A pandas.DataFrame of n rows with outcome (int64) and probability (float64), and the variables if wanted,
            in alphabetical order, with the index of `model_input` if that is a DataFrame.

        Raises:
            MlflowException: the rows cannot be scored; the library's error is its `__cause__`. Its code is BAD_REQUEST:
                a server of MLflow's answers 400. Where MLflow is not installed, the library's error itself.
        """
        import pandas

        chosen = params or {}
        try:
            scores = self.scorer.score(model_input, unknown_levels=chosen.get("unknown_levels", "baseline"))
        except ScorerError as error:
            if refusal := _refusal(error):
                raise refusal from error
            raise
        index = model_input.index if isinstance(model_input, pandas.DataFrame) else None
        return pandas.DataFrame(scores.columns(bool(chosen.get("variables"))), index=index)


def _load_pyfunc(path: str) -> Model:
    """Loads what `write` has put into the directory `data`, and checks its SHA-256 and certificate. MLflow calls it.

    Raises:
        CoefficientFileError: the file was changed since, or this machine does not reproduce its certificate.
    """
    return Model(load(path))


def _refusal(error: ScorerError) -> Exception | None:
    """The error as one of MLflow's; None where MLflow is not installed."""
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import BAD_REQUEST
    except ImportError:
        return None

    class RefusedInput(MlflowException):  # type: ignore[misc]
        """MLflow's server puts the input in front of an error's message: its cells do not belong there."""

        @property
        def message(self) -> str:
            return str(error)

        @message.setter
        def message(self, _changed: str) -> None:
            pass

    return RefusedInput(str(error), error_code=BAD_REQUEST)
