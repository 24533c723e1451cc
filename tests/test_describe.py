"""What a model says of itself, as a table and as a document."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from scorer import Scorer, reading
from scorer.describe import describe, model_document


def scorer_of(document: dict[str, Any], coefficient: float, phat: float) -> Scorer:
    document["terms"][0]["coefficient"] = coefficient
    document["certificate"]["rows"][0]["phat"] = phat
    return Scorer(reading.parse(json.dumps(document).encode(), "test"))


@pytest.mark.parametrize(("coefficient", "phat"), [(1000.0, 1.0), (-1000.0, 0.0)])
def test_an_odds_ratio_beyond_float64_is_left_out(coefficient: float, phat: float, small: dict[str, Any]) -> None:
    """Not null, which could mean anything, and not 0: the coefficient beside it is its logarithm."""
    scorer = scorer_of(small, coefficient, phat)
    first, second, _ = orjson.loads(orjson.dumps(model_document(scorer)))["variables"]
    assert first == {"name": "colour is unknown", "input": "colour", "level": None, "coefficient": coefficient}
    assert second["odds_ratio"] == pytest.approx(0.22313, abs=1e-5)
    assert f"{coefficient:g}  beyond float64\n" in describe(scorer)


@pytest.mark.parametrize(
    ("coefficient", "phat", "shown"),
    [(0.5, 0.5621765008857981, "1.6487"), (-12.0, 4.785094494890118e-06, "6.144e-06"), (700.0, 1.0, "1.014e+304")],
)
def test_an_odds_ratio_is_shown_with_its_digits(
    coefficient: float, phat: float, shown: str, small: dict[str, Any]
) -> None:
    (line,) = (line for line in describe(scorer_of(small, coefficient, phat)).splitlines() if "missing, else" in line)
    assert line.split()[-1] == shown


def test_it_says_what_the_certificate_does_not_cover(small: dict[str, Any], model: Scorer) -> None:
    old = Scorer(reading.parse(json.dumps(small).encode(), "test"))
    assert "A certificate of format 2 does not cover: model, version," in describe(old)
    assert "the outcome with its cutoff" in model_document(old)["certificate"]["not_covered"]
    assert describe(model).endswith("\nThe certificate covers every value of the file.")
