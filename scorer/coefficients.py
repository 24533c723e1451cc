"""The coefficient file as frozen objects, and its canonical bytes. docs/coefficient-file.md says what each key means.

Only reading.py makes these objects, after validation: an object that exists is valid.

To raise the format: add its number to FORMATS; write the new keys in `CoefficientFile.document` and read them in
reading.py or inputs.py from that format on, and in coefficients/schema.json; keep a file of the old format in
tests/data, a test that loads it, and a line in the page's history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from scorer import strict_json

FORMATS = (1, 2, 3)
"""The formats that this version reads. A file is written in the format it was read in: its bytes stay the same."""
FORMAT = FORMATS[-1]
"""The format of new files."""

NUMBER_KINDS = ("number", "money", "percent")
RULE = "phat > cutoff"
"""The only outcome rule: bins of the decision table are open below, so phat equal to the cutoff is outcome 0."""


@dataclass(frozen=True, slots=True)
class TrainingRange:
    """The smallest and largest value of an input in the train split, in the input's unit. Values outside are scored."""

    min: float
    max: float


@dataclass(frozen=True, slots=True)
class NumberInput:
    """A numeric input with the parameters of its imputer and scaler.

    Attributes:
        name: the key of its cell.
        kind: ``number``, ``money`` or ``percent``.
        imputer_mean: replaces a missing number, in the input's own unit.
        scaler_mean: subtracted from the imputed number.
        scaler_scale: population standard deviation that the difference is divided by; above 0.
        training_range: of the numbers in the train split; None if unknown, and in format 1.
    """

    name: str
    kind: str
    imputer_mean: float
    scaler_mean: float
    scaler_scale: float
    training_range: TrainingRange | None = None


@dataclass(frozen=True, slots=True)
class Dummy:
    """A 0/1 column for a category: 1 where the cell is ``level``, or is missing if ``level`` is None."""

    variable: str
    level: str | None


@dataclass(frozen=True, slots=True)
class CategoryInput:
    """A categorical input: all levels, the baseline (which has no dummy) and the dummy columns of the others."""

    name: str
    levels: tuple[str, ...]
    baseline: str
    dummies: tuple[Dummy, ...]

    kind = "category"

    def level_code(self, level: str | None) -> int:
        """The code of a level: its index in `levels`; for None the code of missing cells."""
        return self.missing_code if level is None else self.levels.index(level)

    @property
    def missing_code(self) -> int:
        """The code of a missing cell, one above the last level's."""
        return len(self.levels)

    @property
    def unknown_code(self) -> int:
        """The code of a level that the input does not have, one above `missing_code`."""
        return len(self.levels) + 1


