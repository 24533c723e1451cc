"""The equation as a table, for people who have to answer for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scorer.coefficients import CategoryInput, NumberInput, Term
from scorer.scorer import Scorer


def describe(scorer: Scorer) -> str:
    """The model in words and its equation term by term, in the order in which the terms are summed."""
    file, outcome = scorer.file, scorer.file.outcome
    inputs = {declared.name: declared for declared in file.inputs}
    head = [
        f"{file.model} {file.version}, created {file.created}",
        f"sha256 {file.sha256}",
        file.description,
        "",
        f"log-odds = {file.intercept:g} + the sum of coefficient * value:",
        "",
    ]
    table = [("", "variable", "value", "coefficient", "odds ratio", "range in training")]
    for number, term in enumerate(file.terms, 1):
        declared = inputs[term.input]
        if isinstance(declared, CategoryInput):
            value = f"1 if {term.input} is {'missing' if term.level is None else term.level}, else 0"
            seen = ""
        else:
            sign = "-" if declared.scaler_mean >= 0 else "+"
            value = f"({term.input} {sign} {abs(declared.scaler_mean):.6g}) / {declared.scaler_scale:.6g}"
            seen = _range(declared)
        table.append((str(number), term.variable, value, f"{term.coefficient:g}", f"{odds_ratio(term):.4f}", seen))
    rule = f"{outcome.name} = 1 where {outcome.rule}, cutoff {outcome.cutoff:g}, else 0"
    tail = [
        "",
        f"{outcome.probability} = 1 / (1 + exp(-log-odds)); {rule}.",
        "A missing number counts as its imputer's mean.",
        f"{len(scorer.equation.inputs)} of {len(file.inputs)} inputs are used.",
        f"Certificate: {len(file.certificate.rows)} golden rows; {file.certificate.computed_by};",
        f"largest |Δ{outcome.probability}| on this machine {scorer.certificate_error:.1e}.",
    ]
    return "\n".join([*head, *_align(table), *tail])


def odds_ratio(term: Term) -> float:
    """exp(coefficient): the factor by which the odds change for one unit of the variable; inf beyond float64."""
    try:
        return math.exp(term.coefficient)
    except OverflowError:
        return math.inf


def _range(declared: NumberInput) -> str:
    seen = declared.training_range
    return f"{seen.min:.6g} to {seen.max:.6g}" if seen else "not known"


def _align(table: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in (0, 3, 4, 5) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
