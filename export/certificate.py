"""Makes certificates: golden rows, scored by pandas and statsmodels without any of scorer's arithmetic."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
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
MARGIN = 1e-9
"""How far phat is from the cutoff in the golden rows around it: a cutoff moved by more changes the outcome of one.
It is half a million times TOLERANCE, so no machine comes to another outcome."""


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
    variables = variables_of(draft, read_rows(draft, [cells for _, cells in rows]))
    phat = _predict(draft, variables)
    outcomes = (phat > draft.outcome.cutoff).astype(int).tolist()
    entered = [_entered(draft, record) for record in variables.to_dict("records")]
    scored = zip(rows, phat.tolist(), outcomes, entered, strict=True)
    certificate = Certificate(
        computed_by=f"statsmodels {statsmodels.__version__} Logit.predict, cells read by pandas {pd.__version__}",
        tolerance=TOLERANCE,
        rows=tuple(GoldenRow(about, cells, p, outcome, values) for (about, cells), p, outcome, values in scored),
    )
    file = replace(draft, certificate=certificate).sealed()
    file = reading.parse(file.to_bytes(), f"{draft.model} {draft.version}")
    Scorer(file)
    return file


def _entered(file: CoefficientFile, record: Mapping[Hashable, float]) -> dict[str, float]:
    numbers = {declared.name for declared in file.inputs if isinstance(declared, NumberInput)}
    values = {term.variable: record[term.variable] for term in file.terms}
    return {name: value if name in numbers else int(value) for name, value in values.items()}


def statsmodels_phat(file: CoefficientFile, rows: Sequence[Mapping[str, Cell]]) -> NDArray[np.float64]:
    """Scores raw rows with statsmodels' Logit.predict and the parameters of a file.

    Args:
        file: gives the parameters.
        rows: raw cells by input name; None and absent are missing.

    Returns:
        phat, float64, shape (n,).
    """
    return predict(file, read_rows(file, rows))


def read_rows(file: CoefficientFile, rows: Sequence[Mapping[str, Cell]]) -> pd.DataFrame:
    """Raw rows as pandas reads them: they go through CSV text and pandas.read_csv, as the notebook's did."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [declared.name for declared in file.inputs], restval="")
    writer.writeheader()
    writer.writerows(rows)
    text.seek(0)
    return pd.read_csv(text)


def variables_of(file: CoefficientFile, frame: pd.DataFrame) -> pd.DataFrame:
    """The variables that enter the equation, made by pandas of raw columns: one float64 column a term, in order."""
    numbers = [declared for declared in file.inputs if isinstance(declared, NumberInput)]
    names = {kind: [declared.name for declared in numbers if declared.kind == kind] for kind in ("money", "percent")}
    cleaned = notebook.clean(frame, names["money"], names["percent"], [declared.name for declared in numbers])
    parts = [
        (cleaned[declared.name].fillna(declared.imputer_mean) - declared.scaler_mean) / declared.scaler_scale
        for declared in numbers
    ]
    categories = [declared for declared in file.inputs if isinstance(declared, CategoryInput)]
    dummies = [_dummies(cleaned, declared) for declared in categories]
    return pd.concat([*parts, *dummies], axis=1)[[term.variable for term in file.terms]].astype(float)


def predict(file: CoefficientFile, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Scores a frame of raw columns with statsmodels' Logit.predict and the parameters of a file; phat, shape (n,)."""
    return _predict(file, variables_of(file, frame))


def _predict(file: CoefficientFile, variables: pd.DataFrame) -> NDArray[np.float64]:
    matrix = variables.to_numpy(float)
    coefficients = [term.coefficient for term in file.terms]
    if file.intercept:
        matrix, coefficients = sm.add_constant(matrix, has_constant="add"), [file.intercept, *coefficients]
    phat: NDArray[np.float64] = sm.Logit(np.zeros(len(matrix)), matrix).predict(np.array(coefficients), matrix)
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
    yield from _around_the_cutoff(file, typical)
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
        edges |= {"in brackets": "($1,204.50)", "with a minus": "$-1,204.50", "as a number": -1204.5, "plain": "87.25"}
    elif declared.kind == "percent":
        edges |= {"with its sign": "41.5%", "as a number": 41.5}
    else:
        edges |= {"with an exponent": "-2.5e-1", "far out": declared.scaler_mean + 1000 * declared.scaler_scale}
    for words, cell in edges.items():
        yield f"{declared.name} {words}", {**typical, declared.name: cell}


def _around_the_cutoff(file: CoefficientFile, typical: Mapping[str, Cell]) -> Iterator[tuple[str, dict[str, Cell]]]:
    """Two rows that show the cutoff: phat just above it, and just below.

    One number of a typical row is chosen so: log-odds are linear in it. Without a number in the equation, or with a
    cutoff of 0 or 1, there are no such rows.
    """
    numbers = {declared.name: declared for declared in file.inputs if isinstance(declared, NumberInput)}
    terms = [term for term in file.terms if term.input in numbers and term.coefficient]
    if not terms or not MARGIN < file.outcome.cutoff < 1 - MARGIN:
        return
    strongest = max(terms, key=lambda term: abs(term.coefficient))
    declared = numbers[strongest.input]
    (phat,) = statsmodels_phat(file, [{**typical, declared.name: declared.scaler_mean}])
    others = _log_odds(phat)
    for words, wanted in (("above", file.outcome.cutoff + MARGIN), ("below", file.outcome.cutoff - MARGIN)):
        standardized = (_log_odds(wanted) - others) / strongest.coefficient
        cell = float(declared.scaler_mean + declared.scaler_scale * standardized)
        yield f"phat just {words} the cutoff", {**typical, declared.name: cell}


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _extreme(file: CoefficientFile, declared: Input, sign: int) -> Cell:
    terms = {term.level: sign * term.coefficient for term in file.terms if term.input == declared.name}
    if isinstance(declared, CategoryInput):
        best = max(terms, key=lambda level: terms[level])
        return best if terms[best] > 0 else declared.baseline
    direction = 8 if terms[None] > 0 else -8
    return round(declared.scaler_mean + direction * declared.scaler_scale, 6)
