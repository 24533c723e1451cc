"""The figures on accuracy: known ones on few rows, and that each would show a difference."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from bench import accuracy
from bench.rows import Row
from export import certificate
from scorer.scorer import Scorer
from scorer.scores import Scores

COMMITTED = json.loads(accuracy.FIGURES.read_text())


def posing(model: Scorer, **others: Any) -> Scorer:
    """A model of which some parts are another's."""
    parts = {"file": model.file, "score": model.score, "certificate_error": model.certificate_error}
    return cast(Scorer, SimpleNamespace(**{**parts, **others}))


def test_the_golden_rows_are_reproduced(model: Scorer) -> None:
    found = accuracy.golden(model)
    assert found == COMMITTED["golden"] | {"largest_difference": model.certificate_error}
    assert found["largest_difference"] <= found["tolerance"]


def test_the_equation_and_statsmodels_agree(model: Scorer, some_rows: list[Row]) -> None:
    found = accuracy.parity(model, some_rows)
    assert found["largest_difference"] <= 2.3e-16
    assert 50 < found["rows_with_the_same_bits"] <= 100
    assert found["outcomes_that_differ"] == 0


def test_another_equation_does_not_agree(model: Scorer, some_rows: list[Row]) -> None:
    other = certificate.certify(replace(model.file, intercept=0.25))
    found = accuracy.parity(posing(model, file=other), some_rows)
    phats = (Scorer(other).score(some_rows), model.score(some_rows))
    assert found["largest_difference"] == pytest.approx(np.abs(phats[0].phat - phats[1].phat).max(), abs=1e-12)
    assert found["rows_with_the_same_bits"] == 0
    assert found["outcomes_that_differ"] == (phats[0].outcome != phats[1].outcome).sum() > 0


def test_no_bit_depends_on_the_batch_but_with_a_matrix_product(model: Scorer, some_rows: list[Row]) -> None:
    found = accuracy.bits(model, some_rows)
    assert found["rows_that_differ"] == 0
    assert 0 < found["rows_that_differ_with_a_matrix_product"] <= 100


def test_a_bit_that_depends_on_the_batch_is_counted(model: Scorer, some_rows: list[Row]) -> None:
    def score(rows: Any) -> Scores:
        scores = model.score(rows)
        if isinstance(rows, list):
            scores.phat[[3, 7]] = np.nextafter(scores.phat[[3, 7]], 1)
        return scores

    assert accuracy.bits(posing(model, score=score), some_rows)["rows_that_differ"] == 2


def test_what_rounding_costs(model: Scorer, some_rows: list[Row]) -> None:
    published = accuracy.rounding(model, some_rows)
    assert published == {"largest_difference": 0.0, "outcomes_that_differ": 0}, "its coefficients have four decimals"
    terms = tuple(replace(term, coefficient=term.coefficient + 0.00004) for term in model.file.terms)
    exact = Scorer(certificate.certify(replace(model.file, terms=terms)))
    difference = np.abs(exact.score(some_rows).phat - model.score(some_rows).phat).max()
    assert accuracy.rounding(exact, some_rows)["largest_difference"] == difference > 0


def test_all_figures_are_written(
    model: Scorer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accuracy, "FIGURES", tmp_path / "accuracy.json")
    monkeypatch.setattr(accuracy, "measure", functools.partial(accuracy.measure, 10_000))
    accuracy.main()
    found = json.loads((tmp_path / "accuracy.json").read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert {key: value.keys() if isinstance(value, dict) else value for key, value in found.items()} == {
        key: value.keys() if isinstance(value, dict) else 2_500 for key, value in COMMITTED.items()
    }
    assert found["rounding"]["training_rows"] == 10_000
    assert found["golden"]["rows"] == len(model.file.certificate.rows)
    assert 0 < found["rounding"]["largest_difference"] < 1e-3
    assert found["bits"]["rows_that_differ"] == 0
