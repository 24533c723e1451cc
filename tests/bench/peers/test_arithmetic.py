"""The peers' equation in plain numpy against the library, and the file that it is read from."""

from __future__ import annotations

from typing import Any

import pytest

import scorer
from bench.peers import arithmetic
from bench.peers.check import MODEL, PHAT_TOLERANCE, VARIABLE_TOLERANCE, Row, compare, make_bodies


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> arithmetic.Model:
    """The equation of the file that the environment names."""
    monkeypatch.setenv("PEER_MODEL", str(MODEL))
    return arithmetic.load()


def test_it_answers_as_the_library(peer: arithmetic.Model, model: scorer.Scorer) -> None:
    for name, body in make_bodies(model).items():
        rows: list[Row] = body if isinstance(body, list) else [body]
        phat, variable = compare(peer.score_rows(rows), model.score(body).to_rows(), name, "phat")
        assert phat <= PHAT_TOLERANCE
        assert variable <= VARIABLE_TOLERANCE


def test_another_coefficient_is_another_answer(document: dict[str, Any], model: scorer.Scorer) -> None:
    document["terms"][0]["coefficient"] += 1e-6
    rows = make_bodies(model)["both mixed"]
    assert isinstance(rows, list)
    with pytest.raises(Exception, match="phat is"):
        compare(arithmetic.Model(document).score_rows(rows), model.score(rows).to_rows(), "rows", "phat")


def test_it_reads_only_the_inputs_of_the_equation(peer: arithmetic.Model, model: scorer.Scorer) -> None:
    assert sorted(peer.inputs) == sorted({term.input for term in model.file.terms})
