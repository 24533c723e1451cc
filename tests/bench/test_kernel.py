"""The kernel's contenders: all give the scorer's phat, and one that does not is not timed."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest

import scorer
from bench import kernel
from bench.kernel import Contender

ROWS = 1_200


@pytest.fixture(scope="module")
def batch(model: scorer.Scorer) -> kernel.Batch:
    return kernel.make_batch(model, ROWS)


@pytest.fixture(scope="module")
def contenders(model: scorer.Scorer, batch: kernel.Batch) -> dict[str, Contender]:
    return kernel.make_contenders(model, batch)


def test_all_forms_hold_the_same_rows(model: scorer.Scorer, batch: kernel.Batch) -> None:
    assert model.score(batch.texts).phat.tolist() == model.equation.phat(batch.columns).tolist()
    assert list(batch.variables) == [term.variable for term in model.file.terms]
    assert batch.texts.isna().any(axis=None)


def test_every_contender_is_timed(contenders: dict[str, Contender], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "ROUNDS", 2)
    monkeypatch.setattr(kernel, "ROUND_SECONDS", 0.0001)
    measured = kernel.measure(contenders)
    assert list(measured) == [
        "scorer",
        "statsmodels",
        "statsmodels, DataFrame",
        "scikit-learn",
        "scikit-learn, codes",
    ]
    for samples in measured.values():
        assert all(len(taken) == 2 and min(taken) > 0 for taken in samples.values())


def test_a_time_is_that_of_a_single_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call of 4 ms is repeated 3 times in a turn of 10 ms."""
    turns = iter([0.004, 0.009, 0.3, 0.012])
    clock = iter([0.0, 0.006, 1.0, 1.3, 2.0, 2.009])
    numbers: list[int] = []

    def timeit(_call: object, number: int) -> float:
        numbers.append(number)
        return next(turns)

    monkeypatch.setattr(kernel, "ROUNDS", 3)
    monkeypatch.setattr(kernel, "timeit", timeit)
    monkeypatch.setattr(time, "process_time", lambda: next(clock))
    measured = kernel.measure({"scorer": Contender(lambda: np.zeros(2))})
    assert numbers == [1, 3, 3, 3]
    assert measured["scorer"]["wall"] == pytest.approx([0.003, 0.1, 0.004])
    assert measured["scorer"]["cpu"] == pytest.approx([0.002, 0.1, 0.003])


@pytest.mark.parametrize("off", [1e-9, -1e-9, math.nan])
def test_a_wrong_contender_is_named(contenders: dict[str, Contender], off: float) -> None:
    wrong = contenders["scorer"].phat().copy()
    wrong[-1] += off
    with pytest.raises(SystemExit, match=r"wrong: phat is off by (1\.0e-09|nan), and 1e-12 is the tolerance"):
        kernel.measure({**contenders, "wrong": Contender(lambda: wrong)})


def test_single_precision_has_its_own_tolerance(contenders: dict[str, Contender]) -> None:
    single = contenders["scorer"].phat().astype(np.float32)
    kernel.check({**contenders, "single": Contender(lambda: single, kernel.SINGLE)})
    with pytest.raises(SystemExit, match="single: phat is off"):
        kernel.check({**contenders, "single": Contender(lambda: single)})


def test_the_report_is_one_json_document(
    model: scorer.Scorer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "ROUNDS", 1)
    monkeypatch.setattr(kernel, "ROUND_SECONDS", 0.0001)
    monkeypatch.setattr(kernel, "SIZES", (ROWS, 2 * ROWS))
    monkeypatch.setattr(kernel, "DISTRIBUTIONS", ("numpy",))
    monkeypatch.setattr(kernel, "everyone", kernel.make_contenders)  # the peers' environment alone has ONNX Runtime
    assert kernel.main(["--quick"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"].keys() == {str(ROWS)}
    assert report["rows"][str(ROWS)].keys() == kernel.make_contenders(model, kernel.make_batch(model, ROWS)).keys()
    assert report["versions"]["numpy"] == np.__version__
