"""python -m bench.accuracy: how closely the scorer agrees with statsmodels, into bench/accuracy.json.

parity      the hand-written equation and statsmodels' predict, on the stand-in test rows
golden      the same on the coefficient file's golden rows, which every load checks
bits        rows whose bits differ between alone and in a batch: with the equation, and with a matrix product
rounding    a fit on the stand-in training rows against the same fit with coefficients rounded as published
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

import scorer
from bench.peers.catalog import ROOT
from bench.rows import Row, stand_in
from export import certificate, train
from scorer.equation import sigmoid
from scorer.scorer import Scorer

FIGURES = ROOT / "bench" / "accuracy.json"
TRAIN_ROWS, SEED = 40_000, 26
DECIMALS = 4
"""Of the published coefficients."""

Figures = dict[str, Any]


def main() -> None:
    """Measures, prints and writes the figures."""
    figures = measure()
    FIGURES.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.write(FIGURES.read_text())


def measure(rows: int = TRAIN_ROWS) -> Figures:
    """Measures all figures.

    Args:
        rows: number of rows in the stand-in training file; the test file has a quarter as many.
    """
    model = scorer.load()
    with tempfile.TemporaryDirectory() as directory:
        training, tested = stand_in(rows, SEED, Path(directory), model)
        fit = train.fit(training, _say_nothing)
        file = train.coefficient_file(fit, training, "standin", "1.0.0", "Stand-in data, at full precision.")
    return {
        "rows": len(tested),
        "golden": golden(model),
        "parity": parity(model, tested),
        "bits": bits(model, tested),
        "rounding": rounding(Scorer(file), tested) | {"training_rows": rows, "decimals": DECIMALS},
    }


def golden(model: Scorer) -> Figures:
    """How well this machine reproduces the certificate."""
    signed = model.file.certificate
    return {"rows": len(signed.rows), "largest_difference": model.certificate_error, "tolerance": signed.tolerance}


def parity(model: Scorer, rows: list[Row]) -> Figures:
    """The equation against statsmodels, both from the same raw cells."""
    ours = model.score(rows)
    theirs = certificate.statsmodels_phat(model.file, rows)
    return {
        "largest_difference": _largest(ours.phat, theirs),
        "rows_with_the_same_bits": int((ours.phat == theirs).sum()),
        "outcomes_that_differ": int((ours.outcome != (theirs > model.file.outcome.cutoff)).sum()),
    }


def bits(model: Scorer, rows: list[Row]) -> Figures:
    """Number of rows whose bits differ between alone and in a batch."""
    scores = model.score(rows)
    alone = np.concatenate([model.score(row).phat for row in rows])
    matrix = np.column_stack([scores.variables[term.variable] for term in model.file.terms]).astype(np.float64)
    coefficients = np.array([term.coefficient for term in model.file.terms])
    together = sigmoid(matrix @ coefficients)
    apart = sigmoid(np.concatenate([row @ coefficients for row in matrix[:, np.newaxis]]))
    return {
        "rows_that_differ": int((scores.phat != alone).sum()),
        "rows_that_differ_with_a_matrix_product": int((together != apart).sum()),
    }


def rounding(fitted: Scorer, rows: list[Row]) -> Figures:
    """A fit at full precision against the same fit with rounded coefficients."""
    terms = tuple(replace(term, coefficient=round(term.coefficient, DECIMALS)) for term in fitted.file.terms)
    rounded = Scorer(certificate.certify(replace(fitted.file, terms=terms))).score(rows)
    exact = fitted.score(rows)
    return {
        "largest_difference": _largest(exact.phat, rounded.phat),
        "outcomes_that_differ": int((exact.outcome != rounded.outcome).sum()),
    }


def _largest(some: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    return float(np.abs(some - others).max())


def _say_nothing(_line: str) -> None:
    pass


if __name__ == "__main__":
    main()
