"""Fits a coefficient file on a training file by the notebook's steps, and reports what each step gave."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from export import certificate, notebook, publish
from scorer.coefficients import (
    FORMAT,
    RULE,
    Certificate,
    CoefficientFile,
    Input,
    NumberInput,
    Outcome,
    Provenance,
    TrainingRange,
)

LIBRARIES = ("numpy", "pandas", "scikit-learn", "statsmodels")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """The results of the notebook's steps.

    Attributes:
        splits: the rows of step 3.
        preprocessing: the imputer, scaler and levels of steps 4 and 5.
        preliminary: statsmodels' results of step 7.
        final: statsmodels' results of step 8: the equation.
        cutoff: the lower edge of the top 5 of the 20 bins of step 9.
    """

    splits: notebook.Splits
    preprocessing: notebook.Preprocessing
    preliminary: Any
    final: Any
    cutoff: float


def fit(path: Path, say: Say) -> Fit:
    """Runs the notebook's steps on a training file.

    Args:
        path: a CSV with x0 ... x99 and y.
        say: is called with what the notebook printed, step by step.

    Raises:
        TrainingDataError: the steps cannot use the file.
        FitError: a fit did not converge, or found no estimate.
    """
    frame = notebook.clean(notebook.read(path))
    say(f"Read {len(frame):,} rows of {path}: y is 1 in {int(frame[notebook.TARGET].sum()):,}")
    splits = notebook.split(frame)
    parts = (splits.train, splits.validation, splits.test)
    say("Split: " + ", ".join(f"{name} {len(part):,}" for name, part in zip(_SPLITS, parts, strict=True)))
    fitted = notebook.fit_preprocessing(splits.train)
    prepared = [notebook.transform(part, fitted) for part in parts]
    targets = [part[notebook.TARGET] for part in parts]
    say(f"Preprocessed: {prepared[0].shape[1]} columns")
    selected = notebook.select(prepared[0], targets[0])
    say(f"Selected {len(selected)} variables by L1: {', '.join(selected)}")
    preliminary = notebook.fit_logit(prepared[0][selected], targets[0])
    say(f"\nPreliminary fit on train\n{coefficient_table(preliminary)}")
    variables, target = pd.concat(prepared, ignore_index=True)[selected], pd.concat(targets, ignore_index=True)
    for name, part, y in zip(_SPLITS, prepared, targets, strict=True):
        say(f"C-statistic on {name}: {notebook.c_statistic(y, preliminary.predict(part[selected])):.6f}")
    tabled = preliminary.predict(variables).to_numpy()
    say(f"C-statistic on all rows: {notebook.c_statistic(target, tabled):.6f}")
    final = notebook.fit_logit(variables, target)
    say(f"\nFinal fit on all rows\n{coefficient_table(final)}")
    cutoff = notebook.cutoff(tabled)
    say(f"\nBins of the preliminary fit's predictions on all rows\n{bin_table(tabled, target.to_numpy())}")
    say(f"Cutoff, the 75th percentile of these predictions: {cutoff!r}")
    return Fit(splits, fitted, preliminary, final, cutoff)


_SPLITS = ("train", "validation", "test")


def coefficient_table(results: Any) -> str:
    """The coefficients and standard errors of a fit, its log-likelihood and pseudo R-squared, as text."""
    lines = [f"{'variable':<16}{'coefficient':>12}{'std err':>9}{'z':>9}"]
    columns = zip(results.params.index, results.params, results.bse, results.tvalues, strict=True)
    lines += [f"{name:<16}{coefficient:>12.4f}{error:>9.3f}{z:>9.3f}" for name, coefficient, error, z in columns]
    lines.append(f"log-likelihood {results.llf:.1f}, pseudo R-squared {results.prsquared:.4f}")
    return "\n".join(lines)


def bin_table(phat: NDArray[np.float64], target: NDArray[np.int_]) -> str:
    """The table of bins that the business partner saw, as text."""
    table = notebook.decision_table(phat, target)
    lines = [f"{'bin':<18}{'rows':>7}{'positives':>11}"]
    lines += [f"{bin_!s:<18}{rows:>7,}{positives:>11,}" for bin_, rows, positives in table.itertuples(index=False)]
    return "\n".join(lines)


def coefficient_file(fitted: Fit, path: Path, name: str, version: str, description: str) -> CoefficientFile:
    """Makes a certified coefficient file of a fit.

    Args:
        fitted: the result of `fit`.
        path: the training file, for its hash.
        name: name of the model.
        version: its version.
        description: of the model, in words.

    Raises:
        CoefficientFileError: the name or version is not valid.
    """
    inputs = _inputs(fitted.preprocessing)
    final = fitted.final.params
    draft = CoefficientFile(
        format=FORMAT,
        model=name,
        version=version,
        created=_created(),
        description=description,
        provenance=_provenance(fitted, path),
        missing_markers=notebook.MISSING_MARKERS,
        inputs=tuple(inputs[input_name] for input_name in notebook.INPUTS),
        intercept=0.0,
        terms=publish.terms([{"variable": v, "coefficient": float(final[v])} for v in final.index], inputs),
        outcome=Outcome(
            "business_outcome",
            "phat",
            fitted.cutoff,
            RULE,
            "The 75th percentile of the preliminary fit's predictions on all rows: the top 5 of 20 bins are events.",
        ),
        certificate=Certificate("", certificate.TOLERANCE, ()),
        sha256="",
    )
    return certificate.certify(draft)


def _provenance(fitted: Fit, path: Path) -> Provenance:
    parts = (fitted.splits.train, fitted.splits.validation, fitted.splits.test)
    return Provenance(
        figures="fitted",
        description="python -m export train: statsmodels Logit, fitted on train, validation and test together.",
        rows={split: len(part) for split, part in zip(_SPLITS, parts, strict=True)},
        training_file_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        libraries={library: installed(library) for library in LIBRARIES},
    )


def _inputs(fitted: notebook.Preprocessing) -> dict[str, Input]:
    parameters = zip(
        notebook.NUMERIC, fitted.imputer.statistics_, fitted.scaler.mean_, fitted.scaler.scale_, strict=True
    )
    inputs: dict[str, Input] = {
        name: NumberInput(
            name, publish.kind_of(name), float(imputer), float(mean), float(scale), TrainingRange(*fitted.ranges[name])
        )
        for name, imputer, mean, scale in parameters
    }
    inputs |= {name: publish.category(name, levels) for name, levels in fitted.levels.items()}
    return inputs


def _created() -> str:
    """Now, or SOURCE_DATE_EPOCH (seconds since 1970) if it is set, so that a training can be repeated byte for byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
