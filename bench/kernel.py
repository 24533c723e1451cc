"""python -m bench.kernel: the kernel against statsmodels, scikit-learn and ONNX Runtime.

No JSON and no HTTP: each contender starts from columns in memory, on one thread, and ends with phat. They do not start
from the same columns, though, which has to be stated wherever the figures are quoted:

    scorer         numbers with NaN, and codes of levels: imputes, standardizes, sums
    statsmodels    the finished variables: only a matrix product and the logistic function remain
    scikit-learn   numbers with NaN, and texts of levels, in a DataFrame: looks them up, then as the scorer
    ONNX Runtime   the same pipeline, converted, on numpy arrays

Looking up texts costs more than the equation, so the last two also run on codes of levels.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before numpy is imported, which reads them only then
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"))

import argparse
import json
import math
import platform
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from timeit import timeit
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import scorer
from bench.timing import Samples
from scorer.coefficients import CategoryInput, NumberInput
from scorer.scorer import Scorer

SIZES = (10_000, 1_000_000)
ROUNDS = 9
ROUND_SECONDS = 0.01
"""A contender's turn lasts about this long at least: shorter calls are repeated."""
MISSING, FITTED_ROWS, SEED = 0.02, 1_000, 26
EXACT, SINGLE = 1e-12, 1e-5
"""How far phat may be from the scorer's, in float64 and in float32."""
DISTRIBUTIONS = ("numpy", "pandas", "statsmodels", "scikit-learn", "skl2onnx", "onnx", "onnxruntime")

Phat = Callable[[], Any]


class Contender(NamedTuple):
    """One way to compute phat, and how far it may be from the scorer's."""

    phat: Phat
    tolerance: float = EXACT


class Batch(NamedTuple):
    """The same rows in the form that each contender takes.

    Attributes:
        columns: one for each of the equation's inputs, shape (n,): float64 with NaN, or codes of levels.
        coded: the columns as a DataFrame.
        texts: as coded, with texts of levels instead of their codes.
        variables: standardized numbers and dummies, all float64, as in the notebook.
    """

    columns: list[NDArray[Any]]
    coded: pd.DataFrame
    texts: pd.DataFrame
    variables: pd.DataFrame


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks and times each contender, and prints the figures as one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m bench.kernel", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"only {SIZES[0]:,} rows")
    sizes = SIZES[:1] if parser.parse_args(arguments).quick else SIZES
    model = scorer.load()
    report = {
        "threads": 1,
        "rounds": ROUNDS,
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in DISTRIBUTIONS}},
        "rows": {str(count): measure(everyone(model, make_batch(model, count))) for count in sizes},
    }
    print(json.dumps(report, indent=2))
    return 0


def measure(contenders: Mapping[str, Contender]) -> dict[str, Samples]:
    """CPU and wall seconds of a call of each contender. They take turns, in a random order each round."""
    check(contenders)
    calls = {name: math.ceil(ROUND_SECONDS / timeit(one.phat, number=1)) for name, one in contenders.items()}
    samples: dict[str, Samples] = {name: {"cpu": [], "wall": []} for name in contenders}
    order, drawn = list(contenders), random.Random(SEED)
    for _ in range(ROUNDS):
        drawn.shuffle(order)
        for name in order:
            cpu = time.process_time()
            samples[name]["wall"].append(timeit(contenders[name].phat, number=calls[name]) / calls[name])
            samples[name]["cpu"].append((time.process_time() - cpu) / calls[name])
    return samples


def check(contenders: Mapping[str, Contender]) -> None:
    """Ends the program if a contender's phat differs from the scorer's: comparing times would be meaningless."""
    expected = contenders["scorer"].phat()
    for name, contender in contenders.items():
        worst = float(np.abs(np.asarray(contender.phat()) - expected).max())
        if not worst <= contender.tolerance:
            sys.exit(f"{name}: phat is off by {worst:.1e}, and {contender.tolerance:.0e} is the tolerance")


def make_batch(model: Scorer, count: int) -> Batch:
    """Random rows: numbers around the scaler's mean, some missing, and equally frequent levels."""
    drawn = np.random.default_rng(SEED)
    columns, texts = [], {}
    for declared in model.equation.inputs:
        if isinstance(declared, NumberInput):
            column: NDArray[Any] = drawn.normal(declared.scaler_mean, declared.scaler_scale, count)
            column[drawn.random(count) < MISSING] = np.nan
            texts[declared.name] = column
        else:
            column = drawn.integers(0, len(declared.levels), count, dtype=np.intp)
            texts[declared.name] = np.array(declared.levels, dtype=object)[column]
        columns.append(column)
    coded = dict(zip(texts, columns, strict=True))
    return Batch(columns, pd.DataFrame(coded), pd.DataFrame(texts), make_variables(model, columns))


