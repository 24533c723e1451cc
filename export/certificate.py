"""Makes certificates: golden rows, scored by pandas and statsmodels without any of scorer's arithmetic."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.api as sm
from numpy.typing import NDArray

from export import notebook
from scorer import reading
from scorer.coefficients import CategoryInput, Cell, Certificate, CoefficientFile, GoldenRow, Input, NumberInput
from scorer.scorer import Scorer

TOLERANCE = 2e-15
"""Largest |Δphat| allowed between the hand-written equation and statsmodels: eighteen units in the last place of a
probability just below 1. They sum in different orders, so differences of a few are expected."""
SEED = 26


def certify(draft: CoefficientFile) -> CoefficientFile:
    """Certifies a draft: adds golden rows scored by statsmodels, and checks that scorer reproduces them.

    Args:
        draft: a coefficient file; its own certificate and hash are ignored.

    Returns:
        The certified file, read back from its canonical bytes.

    Raises:
        CoefficientFileError: the draft is not valid, or the hand-written equation does not reproduce statsmodels.
    """
    rows = list(golden_rows(draft))
    phat = statsmodels_phat(draft, [cells for _, cells in rows])
    certificate = Certificate(
        computed_by=f"statsmodels {statsmodels.__version__} Logit.predict, cells read by pandas {pd.__version__}",
        tolerance=TOLERANCE,
        rows=tuple(GoldenRow(about, cells, float(p)) for (about, cells), p in zip(rows, phat, strict=True)),
    )
    file = reading.parse(replace(draft, certificate=certificate).to_bytes(), f"{draft.model} {draft.version}")
    Scorer(file)
    return file


def statsmodels_phat(file: CoefficientFile, rows: Sequence[Mapping[str, Cell]]) -> NDArray[np.float64]:
    """Scores raw rows with statsmodels' Logit.predict and the parameters of a file.

    The rows go through CSV text and pandas.read_csv, as the notebook's did.

    Args:
        file: gives the parameters.
        rows: raw cells by input name; None and absent are missing.

    Returns:
        phat, float64, shape (n,).
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [declared.name for declared in file.inputs], restval="")
    writer.writeheader()
    writer.writerows(rows)
    text.seek(0)
    return predict(file, pd.read_csv(text))


def predict(file: CoefficientFile, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Scores a frame of raw columns with statsmodels' Logit.predict and the parameters of a file; phat, shape (n,)."""
    numbers = [declared for declared in file.inputs if isinstance(declared, NumberInput)]
    names = {kind: [declared.name for declared in numbers if declared.kind == kind] for kind in ("money", "percent")}
    cleaned = notebook.clean(frame, names["money"], names["percent"], [declared.name for declared in numbers])
    parts = [
        (cleaned[declared.name].fillna(declared.imputer_mean) - declared.scaler_mean) / declared.scaler_scale
        for declared in numbers
    ]
    categories = [declared for declared in file.inputs if isinstance(declared, CategoryInput)]
    dummies = [_dummies(cleaned, declared) for declared in categories]
    variables = pd.concat([*parts, *dummies], axis=1)[[term.variable for term in file.terms]].to_numpy(float)
    coefficients = [term.coefficient for term in file.terms]
    if file.intercept:
        variables, coefficients = sm.add_constant(variables, has_constant="add"), [file.intercept, *coefficients]
    phat: NDArray[np.float64] = sm.Logit(np.zeros(len(frame)), variables).predict(np.array(coefficients), variables)
    return phat


def _dummies(frame: pd.DataFrame, declared: CategoryInput) -> pd.DataFrame:
    every = pd.get_dummies(frame[declared.name].astype(object), prefix="", prefix_sep="", dummy_na=True, dtype=float)
    columns = {dummy.variable: "nan" if dummy.level is None else dummy.level for dummy in declared.dummies}
    return every.reindex(columns=list(columns.values()), fill_value=0.0).set_axis(list(columns), axis=1)


def golden_rows(file: CoefficientFile) -> Iterator[tuple[str, dict[str, Cell]]]:
    """Golden rows, each with a few words on it; together they use every level and every way to write a cell.

    They are made from the means, scales and levels in the file. None is a row of a data set.
    """
    used = {term.input for term in file.terms}
    inputs = [declared for declared in file.inputs if declared.name in used]
    random = np.random.default_rng(SEED)
    count = max([12, *(len(declared.levels) for declared in inputs if isinstance(declared, CategoryInput))])
    for index in range(count):
        yield f"typical {index + 1}", {declared.name: _typical(declared, random, index) for declared in inputs}
    every = {declared.name: _typical(declared, random, 1) for declared in file.inputs}
    yield "typical, all inputs of the model", every
    typical = {name: every[name] for name in (declared.name for declared in inputs)}
    yield "typical, numbers as texts with blanks", {name: _as_text(cell) for name, cell in typical.items()}
    yield "all missing as null", dict.fromkeys(typical)
    for marker in ("", "NA", "nan"):
        if marker in file.missing_markers:
            yield f"all missing as {marker!r}", dict.fromkeys(typical, marker)
    for declared in inputs:
        yield from _edges(declared, typical)
    yield "largest log-odds", {declared.name: _extreme(file, declared, 1) for declared in inputs}
    yield "smallest log-odds", {declared.name: _extreme(file, declared, -1) for declared in inputs}


def _typical(declared: Input, random: np.random.Generator, index: int) -> Cell:
    if isinstance(declared, CategoryInput):
        return declared.levels[index % len(declared.levels)]
    value = declared.scaler_mean + declared.scaler_scale * float(random.normal())
    if declared.kind == "money":
        return f"${value:,.2f}"
    return f"{value:.2f}%" if declared.kind == "percent" else round(value, 6)


def _as_text(cell: Cell) -> Cell:
    return f"  {cell!r} " if isinstance(cell, float) else cell


def _edges(declared: Input, typical: Mapping[str, Cell]) -> Iterator[tuple[str, dict[str, Cell]]]:
    edges: dict[str, Cell] = {"missing": None}
    if isinstance(declared, CategoryInput):
        edges["at an unknown level"] = "no such level"
    elif declared.kind == "money":
        edges |= {"in brackets": "($5,032.58)", "with a minus": "$-5,032.58", "as a number": -5032.58, "plain": "66.55"}
    elif declared.kind == "percent":
        edges |= {"with its sign": "62.59%", "as a number": 62.59}
    else:
        edges |= {"with an exponent": "-2.5e-1", "far out": declared.scaler_mean + 1000 * declared.scaler_scale}
    for words, cell in edges.items():
        yield f"{declared.name} {words}", {**typical, declared.name: cell}


def _extreme(file: CoefficientFile, declared: Input, sign: int) -> Cell:
    terms = {term.level: sign * term.coefficient for term in file.terms if term.input == declared.name}
    if isinstance(declared, CategoryInput):
        best = max(terms, key=lambda level: terms[level])
        return best if terms[best] > 0 else declared.baseline
    direction = 8 if terms[None] > 0 else -8
    return round(declared.scaler_mean + direction * declared.scaler_scale, 6)
