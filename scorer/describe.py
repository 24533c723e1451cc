"""A model in words: as a table for people, and as a JSON document for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scorer.certificate import not_covered
from scorer.coefficients import CategoryInput, CoefficientFile, Input, NumberInput, Term
from scorer.scorer import Scorer


def describe(scorer: Scorer) -> str:
    """The model and its equation as text, with one line for each term in the order in which they are summed."""
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
        table.append((str(number), term.variable, value, f"{term.coefficient:g}", _shown(odds_ratio(term)), seen))
    rule = f"{outcome.name} = 1 where {outcome.rule}, cutoff {outcome.cutoff:g}, else 0"
    tail = [
        "",
        f"{outcome.probability} = 1 / (1 + exp(-log-odds)); {rule}.",
        "A missing number counts as its imputer's mean.",
        f"{len(scorer.equation.inputs)} of {len(file.inputs)} inputs are used.",
        f"Certificate: {len(file.certificate.rows)} golden rows; {file.certificate.computed_by};",
        f"largest |Δ{outcome.probability}| on this machine {scorer.certificate_error:.1e}.",
        coverage(file),
    ]
    return "\n".join([*head, *_align(table), *tail])


def coverage(file: CoefficientFile) -> str:
    """What the file's certificate covers, in a sentence."""
    if missing := not_covered(file):
        return f"A certificate of format {file.format} does not cover: {'; '.join(missing)}."
    return "The certificate covers every value of the file."


def model_document(scorer: Scorer) -> dict[str, Any]:
    """The model as a JSON document: identity, inputs, equation, cutoff, provenance and certificate."""
    file = scorer.file
    certificate = file.certificate
    return {
        "name": file.model,
        "version": file.version,
        "sha256": file.sha256,
        "created": file.created,
        "description": file.description,
        "inputs": [_input_document(declared, declared.name in scorer.used) for declared in file.inputs],
        "intercept": file.intercept,
        "variables": [_variable_document(term) for term in file.terms],
        "outcome": file.outcome,
        "provenance": file.provenance,
        "certificate": {
            "rows": len(certificate.rows),
            "computed_by": certificate.computed_by,
            "tolerance": certificate.tolerance,
            "largest_error": scorer.certificate_error,
            "not_covered": not_covered(file),
        },
    }


def _input_document(declared: Input, used: bool) -> dict[str, Any]:
    levels = {"levels": declared.levels, "baseline": declared.baseline} if isinstance(declared, CategoryInput) else {}
    return {"name": declared.name, "kind": declared.kind, "used": used, **levels}


def _variable_document(term: Term) -> dict[str, Any]:
    ratio = odds_ratio(term)
    document = {"name": term.variable, "input": term.input, "level": term.level, "coefficient": term.coefficient}
    return document if ratio is None else {**document, "odds_ratio": ratio}


def odds_ratio(term: Term) -> float | None:
    """exp(coefficient): the factor by which the odds change for one unit of the variable.

    None where float64 cannot hold it, above a coefficient of about 709 and below about -745. JSON has no infinity, and
    a 0 would say that the odds vanish. The coefficient itself is the logarithm of the ratio.
    """
    try:
        return math.exp(term.coefficient) or None
    except OverflowError:
        return None


def _shown(ratio: float | None) -> str:
    if ratio is None:
        return "beyond float64"
    return f"{ratio:.4f}" if 1e-3 <= ratio < 1e6 else f"{ratio:.4g}"


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
