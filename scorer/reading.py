"""Bytes → CoefficientFile: a file is validated in full, or refused.

Each rule has an error of its own, which names the path in the document. The certificate is not evaluated here: a
Scorer does that when it is made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scorer import errors, strict_json
from scorer.coefficients import (
    FORMATS,
    RULE,
    CategoryInput,
    Cell,
    Certificate,
    CoefficientFile,
    GoldenRow,
    Input,
    Outcome,
    Provenance,
    Term,
)
from scorer.inputs import known_level, parse_inputs, unique_texts
from scorer.strict_json import Node

_KEYS = (
    "format",
    "model",
    "version",
    "created",
    "description",
    "provenance",
    "missing_markers",
    "inputs",
    "intercept",
    "terms",
    "outcome",
    "certificate",
)
_MODEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]{1,50})?")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
MAX_TOLERANCE = 1e-6
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read(path: Path) -> CoefficientFile:
    """Reads and validates a coefficient file.

    Raises:
        UnreadableFileError: the file cannot be opened.
        CoefficientFileError: as in `parse`.
    """
    return parse(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """A file's first strict_json.MAX_BYTES + 1 bytes: enough to tell that a file is too large without reading it all.

    Raises:
        UnreadableFileError: with the system's message; MissingFileError if the file does not exist.
    """
    try:
        with path.open("rb") as file:
            return file.read(strict_json.MAX_BYTES + 1)
    except FileNotFoundError:
        raise errors.MissingFileError(str(path), "$", "no such file or directory") from None
    except OSError as error:
        raise errors.UnreadableFileError(str(path), "$", (error.strerror or str(error)).lower()) from None


def parse(data: bytes, source: str = "coefficient file") -> CoefficientFile:
    """Validates a coefficient file's bytes.

    Args:
        data: UTF-8 JSON.
        source: what to call the file in errors.

    Raises:
        CoefficientFileError: one of its leaves, with the path in the document.
    """
    root = strict_json.parse(data, source)
    members = root.members()
    if "format" in members and (found := members["format"].integer()) not in FORMATS:
        known = f"{FORMATS[0]} to {FORMATS[-1]}"
        raise errors.UnknownFormatError(source, "$.format", f"format {found} is not known; this version reads {known}")
    keys = root.object(*_KEYS)
    file_format = keys["format"].integer()
    missing_markers = unique_texts(keys["missing_markers"], empty=True)
    inputs = parse_inputs(keys["inputs"], missing_markers, file_format)
    terms = _terms(keys["terms"], inputs)
    return CoefficientFile(
        format=file_format,
        model=_matching(keys["model"], _MODEL, "lower-case letters, digits, dots, dashes and underscores"),
        version=_matching(keys["version"], _VERSION, "a version such as 1.0.0"),
        created=_matching(keys["created"], _TIME, "a UTC time such as 2026-01-31T00:00:00Z"),
        description=keys["description"].text(),
        provenance=_provenance(keys["provenance"]),
        missing_markers=missing_markers,
        inputs=tuple(inputs.values()),
        intercept=keys["intercept"].number(),
        terms=terms,
        outcome=_outcome(keys["outcome"], terms),
        certificate=_certificate(keys["certificate"], inputs, terms, file_format),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _matching(node: Node, pattern: re.Pattern[str], wanted: str) -> str:
    text = node.text()
    if not pattern.fullmatch(text):
        raise node.invalid(f"expected {wanted}")
    return text


def _provenance(node: Node) -> Provenance:
    keys = node.object("figures", "description", "rows", "training_file_sha256", "libraries")
    figures = keys["figures"].text()
    if figures not in ("fitted", "published"):
        raise keys["figures"].invalid("expected 'fitted' or 'published'")
    rows = keys["rows"].object("train", "validation", "test")
    for count in rows.values():
        if count.integer() < 0:
            raise count.invalid("a count of rows is not negative")
    digest = keys["training_file_sha256"]
    return Provenance(
        figures=figures,
        description=keys["description"].text(),
        rows={split: count.integer() for split, count in rows.items()},
        training_file_sha256=None if digest.is_null() else _matching(digest, _SHA256, "64 lower-case hex digits"),
        libraries={name: version.text() for name, version in keys["libraries"].members().items()},
    )


def _terms(node: Node, inputs: Mapping[str, Input]) -> tuple[Term, ...]:
    terms: dict[str, Term] = {}
    for element in node.array():
        term = _term(element, inputs)
        if term.variable in terms:
            reason = f"the variable {term.variable!r} is given twice"
            raise errors.RepeatedNameError(node.source, f"{element.at}.variable", reason)
        terms[term.variable] = term
    if not terms:
        raise node.invalid("an equation has at least one term")
    return tuple(terms.values())


def _term(node: Node, inputs: Mapping[str, Input]) -> Term:
    members = node.members()
    name = members["input"].text() if "input" in members else ""
    if name and name not in inputs:
        raise errors.UnknownInputError(node.source, members["input"].at, f"{name!r} is not one of the inputs")
    declared = inputs.get(name)
    if not isinstance(declared, CategoryInput):
        keys = node.object("variable", "input", "coefficient")
        variable, level = name, None
    else:
        keys = node.object("variable", "input", "level", "coefficient")
        level = known_level(keys["level"], declared.levels)
        dummies = {dummy.level: dummy.variable for dummy in declared.dummies}
        if level not in dummies:
            raise errors.UnknownLevelError(node.source, keys["level"].at, f"{name!r} has no dummy for {level!r}")
        variable = dummies[level]
    if keys["variable"].text() != variable:
        raise keys["variable"].invalid(f"the variable of this input and level is {variable!r}")
    return Term(variable=variable, input=name, level=level, coefficient=keys["coefficient"].number())


def _outcome(node: Node, terms: Iterable[Term]) -> Outcome:
    keys = node.object("name", "probability", "cutoff", "rule", "source")
    taken = {term.variable for term in terms}
    for key in ("name", "probability"):
        if keys[key].name() in taken:
            reason = f"{keys[key].name()!r} is already a key of the answer"
            raise errors.RepeatedNameError(node.source, keys[key].at, reason)
        taken.add(keys[key].name())
    if not 0 <= keys["cutoff"].number() <= 1:
        raise keys["cutoff"].invalid("a cutoff is between 0 and 1")
    if keys["rule"].text() != RULE:
        raise keys["rule"].invalid(f"the one rule of this format is {RULE!r}")
    return Outcome(
        name=keys["name"].name(),
        probability=keys["probability"].name(),
        cutoff=keys["cutoff"].number(),
        rule=keys["rule"].text(),
        source=keys["source"].text(),
    )


def _certificate(node: Node, inputs: Mapping[str, Input], terms: Sequence[Term], file_format: int) -> Certificate:
    since_3 = ("sha256",) if file_format >= 3 else ()
    keys = node.object("computed_by", "tolerance", *since_3, "rows")
    if not 0 < keys["tolerance"].number() <= MAX_TOLERANCE:
        raise keys["tolerance"].invalid(
            f"a tolerance is above 0, and at most {MAX_TOLERANCE}: more would prove nothing"
        )
    rows = tuple(_golden_row(element, inputs, terms, file_format) for element in keys["rows"].array())
    if not rows:
        raise keys["rows"].invalid("a certificate has at least one golden row")
    return Certificate(
        computed_by=keys["computed_by"].text(),
        tolerance=keys["tolerance"].number(),
        rows=rows,
        sha256=_hashes(keys["sha256"].object(*_KEYS)) if since_3 else None,
    )


def _hashes(keys: Mapping[str, Node]) -> dict[str, str]:
    return {key: _matching(value, _SHA256, "64 lower-case hex digits") for key, value in keys.items()}


def _golden_row(node: Node, inputs: Mapping[str, Input], terms: Sequence[Term], file_format: int) -> GoldenRow:
    since_3 = ("outcome", "variables") if file_format >= 3 else ()
    keys = node.object("about", "cells", "phat", *since_3)
    cells: dict[str, Cell] = {}
    for name, cell in keys["cells"].members().items():
        if name not in inputs:
            raise errors.UnknownInputError(node.source, cell.at, f"{name!r} is not one of the inputs")
        if isinstance(cell.value, str) or cell.value is None:
            cells[name] = cell.value
        else:
            cells[name] = cell.number()
    if not 0 <= keys["phat"].number() <= 1:
        raise keys["phat"].invalid("a probability is between 0 and 1")
    return GoldenRow(
        about=keys["about"].text(),
        cells=cells,
        phat=keys["phat"].number(),
        outcome=_zero_or_one(keys["outcome"]) if since_3 else None,
        variables=_variables(keys["variables"], inputs, terms) if since_3 else None,
    )


def _variables(node: Node, inputs: Mapping[str, Input], terms: Sequence[Term]) -> dict[str, float]:
    values = node.object(*(term.variable for term in terms))
    dummies = {term.variable for term in terms if isinstance(inputs[term.input], CategoryInput)}
    return {name: _zero_or_one(value) if name in dummies else value.number() for name, value in values.items()}


def _zero_or_one(node: Node) -> int:
    if node.integer() not in (0, 1):
        raise node.invalid("expected 0 or 1")
    return node.integer()
