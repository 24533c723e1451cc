"""What a coefficient file is refused for, in each format. Each case changes one thing of a valid file."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scorer import errors, reading
from scorer.coefficients import FORMATS, CategoryInput, CoefficientFile
from scorer.store.directory import shipped
from tests.support.models import SHIPPED, SMALL_BY_FORMAT

Change = Callable[[dict[str, Any]], object]


def parse(document: dict[str, Any]) -> CoefficientFile:
    return reading.parse(json.dumps(document).encode(), "file.json")


def put(*path: str | int, value: Any) -> Change:
    """A change that puts a value at a path."""

    def change(document: dict[str, Any]) -> None:
        node: Any = document
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change


# The small model: inputs 0 "the rate" (percent), 1 "unused" (number), 2 "colour"; terms 0 and 2 are of colour.
REFUSED: list[tuple[Change, type[errors.CoefficientFileError], str]] = [
    (put("format", value=0), errors.UnknownFormatError, "$.format"),
    (put("format", value=4), errors.UnknownFormatError, "$.format"),
    (put("format", value="1"), errors.WrongTypeError, "$.format"),
    (put("format", value=True), errors.WrongTypeError, "$.format"),
    (lambda d: d.pop("format"), errors.MissingKeyError, "$"),
    (lambda d: d.pop("terms"), errors.MissingKeyError, "$"),
    (put("author", value="x"), errors.UnknownKeyError, "$.author"),
    (put("inputs", 0, "unit", value="x"), errors.UnknownKeyError, "$.inputs[0].unit"),
    (put("inputs", 2, "mean", value=1), errors.UnknownKeyError, "$.inputs[2].mean"),
    (lambda d: d["inputs"][0].pop("kind"), errors.MissingKeyError, "$.inputs[0]"),
    (lambda d: d["terms"][0].pop("level"), errors.MissingKeyError, "$.terms[0]"),
    (lambda d: d["terms"][0].pop("input"), errors.UnknownKeyError, "$.terms[0].level"),
    (lambda d: d["terms"][1].pop("input"), errors.MissingKeyError, "$.terms[1]"),
    (put("terms", 1, "level", value=None), errors.UnknownKeyError, "$.terms[1].level"),
    (put("model", value="Small Model"), errors.InvalidValueError, "$.model"),
    (put("model", value="../x"), errors.InvalidValueError, "$.model"),
    (put("model", value=1), errors.WrongTypeError, "$.model"),
    (put("version", value="1.0"), errors.InvalidValueError, "$.version"),
    (put("version", value="1.0.0/../2"), errors.InvalidValueError, "$.version"),
    (put("created", value="yesterday"), errors.InvalidValueError, "$.created"),
    (put("description", value=""), errors.InvalidValueError, "$.description"),
    (put("provenance", "figures", value="guessed"), errors.InvalidValueError, "$.provenance.figures"),
    (put("provenance", "rows", "train", value=-1), errors.InvalidValueError, "$.provenance.rows.train"),
    (put("provenance", "rows", "train", value=1.5), errors.WrongTypeError, "$.provenance.rows.train"),
    (
        put("provenance", "training_file_sha256", value="ABC"),
        errors.InvalidValueError,
        "$.provenance.training_file_sha256",
    ),
    (put("provenance", "libraries", "numpy", value=2), errors.WrongTypeError, "$.provenance.libraries.numpy"),
    (put("missing_markers", value=["", "NA", ""]), errors.RepeatedNameError, "$.missing_markers[2]"),
    (put("missing_markers", 0, value=None), errors.WrongTypeError, "$.missing_markers[0]"),
    (put("inputs", value=[]), errors.InvalidValueError, "$.inputs"),
    (put("inputs", value={}), errors.WrongTypeError, "$.inputs"),
    (put("inputs", 0, "kind", value="date"), errors.InvalidValueError, "$.inputs[0].kind"),
    (put("inputs", 0, "scaler_scale", value=0), errors.InvalidValueError, "$.inputs[0].scaler_scale"),
    (put("inputs", 0, "scaler_scale", value=-1.0), errors.InvalidValueError, "$.inputs[0].scaler_scale"),
    (put("inputs", 0, "scaler_mean", value=float("nan")), errors.NotFiniteError, "$.inputs[0].scaler_mean"),
    (put("inputs", 0, "imputer_mean", value=float("inf")), errors.NotFiniteError, "$.inputs[0].imputer_mean"),
    (put("inputs", 0, "imputer_mean", value="50"), errors.WrongTypeError, "$.inputs[0].imputer_mean"),
    (put("inputs", 1, "name", value="the rate"), errors.RepeatedNameError, "$.inputs[1]"),
    (put("inputs", 1, "name", value='a"b'), errors.InvalidValueError, "$.inputs[1].name"),
    (
        put("inputs", 2, "levels", value=["blue", "bright green", "red", "red"]),
        errors.RepeatedNameError,
        "$.inputs[2].levels[3]",
    ),
    (put("inputs", 2, "levels", 0, value="NA"), errors.InvalidValueError, "$.inputs[2].levels[0]"),
    (put("inputs", 2, "baseline", value="black"), errors.UnknownLevelError, "$.inputs[2].baseline"),
    (put("inputs", 2, "baseline", value=None), errors.WrongTypeError, "$.inputs[2].baseline"),
    (put("inputs", 2, "dummies", 0, "level", value="black"), errors.UnknownLevelError, "$.inputs[2].dummies[0].level"),
    (put("inputs", 2, "dummies", 0, "level", value="red"), errors.InvalidValueError, "$.inputs[2].dummies[0].level"),
    (put("inputs", 2, "dummies", 0, "level", value=None), errors.RepeatedNameError, "$.inputs[2].dummies[1].level"),
    (
        put("inputs", 2, "dummies", 1, "variable", value="colour is bright green"),
        errors.RepeatedNameError,
        "$.inputs[2].dummies[1].variable",
    ),
    (put("inputs", 2, "dummies", 1, "variable", value="unused"), errors.RepeatedNameError, "$.inputs[2]"),
    (put("intercept", value=None), errors.WrongTypeError, "$.intercept"),
    (put("terms", value=[]), errors.InvalidValueError, "$.terms"),
    (put("terms", 1, "input", value="x0"), errors.UnknownInputError, "$.terms[1].input"),
    (put("terms", 0, "level", value="black"), errors.UnknownLevelError, "$.terms[0].level"),
    (put("terms", 0, "level", value="blue"), errors.UnknownLevelError, "$.terms[0].level"),
    (put("terms", 0, "variable", value="other"), errors.InvalidValueError, "$.terms[0].variable"),
    (put("terms", 1, "coefficient", value=float("-inf")), errors.NotFiniteError, "$.terms[1].coefficient"),
    (lambda d: d["terms"].append(d["terms"][1]), errors.RepeatedNameError, "$.terms[3].variable"),
    (put("outcome", "name", value="the rate"), errors.RepeatedNameError, "$.outcome.name"),
    (put("outcome", "probability", value="bought"), errors.RepeatedNameError, "$.outcome.probability"),
    (put("outcome", "cutoff", value=1.5), errors.InvalidValueError, "$.outcome.cutoff"),
    (put("outcome", "rule", value="phat >= cutoff"), errors.InvalidValueError, "$.outcome.rule"),
    (put("certificate", "tolerance", value=0), errors.InvalidValueError, "$.certificate.tolerance"),
    (put("certificate", "tolerance", value=0.01), errors.InvalidValueError, "$.certificate.tolerance"),
    (put("certificate", "rows", value=[]), errors.InvalidValueError, "$.certificate.rows"),
    (put("certificate", "rows", 0, "phat", value=1.5), errors.InvalidValueError, "$.certificate.rows[0].phat"),
    (put("certificate", "rows", 0, "cells", "x0", value=1), errors.UnknownInputError, "$.certificate.rows[0].cells.x0"),
    (
        put("certificate", "rows", 0, "cells", "colour", value=True),
        errors.WrongTypeError,
        "$.certificate.rows[0].cells.colour",
    ),
]


RANGE = ("inputs", 0, "training_range")
AT = "$.inputs[0].training_range"
GOLDEN = ("certificate", "rows", 0)
HASHES = ("certificate", "sha256")
VARIABLES = "$.certificate.rows[0].variables"
DUMMY = f"{VARIABLES}.colour is unknown"
CASES: list[tuple[int, Change, type[errors.CoefficientFileError], str]] = [
    *((file_format, *case) for file_format in FORMATS for case in REFUSED),
    (1, put(*RANGE, value=None), errors.UnknownKeyError, AT),
    (1, put(*RANGE, value={"min": 0.0, "max": 1.0}), errors.UnknownKeyError, AT),
    (1, put("format", value=2), errors.MissingKeyError, "$.inputs[0]"),
    (2, put("format", value=1), errors.UnknownKeyError, AT),
    (2, lambda d: d["inputs"][1].pop("training_range"), errors.MissingKeyError, "$.inputs[1]"),
    (2, put("inputs", 2, "training_range", value=None), errors.UnknownKeyError, "$.inputs[2].training_range"),
    (2, put(*RANGE, value=[0.0, 1.0]), errors.WrongTypeError, AT),
    (2, put(*RANGE, value="0 to 1"), errors.WrongTypeError, AT),
    (2, put(*RANGE, value={"min": 0.0}), errors.MissingKeyError, AT),
    (2, put(*RANGE, value={"max": 0.0}), errors.MissingKeyError, AT),
    (2, put(*RANGE, "mean", value=0.0), errors.UnknownKeyError, f"{AT}.mean"),
    (2, put(*RANGE, "min", value=None), errors.WrongTypeError, f"{AT}.min"),
    (2, put(*RANGE, "max", value="97"), errors.WrongTypeError, f"{AT}.max"),
    (2, put(*RANGE, "max", value=True), errors.WrongTypeError, f"{AT}.max"),
    (2, put(*RANGE, "min", value=float("-inf")), errors.NotFiniteError, f"{AT}.min"),
    (2, put(*RANGE, "max", value=float("nan")), errors.NotFiniteError, f"{AT}.max"),
    (2, put(*RANGE, value={"min": 97.5, "max": 97.0}), errors.InvalidValueError, AT),
    (2, put("format", value=3), errors.MissingKeyError, "$.certificate"),
    (2, put(*GOLDEN, "outcome", value=1), errors.UnknownKeyError, "$.certificate.rows[0].outcome"),
    (2, put("certificate", "sha256", value={}), errors.UnknownKeyError, "$.certificate.sha256"),
    (3, put("format", value=2), errors.UnknownKeyError, "$.certificate.sha256"),
    (3, lambda d: d["certificate"].pop("sha256"), errors.MissingKeyError, "$.certificate"),
    (3, lambda d: d["certificate"]["sha256"].pop("outcome"), errors.MissingKeyError, "$.certificate.sha256"),
    (3, put(*HASHES, "sha256", value="0" * 64), errors.UnknownKeyError, "$.certificate.sha256.sha256"),
    (3, put(*HASHES, "terms", value="A" * 64), errors.InvalidValueError, "$.certificate.sha256.terms"),
    (3, lambda d: d["certificate"]["rows"][0].pop("outcome"), errors.MissingKeyError, "$.certificate.rows[0]"),
    (3, put(*GOLDEN, "outcome", value=2), errors.InvalidValueError, "$.certificate.rows[0].outcome"),
    (3, put(*GOLDEN, "outcome", value=True), errors.WrongTypeError, "$.certificate.rows[0].outcome"),
    (3, put(*GOLDEN, "variables", value={}), errors.MissingKeyError, VARIABLES),
    (3, put(*GOLDEN, "variables", "colour is red", value=1), errors.UnknownKeyError, f"{VARIABLES}.colour is red"),
    (3, put(*GOLDEN, "variables", "the rate", value="0"), errors.WrongTypeError, f"{VARIABLES}.the rate"),
    (3, put(*GOLDEN, "variables", "colour is unknown", value=2), errors.InvalidValueError, DUMMY),
    (3, put(*GOLDEN, "variables", "colour is unknown", value=0.5), errors.WrongTypeError, DUMMY),
]


@pytest.mark.parametrize(
    ("file_format", "change", "error", "at"), CASES, ids=[f"{number} {at} {e.__name__}" for number, _, e, at in CASES]
)
def test_refused_with_its_own_error_and_path(
    file_format: int, change: Change, error: type[errors.CoefficientFileError], at: str
) -> None:
    small = copy.deepcopy(SMALL_BY_FORMAT[file_format])
    change(small)
    with pytest.raises(errors.CoefficientFileError) as caught:
        parse(small)
    assert (type(caught.value), caught.value.at, caught.value.source) == (error, at, "file.json")
    assert str(caught.value).startswith("file.json")


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_unchanged_small_file_is_valid(file_format: int) -> None:
    file = parse(SMALL_BY_FORMAT[file_format])
    assert (file.model, file.format) == ("small", file_format)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(errors.UnreadableFileError, match=r"nothing\.json: no such file or directory"):
        reading.read(tmp_path / "nothing.json")
    with pytest.raises(errors.UnreadableFileError, match="is a directory"):
        reading.read(tmp_path)


def test_the_shipped_file_is_the_published_model() -> None:
    file = reading.read(SHIPPED)
    assert (file.model, file.version, file.intercept) == ("glm-26", "1.0.1", 0.0)
    assert (len(file.inputs), len(file.terms)) == (100, 25)
    assert sum(len(declared.dummies) for declared in file.inputs if isinstance(declared, CategoryInput)) == 25
    assert (file.outcome.cutoff, file.outcome.rule) == (0.712, "phat > cutoff")
    assert len(file.certificate.rows) >= 24


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    document = json.loads((shipped() / "schema.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_the_schema_takes_what_the_reader_takes(schema: Draft202012Validator) -> None:
    for document in (json.loads(SHIPPED.read_bytes()), *SMALL_BY_FORMAT.values()):
        schema.validate(document)


# What only the reader can see: names that have to agree with other places, and numbers that JSON has no word for.
BEYOND_A_SCHEMA = (errors.RepeatedNameError, errors.UnknownInputError, errors.UnknownLevelError, errors.NotFiniteError)
NAMED_ELSEWHERE = (
    "$.inputs[2].levels[0]",
    "$.inputs[2].dummies[0].level",
    "$.terms[0]",
    "$.terms[0].level",
    "$.terms[0].variable",
    "$.terms[1].level",
    VARIABLES,
    DUMMY,
    f"{VARIABLES}.colour is red",
)


WITHIN_A_SCHEMA = [
    (file_format, change, at)
    for file_format, change, error, at in CASES
    if error not in BEYOND_A_SCHEMA and at not in NAMED_ELSEWHERE and (error, at) != (errors.InvalidValueError, AT)
]


@pytest.mark.parametrize(("file_format", "change", "at"), WITHIN_A_SCHEMA)
def test_the_schema_refuses_what_the_reader_refuses(
    schema: Draft202012Validator, file_format: int, change: Change, at: str
) -> None:
    small = copy.deepcopy(SMALL_BY_FORMAT[file_format])
    change(small)
    assert not schema.is_valid(small), at
