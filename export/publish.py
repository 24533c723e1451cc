"""Makes a coefficient file of the figures that the notebook published (published.json)."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from export import archive, certificate, notebook
from export.errors import VersionExistsError
from scorer import reading
from scorer.coefficients import (
    FORMAT,
    RULE,
    CategoryInput,
    Certificate,
    CoefficientFile,
    Dummy,
    GoldenRow,
    Input,
    NumberInput,
    Outcome,
    Provenance,
    Term,
)
from scorer.store.pointer import POINTER, Pointer, version_key

MODEL = "glm-26"
VERSION = "1.0.1"
CREATED = "2026-11-21T00:00:00Z"
DESCRIPTION = (
    "Logistic GLM of the notebook GLM_Model_26: the probability that a customer buys the product. "
    "The approved equation with its coefficients as published, to four decimals."
)
CUTOFF = 0.712
CUTOFF_SOURCE = (
    "The business partner's decision: a row in the top 5 of the 20 bins is an event. "
    "The lower edge of the 16th bin in the table of the preliminary fit's predictions on all 40,000 rows is 0.712, "
    "and bins are open below."
)


@cache
def figures() -> dict[str, Any]:
    """The figures that the notebook printed, and the parameters of its fitted imputer and scaler."""
    document: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text("utf-8"))
    return document


def kind_of(name: str) -> str:
    """The kind of a numeric input of the notebook: money, percent or number."""
    return "money" if name in notebook.MONEY else "percent" if name in notebook.PERCENT else "number"


def category(name: str, levels: tuple[str, ...]) -> CategoryInput:
    """A category of the notebook: the first level is the baseline, the other levels and missing have a dummy each."""
    columns = notebook.dummy_columns(name, levels)
    return CategoryInput(name, levels, levels[0], tuple(Dummy(variable, level) for variable, level in columns.items()))


FITTED_BY = (
    "Figures that the notebook printed, and the parameters of its fitted SimpleImputer and StandardScaler. "
    "statsmodels Logit, fitted on train, validation and test together."
)


def published_file() -> CoefficientFile:
    """The approved model, certified.

    Raises:
        CoefficientFileError: the figures do not make a valid file.
    """
    published = figures()
    inputs: dict[str, Input] = {
        row["name"]: NumberInput(
            row["name"], kind_of(row["name"]), row["imputer_mean"], row["scaler_mean"], row["scaler_scale"]
        )
        for row in published["numeric"]
    }
    for name, declared in published["columns"]["categorical"].items():
        inputs[name] = category(name, tuple(declared["levels"]))
    split = published["split"]
    draft = CoefficientFile(
        format=FORMAT,
        model=MODEL,
        version=VERSION,
        created=CREATED,
        description=DESCRIPTION,
        provenance=Provenance(
            figures="published",
            description=FITTED_BY,
            rows={"train": split["fit_rows"], "validation": split["validation_rows"], "test": split["test_rows"]},
            training_file_sha256=None,
            libraries={},
        ),
        missing_markers=notebook.MISSING_MARKERS,
        inputs=tuple(inputs[name] for name in notebook.INPUTS),
        intercept=0.0,
        terms=terms(published["final_model"]["terms"], inputs),
        outcome=Outcome("business_outcome", "phat", CUTOFF, RULE, CUTOFF_SOURCE),
        certificate=Certificate("", certificate.TOLERANCE, ()),
        sha256="",
    )
    return certificate.certify(draft)


def terms(rows: list[dict[str, Any]], inputs: dict[str, Input]) -> tuple[Term, ...]:
    """The terms of variables and their coefficients, in the same order."""
    sources: dict[str, tuple[str, str | None]] = {}
    for declared in inputs.values():
        if isinstance(declared, CategoryInput):
            sources |= {dummy.variable: (declared.name, dummy.level) for dummy in declared.dummies}
        else:
            sources[declared.name] = (declared.name, None)
    return tuple(Term(row["variable"], *sources[row["variable"]], coefficient=row["coefficient"]) for row in rows)


def publish(directory: Path) -> tuple[Path, bool]:
    """Writes the published file and the pointer to it, or checks that the file there is reproduced.

    What statsmodels gives for a golden row may differ in its last bits on another machine. So a file that exists may
    differ in these, within its tolerance.

    Returns:
        The path of the file, and whether it was written.

    Raises:
        VersionExistsError: the version exists, and the figures do not reproduce it.
    """
    file = published_file()
    path = directory / version_key(file.model, file.version)
    if path.exists():
        existing = reading.read(path)
        if not reproduces(file, existing):
            raise VersionExistsError(f"{path} exists, and the published figures do not reproduce it")
        return path, False
    archive.write_version(directory, file)
    archive.write_atomically(directory / POINTER, Pointer(file.model, file.version, file.sha256).to_bytes())
    return path, True


def reproduces(file: CoefficientFile, existing: CoefficientFile) -> bool:
    """Whether two files are the same but for the last bits of the golden rows' scores, and what computed them."""
    certificate, certified = file.certificate, existing.certificate
    if len(certificate.rows) != len(certified.rows):
        return False
    pairs = zip(certificate.rows, certified.rows, strict=True)
    same = replace(
        certificate,
        computed_by=certified.computed_by,
        rows=tuple(_with_last_bits_of(old, new, certified.tolerance) for new, old in pairs),
        sha256=certified.sha256,
    )
    return replace(file, certificate=same, sha256=existing.sha256) == existing


def _with_last_bits_of(existing: GoldenRow, row: GoldenRow, tolerance: float) -> GoldenRow:
    """A golden row with another's phat and variables, where these differ by rounding at most."""
    phat = existing.phat if abs(row.phat - existing.phat) <= tolerance else row.phat
    theirs = existing.variables or {}
    variables = {
        name: theirs[name] if name in theirs and abs(value - theirs[name]) <= tolerance * max(1, abs(value)) else value
        for name, value in (row.variables or {}).items()
    }
    return replace(row, phat=phat, variables=variables)
