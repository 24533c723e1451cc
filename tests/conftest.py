"""What many tests need: the shipped model, stand-in data, a small model of another shape, and a running server."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import scorer
from export import certificate, standin
from scorer.coefficients import CoefficientFile, NumberInput, TrainingRange
from scorer.store.directory import shipped
from tests.support.servers import Server, running

settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

DATA = Path(__file__).parent / "data"
SHIPPED = shipped() / "glm-26" / "1.0.0.json"


@pytest.fixture(scope="session")
def model() -> scorer.Scorer:
    """The shipped model."""
    return scorer.load()


@pytest.fixture(scope="session")
def row() -> dict[str, Any]:
    """A row with all 100 inputs, as a customer's curl call sends it."""
    document: dict[str, Any] = json.loads((DATA / "row.json").read_text())
    return document


@dataclass(frozen=True)
class StandIn:
    """Stand-in data of the notebook's size: 40,000 training rows, 10,000 test rows."""

    train: Path
    test: Path
    rows: list[dict[str, str | None]]


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory, model: scorer.Scorer) -> StandIn:
    """Stand-in files, and the test rows as texts, empty ones as None."""
    train, test = standin.write(40_000, 3, tmp_path_factory.mktemp("standin"), model)
    with test.open(newline="") as file:
        rows = [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]
    return StandIn(train, test, rows)


@pytest.fixture(scope="session")
def versions(model: scorer.Scorer) -> list[CoefficientFile]:
    """Three versions: the shipped one, and two with an intercept, certified by statsmodels; the last in format 2."""
    changed = [
        certificate.certify(replace(model.file, version=version, intercept=intercept, format=file_format))
        for version, intercept, file_format in (("1.1.0", 0.25, 1), ("1.2.0", -0.5, 2))
    ]
    return [model.file, *changed]


def with_ranges(file: CoefficientFile, ranges: Mapping[str, TrainingRange]) -> CoefficientFile:
    """The same model in format 2: the ranges given are known, those of other numbers are not."""
    inputs = (
        replace(declared, training_range=ranges.get(declared.name)) if isinstance(declared, NumberInput) else declared
        for declared in file.inputs
    )
    return replace(file, format=2, inputs=tuple(inputs))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The shipped model served by one worker, as a user starts it."""
    with running() as started:
        yield started


@pytest.fixture
def document() -> dict[str, Any]:
    """The shipped coefficient file as a document to be changed."""
    parsed: dict[str, Any] = json.loads(SHIPPED.read_bytes())
    return parsed


SMALL: dict[str, Any] = {
    "format": 2,
    "model": "small",
    "version": "0.1.0",
    "created": "2026-01-31T00:00:00Z",
    "description": "A model of another shape: an intercept, a percent, a dummy for missing, names with spaces.",
    "provenance": {
        "figures": "published",
        "description": "made up",
        "rows": {"train": 0, "validation": 0, "test": 0},
        "training_file_sha256": None,
        "libraries": {},
    },
    "missing_markers": ["", "NA"],
    "inputs": [
        {
            "name": "the rate",
            "kind": "percent",
            "imputer_mean": 50.0,
            "scaler_mean": 50.0,
            "scaler_scale": 10.0,
            "training_range": {"min": 12.5, "max": 97.0},
        },
        {
            "name": "unused",
            "kind": "number",
            "imputer_mean": 0.0,
            "scaler_mean": 0.0,
            "scaler_scale": 1.0,
            "training_range": None,
        },
        {
            "name": "colour",
            "kind": "category",
            "levels": ["blue", "bright green", "red"],
            "baseline": "red",
            "dummies": [
                {"variable": "colour is bright green", "level": "bright green"},
                {"variable": "colour is unknown", "level": None},
            ],
        },
    ],
    "intercept": -0.25,
    "terms": [
        {"variable": "colour is unknown", "input": "colour", "level": None, "coefficient": 2.0},
        {"variable": "the rate", "input": "the rate", "coefficient": -1.5},
        {
            "variable": "colour is bright green",
            "input": "colour",
            "level": "bright green",
            "coefficient": 0.5,
        },
    ],
    "outcome": {"name": "bought", "probability": "p", "cutoff": 0.5, "rule": "phat > cutoff", "source": "made up"},
    "certificate": {
        "computed_by": "by hand",
        "tolerance": 1e-15,
        "rows": [{"about": "missing", "cells": {"colour": None, "the rate": None}, "phat": 0.8519528019683106}],
    },
}


FORMAT_1 = DATA / "format-1.json"
"""The small model in format 1, as it was written when that was the newest."""

SMALL_BY_FORMAT: dict[int, dict[str, Any]] = {1: json.loads(FORMAT_1.read_bytes()), 2: SMALL}


@pytest.fixture
def small() -> dict[str, Any]:
    """A small coefficient file of another shape than the shipped one, as a document to be changed."""
    return copy.deepcopy(SMALL)
