from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scorer
from export import notebook, standin
from export.__main__ import main
from export.publish import figures
from tests.support.standin import StandIn


def test_the_schema_is_the_notebooks(stand_in: StandIn) -> None:
    train, test = pd.read_csv(stand_in.train), pd.read_csv(stand_in.test)
    assert list(train) == [*notebook.INPUTS, "y"]
    assert list(test) == list(notebook.INPUTS)
    assert (len(train), len(test)) == (40_000, 10_000)
    texts = [name for name in notebook.INPUTS if not pd.api.types.is_numeric_dtype(train[name])]
    assert texts == figures()["columns"]["object_dtype"]
    for name, declared in figures()["columns"]["categorical"].items():
        assert sorted(train[name].dropna().unique()) == declared["levels"]
        assert train[name].isna().any() == declared["missing_in_training"]


def test_means_and_scales_are_the_published_ones(stand_in: StandIn) -> None:
    """Within four standard errors of a mean of 40,000 rows, and 2 % of a scale."""
    train = notebook.clean(pd.read_csv(stand_in.train))
    for parameters in figures()["numeric"]:
        column = train[parameters["name"]].fillna(train[parameters["name"]].mean())
        scale = parameters["scaler_scale"]
        assert column.mean() == pytest.approx(parameters["scaler_mean"], abs=4.5 * scale / np.sqrt(40_000))
        assert column.std(ddof=0) == pytest.approx(scale, rel=0.02)


def test_texts_look_as_published(stand_in: StandIn) -> None:
    money = pd.read_csv(stand_in.train)["x12"]
    assert money.str.match(r"^\$-?[\d,]+\.\d\d$|^\(\$[\d,]+\.\d\d\)$").all()
    assert money.str.startswith("(").any()
    assert money.str.startswith("$-").any()
    percent = pd.read_csv(stand_in.train)["x63"]
    assert percent.str.match(r"^\d+\.\d\d%$").all()


def test_y_is_drawn_from_the_approved_equation(stand_in: StandIn, model: scorer.Scorer) -> None:
    train = pd.read_csv(stand_in.train)
    phat = model.score(train).phat
    for low in np.arange(0.1, 0.9, 0.1):
        bin_ = (phat > low) & (phat <= low + 0.1)
        expected, n = phat[bin_].mean(), bin_.sum()
        assert train["y"][bin_].mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n))


def test_a_seed_gives_the_same_files_and_another_gives_others(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["standin", "--rows", "8", "--seed", seed, "--out", str(tmp_path / name)]) == 0
    a, b, c = ((tmp_path / name / "train.csv").read_bytes() for name in "abc")
    assert a == b != c
    assert len(pd.read_csv(tmp_path / "a" / "test.csv")) == 2


def test_one_row_is_enough(tmp_path: Path, model: scorer.Scorer) -> None:
    train, test = standin.write(1, 1, tmp_path, model)
    assert (len(pd.read_csv(train)), len(pd.read_csv(test))) == (1, 1)
