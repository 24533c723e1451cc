"""Coefficient files for tests: the shipped one, a small one of another shape in each format, and one with ranges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scorer import reading
from scorer.coefficients import CoefficientFile, NumberInput, TrainingRange
from scorer.store.directory import shipped
from tests.support.paths import DATA

RELEASED_1_0_0 = shipped() / "glm-26" / "1.0.0.json"
"""The approved model in format 1, as it was released."""
SHIPPED = shipped() / "glm-26" / "1.0.1.json"
"""The same equation in format 3: the version that the pointer names."""

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


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """A document of format 3 with the hashes of its certificate made anew, as somebody who hides an edit would."""
    file = reading.parse(json.dumps(document).encode()).sealed()
    parsed: dict[str, Any] = json.loads(file.to_bytes())
    return parsed


def _in_format_3(document: dict[str, Any]) -> dict[str, Any]:
    certificate = document["certificate"]
    (golden,) = certificate["rows"]
    entered = {"colour is unknown": 1, "the rate": 0.0, "colour is bright green": 0}
    rows = [{**golden, "outcome": 1, "variables": entered}]
    unsealed = {**certificate, "sha256": dict.fromkeys(document, "0" * 64), "rows": rows}
    return sealed({**document, "format": 3, "certificate": unsealed})


SMALL_BY_FORMAT: dict[int, dict[str, Any]] = {
    1: json.loads(FORMAT_1.read_bytes()),
    2: SMALL,
    3: _in_format_3(SMALL),
}


def with_ranges(file: CoefficientFile, ranges: Mapping[str, TrainingRange]) -> CoefficientFile:
    """The same model in format 2: the ranges given are known, those of other numbers are not."""
    inputs = (
        replace(declared, training_range=ranges.get(declared.name)) if isinstance(declared, NumberInput) else declared
        for declared in file.inputs
    )
    return replace(file, format=2, inputs=tuple(inputs))
