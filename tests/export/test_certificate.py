from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

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


def test_a_model_with_intercept_percent_and_a_dummy_for_missing() -> None:
    draft = reading.parse(json.dumps(SMALL).encode())
    file = certificate.certify(draft)
    assert scorer.Scorer(file).certificate_error <= certificate.TOLERANCE
    about = [row.about for row in file.certificate.rows]
    assert "the rate with its sign" in about
    assert "colour at an unknown level" in about


def test_a_draft_that_the_equation_does_not_reproduce(monkeypatch: pytest.MonkeyPatch) -> None:
    real = certificate.statsmodels_phat

    def off(*arguments: Any) -> Any:
        return real(*arguments) + np.array([0.0] * 5 + [1e-12] + [0.0] * 1000)[: len(arguments[1])]

    monkeypatch.setattr(certificate, "statsmodels_phat", off)
    with pytest.raises(CertificateError):
        certificate.certify(replace(reading.parse(json.dumps(SMALL).encode())))
