"""Compares two coefficient files: whether a fit is the approved equation, what differs, and how far phat moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ApprovedDiffersError
from scorer import formats
from scorer.coefficients import CoefficientFile, Input, NumberInput, Term
from scorer.errors import RowsError, TableError
from scorer.scorer import Scorer


def require_approved(fitted: CoefficientFile, approved: CoefficientFile) -> int:
    """Checks that a fit is the approved equation: the same variables in the same order, and equal coefficients.

    Coefficients are compared after rounding to as many decimals as the approved file has.

    Args:
        fitted: the new fit.
        approved: the approved file.

    Returns:
        The number of decimals compared.

    Raises:
        ApprovedDiffersError: the fit differs; has a line for each difference.
    """
    decimals = max(_decimals(term.coefficient) for term in (*approved.terms, Term("", "", None, approved.intercept)))
    differences = list(_order_differences(fitted, approved))
    pairs = [("intercept", fitted.intercept, approved.intercept)]
    mine = {term.variable: term.coefficient for term in fitted.terms}
    pairs += [(t.variable, mine[t.variable], t.coefficient) for t in approved.terms if t.variable in mine]
    for name, ours, theirs in pairs:
        if round(ours, decimals) != round(theirs, decimals):
            differences.append(f"{name}: the fit gives {ours:.{decimals}f}, approved is {theirs:.{decimals}f}")
    if differences:
        raise ApprovedDiffersError(differences)
    return decimals


def _order_differences(fitted: CoefficientFile, approved: CoefficientFile) -> Iterator[str]:
    mine = [term.variable for term in fitted.terms]
    theirs = [term.variable for term in approved.terms]
    for name in theirs:
        if name not in mine:
            yield f"{name}: approved, but not selected"
    for name in mine:
        if name not in theirs:
            yield f"{name}: selected, but not approved"
    if sorted(mine) == sorted(theirs) and mine != theirs:
        yield f"the variables are the approved ones in another order: {', '.join(mine)}"


def _decimals(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def differences(old: CoefficientFile, new: CoefficientFile) -> Iterator[str]:
    """A line for each difference between two files."""
    for name in ("format", "model", "version", "created", "description", "provenance", "missing_markers", "intercept"):
        if getattr(old, name) != getattr(new, name):
            yield _change(name, getattr(old, name), getattr(new, name))
    yield from _input_differences(old.inputs, new.inputs)
    yield from _term_differences(old.terms, new.terms)
    for field in fields(old.outcome):
        if getattr(old.outcome, field.name) != getattr(new.outcome, field.name):
            yield _change(f"outcome {field.name}", getattr(old.outcome, field.name), getattr(new.outcome, field.name))
    if old.certificate != new.certificate:
        yield "the certificates differ"


def _term_differences(old: Sequence[Term], new: Sequence[Term]) -> Iterator[str]:
    before, after = ({term.variable: term.coefficient for term in terms} for terms in (old, new))
    for variable in {**before, **after}:
        if variable not in after:
            yield f"term {variable}: only in the first, {before[variable]!r}"
        elif variable not in before:
            yield f"term {variable}: only in the second, {after[variable]!r}"
        elif before[variable] != after[variable]:
            yield _change(f"term {variable}", before[variable], after[variable])
    if set(before) == set(after) and list(before) != list(after):
        yield "the terms are summed in another order"


def _input_differences(old: Sequence[Input], new: Sequence[Input]) -> Iterator[str]:
    before, after = ({declared.name: declared for declared in inputs} for inputs in (old, new))
    for name in {**before, **after}:
        mine, theirs = before.get(name), after.get(name)
        if mine is None or theirs is None:
            yield f"input {name}: only in the {'second' if mine is None else 'first'}"
        elif type(mine) is not type(theirs):
            yield _change(f"input {name} kind", mine.kind, theirs.kind)
        else:
            names = [field.name for field in fields(mine)]
            for key in (key for key in names if getattr(mine, key) != getattr(theirs, key)):
                yield _change(f"input {name} {key}", getattr(mine, key), getattr(theirs, key))
    if set(before) == set(after) and list(before) != list(after):
        yield "the inputs stand in another order"


def _change(name: str, old: Any, new: Any) -> str:
    return f"{name}: {old!r} → {new!r}"


@dataclass(frozen=True, slots=True)
class Movement:
    """How scores move between two models on the same rows.

    Attributes:
        rows: rows scored by both.
        largest: largest |Δphat|.
        mean: mean |Δphat|.
        flipped: rows whose outcome changes.
    """

    rows: int
    largest: float
    mean: float
    flipped: int

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows: largest |Δphat| {self.largest:.3e}, mean |Δphat| {self.mean:.3e}, "
            f"outcomes flipped {self.flipped:,}"
        )


def movement(old: Scorer, new: Scorer, path: Path) -> Movement:
    """Scores a file of rows with both models, and compares the scores.

    Raises:
        TableError: the rows cannot be read, or one of the models cannot score them.
    """
    rows, flipped, total, largest = 0, 0, 0.0, 0.0
    try:
        with path.open("rb") as file:
            for batch in formats.read(file, formats.format_of(path), str(path)):
                before, after = old.score(batch.rows), new.score(batch.rows)
                moved = np.abs(before.phat - after.phat)
                rows += len(before)
                flipped += int(np.count_nonzero(before.outcome != after.outcome))
                total += float(moved.sum())
                largest = max(largest, float(moved.max(initial=0.0)))
    except (OSError, RowsError) as error:
        raise TableError(f"{path}: {error}") from None
    return Movement(rows, largest, total / rows if rows else 0.0, flipped)


def scale_note(fitted: CoefficientFile, approved: CoefficientFile) -> str:
    """A sentence with the largest difference of imputer and scaler parameters of two files, in units of the scale."""
    theirs = {declared.name: declared for declared in approved.inputs if isinstance(declared, NumberInput)}
    worst = 0.0
    for mine in fitted.inputs:
        if isinstance(mine, NumberInput) and (other := theirs.get(mine.name)):
            for key in ("imputer_mean", "scaler_mean", "scaler_scale"):
                worst = max(worst, abs(getattr(mine, key) - getattr(other, key)) / other.scaler_scale)
    return f"imputer and scaler parameters are within {worst:.1e} scales of the approved file's"