def make_variables(model: Scorer, columns: Sequence[NDArray[Any]]) -> pd.DataFrame:
    """The variables in the order of the terms, all float64."""
    inputs = model.equation.inputs
    entered = {one.name: (one, column) for one, column in zip(inputs, model.equation.enter(columns), strict=True)}
    variables = {}
    for term in model.file.terms:
        declared, column = entered[term.input]
        if isinstance(declared, CategoryInput):
            column = (column == declared.level_code(term.level)).astype(np.float64)
        variables[term.variable] = column
    return pd.DataFrame(variables)


def make_contenders(model: Scorer, batch: Batch) -> dict[str, Contender]:
    """The contenders that the project's own environment can run, ready to be called."""
    equation = model.equation
    matrix = np.ascontiguousarray(batch.variables.to_numpy())
    results = restored_logit(model, matrix[:FITTED_ROWS])
    texts, codes = restored_pipeline(model, batch.texts, coded=False), restored_pipeline(model, batch.coded, coded=True)
    return {
        "scorer": Contender(lambda: equation.phat(batch.columns)),
        "statsmodels": Contender(lambda: results.predict(matrix)),
        "statsmodels, DataFrame": Contender(lambda: results.predict(batch.variables)),
        "scikit-learn": Contender(lambda: texts.predict_proba(batch.texts)[:, 1]),
        "scikit-learn, codes": Contender(lambda: codes.predict_proba(batch.coded)[:, 1]),
    }


def everyone(model: Scorer, batch: Batch) -> dict[str, Contender]:
    """All contenders."""
    return make_contenders(model, batch) | onnx_contenders(model, batch)


def onnx_contenders(model: Scorer, batch: Batch) -> dict[str, Contender]:
    """scikit-learn's pipelines in ONNX Runtime, which only the peers' environment has."""
    from bench.kernel_onnx import phat_of

    texts, codes = restored_pipeline(model, batch.texts, coded=False), restored_pipeline(model, batch.coded, coded=True)
    return {
        "ONNX Runtime float32": Contender(phat_of(texts, batch.texts, np.float32), SINGLE),
        "ONNX Runtime float32, codes": Contender(phat_of(codes, batch.coded, np.float32), SINGLE),
        "ONNX Runtime float64": Contender(phat_of(texts, batch.texts, np.float64)),
        "ONNX Runtime float64, codes": Contender(phat_of(codes, batch.coded, np.float64)),
    }


def restored_logit(model: Scorer, sample: NDArray[np.float64]) -> Any:
    """statsmodels' results with the file's coefficients: a fit that starts from them and stops at once."""
    target = np.random.default_rng(SEED).integers(0, 2, len(sample))
    start = np.array([term.coefficient for term in model.file.terms])
    return sm.Logit(target, sample).fit(start_params=start, maxiter=0, disp=0, warn_convergence=False)


def restored_pipeline(model: Scorer, frame: pd.DataFrame, coded: bool) -> Pipeline:
    """The model as a scikit-learn pipeline: fitted, then given the file's parameters."""
    numbers = [declared for declared in model.equation.inputs if isinstance(declared, NumberInput)]
    categories = [declared for declared in model.equation.inputs if isinstance(declared, CategoryInput)]
    imputer, scaler, classifier = SimpleImputer(), StandardScaler(), LogisticRegression()
    known = [list(range(len(declared.levels))) if coded else list(declared.levels) for declared in categories]
    encoder = OneHotEncoder(categories=known, handle_unknown="ignore")
    parts = [
        ("numbers", make_pipeline(imputer, scaler), [declared.name for declared in numbers]),
        ("categories", encoder, [declared.name for declared in categories]),
    ]
    pipeline = make_pipeline(ColumnTransformer(parts), classifier)
    pipeline.fit(frame[:FITTED_ROWS], np.arange(FITTED_ROWS) % 2)

    imputer, scaler = pipeline[0].named_transformers_["numbers"]  # the pipeline fitted clones
    imputer.statistics_ = np.array([declared.imputer_mean for declared in numbers])
    scaler.mean_ = np.array([declared.scaler_mean for declared in numbers])
    scaler.scale_ = np.array([declared.scaler_scale for declared in numbers])
    fitted = {(term.input, term.level): term.coefficient for term in model.file.terms}
    effects = [fitted.get((declared.name, level), 0.0) for declared in categories for level in declared.levels]
    classifier.coef_ = np.array([[fitted.get((declared.name, None), 0.0) for declared in numbers] + effects])
    classifier.intercept_ = np.array([model.file.intercept])
    return pipeline


if __name__ == "__main__":
    sys.exit(main())