Input = NumberInput | CategoryInput


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of the log-odds: coefficient times variable.

    Attributes:
        variable: the variable's name, a key of the answer.
        input: name of the input that the variable is computed from.
        level: for a dummy its level, None for the dummy of missing cells; None for a standardized number.
        coefficient: change of the log-odds for one unit of the variable.
    """

    variable: str
    input: str
    level: str | None
    coefficient: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a probability becomes a decision: ``name`` is 1 where ``probability`` is above ``cutoff``, else 0."""

    name: str
    probability: str
    cutoff: float
    rule: str
    source: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the figures come from: data, method and libraries.

    Attributes:
        figures: ``fitted`` by export, or ``published`` and copied from a document.
        description: data and method in words.
        rows: rows in the train, validation and test splits.
        training_file_sha256: of the training file's bytes; None if the file was not available.
        libraries: versions of the fitting libraries by name; empty if unknown.
    """

    figures: str
    description: str
    rows: Mapping[str, int]
    training_file_sha256: str | None
    libraries: Mapping[str, str]


Cell = str | float | None
"""A raw cell of a golden row."""


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """A raw row and its scores according to statsmodels.

    Attributes:
        about: what the row is for, in a few words.
        cells: raw cells by input name.
        phat: its probability.
        outcome: 1 where phat is above the cutoff, else 0; None before format 3.
        variables: what entered the equation, by variable: a standardized number, or 0 or 1; None before format 3.
    """

    about: str
    cells: Mapping[str, Cell]
    phat: float
    outcome: int | None = None
    variables: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proof that a machine evaluates the file as statsmodels does, and, from format 3 on, that nobody has edited it.

    Attributes:
        computed_by: the libraries that scored the golden rows.
        tolerance: how far a computed phat may be from a golden row's, absolute.
        rows: the golden rows.
        sha256: of the value of each top-level key of the file, by key; None before format 3.
    """

    computed_by: str
    tolerance: float
    rows: tuple[GoldenRow, ...]
    sha256: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CoefficientFile:
    """A validated coefficient file. ``sha256`` is of the bytes it was read from, and identifies it."""

    format: int
    model: str
    version: str
    created: str
    description: str
    provenance: Provenance
    missing_markers: tuple[str, ...]
    inputs: tuple[Input, ...]
    intercept: float
    terms: tuple[Term, ...]
    outcome: Outcome
    certificate: Certificate
    sha256: str

    def to_bytes(self) -> bytes:
        """Canonical bytes: reading.parse turns them into an equal file, which has the same canonical bytes."""
        return strict_json.encode(self.document())

    def digests(self) -> dict[str, str]:
        """The SHA-256 of the value of each top-level key, as the certificate holds it from format 3 on.

        A value is hashed as JSON without blanks. The certificate is hashed without its own hashes.
        """
        document = self.document()
        document["certificate"] = {key: value for key, value in self._certificate_document() if key != "sha256"}
        return {key: strict_json.digest(value) for key, value in document.items()}

    def sealed(self) -> CoefficientFile:
        """The same file with the hashes of its certificate made anew."""
        return replace(self, certificate=replace(self.certificate, sha256=self.digests()))

    def document(self) -> dict[str, object]:
        """The document as dicts and lists, keys in the format's order."""
        provenance, outcome = self.provenance, self.outcome
        return {
            "format": self.format,
            "model": self.model,
            "version": self.version,
            "created": self.created,
            "description": self.description,
            "provenance": {
                "figures": provenance.figures,
                "description": provenance.description,
                "rows": dict(provenance.rows),
                "training_file_sha256": provenance.training_file_sha256,
                "libraries": dict(provenance.libraries),
            },
            "missing_markers": list(self.missing_markers),
            "inputs": [_input_document(declared, self.format) for declared in self.inputs],
            "intercept": self.intercept,
            "terms": list(self._term_documents()),
            "outcome": {
                "name": outcome.name,
                "probability": outcome.probability,
                "cutoff": outcome.cutoff,
                "rule": outcome.rule,
                "source": outcome.source,
            },
            "certificate": dict(self._certificate_document()),
        }

    def _certificate_document(self) -> Iterable[tuple[str, object]]:
        certificate = self.certificate
        yield "computed_by", certificate.computed_by
        yield "tolerance", certificate.tolerance
        if self.format >= 3 and certificate.sha256 is not None:
            yield "sha256", dict(certificate.sha256)
        yield "rows", [_golden_row_document(row, self.format) for row in certificate.rows]

    def _term_documents(self) -> Iterable[dict[str, object]]:
        categories = {declared.name for declared in self.inputs if isinstance(declared, CategoryInput)}
        for term in self.terms:
            level = {"level": term.level} if term.input in categories else {}
            yield {"variable": term.variable, "input": term.input, **level, "coefficient": term.coefficient}


def _golden_row_document(row: GoldenRow, file_format: int) -> dict[str, object]:
    since_3: dict[str, object] = {}
    if file_format >= 3 and row.variables is not None:
        since_3 = {"outcome": row.outcome, "variables": dict(row.variables)}
    return {"about": row.about, "cells": dict(row.cells), "phat": row.phat, **since_3}


def _input_document(declared: Input, file_format: int) -> dict[str, object]:
    if isinstance(declared, NumberInput):
        seen = declared.training_range
        since_2 = {"training_range": seen and {"min": seen.min, "max": seen.max}} if file_format >= 2 else {}
        return {
            "name": declared.name,
            "kind": declared.kind,
            "imputer_mean": declared.imputer_mean,
            "scaler_mean": declared.scaler_mean,
            "scaler_scale": declared.scaler_scale,
            **since_2,
        }
    return {
        "name": declared.name,
        "kind": declared.kind,
        "levels": list(declared.levels),
        "baseline": declared.baseline,
        "dummies": [{"variable": dummy.variable, "level": dummy.level} for dummy in declared.dummies],
    }
