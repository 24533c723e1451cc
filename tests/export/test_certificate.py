from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

import scorer
from export import certificate
from scorer import reading
from scorer.errors import CertificateError
from tests.support.models import SMALL


def test_the_shipped_golden_rows_are_what_statsmodels_says(model: scorer.Scorer) -> None:
    golden = model.file.certificate.rows
    phat = certificate.statsmodels_phat(model.file, [row.cells for row in golden])
    assert np.abs(phat - [row.phat for row in golden]).max() <= 1e-15
    assert len(golden) >= 24


def test_the_golden_rows_reach_the_edges(model: scorer.Scorer) -> None:
    rows = model.file.certificate.rows
    about = " ".join(row.about for row in rows)
    for words in ("typical", "all missing", "unknown level", "in brackets", "exponent", "largest log-odds"):
        assert words in about
    for declared in model.equation.inputs:
        seen = {row.cells[declared.name] for row in rows if declared.name in row.cells}
        assert None in seen
        if hasattr(declared, "levels"):
            assert set(declared.levels) <= seen
    phat = [row.phat for row in rows]
    assert (min(phat) < 1e-9, max(phat) > 1 - 1e-9) == (True, True)
    assert {row.phat > model.file.outcome.cutoff for row in rows} == {True, False}


def test_the_golden_rows_show_where_the_cutoff_is(model: scorer.Scorer) -> None:
    """Moved by a millionth, it changes the outcome of a golden row."""
    rows, cutoff = model.file.certificate.rows, model.file.outcome.cutoff
    for moved in (cutoff - 1e-6, cutoff + 1e-6, 0.5):
        assert any((row.phat > moved) != row.outcome for row in rows)
    nearest = sorted(row.phat - cutoff for row in rows if abs(row.phat - cutoff) < 1e-8)
    assert nearest == pytest.approx([-certificate.MARGIN, certificate.MARGIN], abs=1e-15)


def test_the_golden_variables_are_what_pandas_makes(model: scorer.Scorer) -> None:
    golden = model.file.certificate.rows
    frame = certificate.variables_of(model.file, certificate.read_rows(model.file, [row.cells for row in golden]))
    for name, column in frame.items():
        np.testing.assert_array_equal(column, [(row.variables or {})[str(name)] for row in golden])
    assert model.score([dict(row.cells) for row in golden]).variables.keys() == set(frame)


def test_a_model_with_intercept_percent_and_a_dummy_for_missing() -> None:
    draft = reading.parse(json.dumps(SMALL).encode())
    file = certificate.certify(draft)
    assert scorer.Scorer(file).certificate_error <= certificate.TOLERANCE
    about = [row.about for row in file.certificate.rows]
    assert "the rate with its sign" in about
    assert "colour at an unknown level" in about
    assert "phat just below the cutoff" in about


@pytest.mark.parametrize("cutoff", [0.0, 1.0])
def test_no_row_is_around_a_cutoff_that_none_can_reach(cutoff: float) -> None:
    draft = reading.parse(json.dumps(SMALL).encode())
    file = certificate.certify(replace(draft, format=3, outcome=replace(draft.outcome, cutoff=cutoff)))
    assert not [row.about for row in file.certificate.rows if "the cutoff" in row.about]
    assert scorer.Scorer(file).certificate_error <= certificate.TOLERANCE


def test_a_model_of_categories_alone_has_no_row_around_the_cutoff() -> None:
    draft = reading.parse(json.dumps(SMALL).encode())
    terms = tuple(term for term in draft.terms if term.input == "colour")
    file = certificate.certify(replace(draft, format=3, terms=terms))
    assert not [row.about for row in file.certificate.rows if "the cutoff" in row.about]


def test_a_draft_that_the_equation_does_not_reproduce(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sm.Logit.predict

    def off(*arguments: Any) -> Any:
        phat = real(*arguments)
        return phat + np.array([0.0] * 5 + [1e-12] + [0.0] * 1000)[: len(phat)]

    monkeypatch.setattr(sm.Logit, "predict", off)
    with pytest.raises(CertificateError):
        certificate.certify(replace(reading.parse(json.dumps(SMALL).encode())))
