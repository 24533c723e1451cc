"""The notebook's steps, on small frames where that shows more than a whole training."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from export import notebook
from export.errors import FitError, TrainingDataError
from export.publish import figures


def frame(rows: int = 10, /, **columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(1)
    data: dict[str, Any] = {name: random.normal(size=rows) for name in notebook.NUMERIC}
    data |= {name: ["a", "b"] * (rows // 2) for name in notebook.CATEGORIES}
    return pd.DataFrame({**{name: data[name] for name in notebook.INPUTS}, "y": [0, 1] * (rows // 2), **columns})


def test_the_missing_markers_are_those_of_pandas(tmp_path: Path) -> None:
    others = ["-", "missing", "nAn", "NAN", "none", "?", "#na", "0"]
    path = tmp_path / "cells.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["cell"], *([cell] for cell in notebook.MISSING_MARKERS)])
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([cell] for cell in others)
    missing = pd.read_csv(path, skip_blank_lines=False)["cell"].isna().tolist()
    assert missing == [True] * len(notebook.MISSING_MARKERS) + [False] * len(others)


def test_money_and_percent_as_the_notebook_cleans_them() -> None:
    money = pd.Series(["$1,204.50", "$-1,204.50", "($1,204.50)", None])
    np.testing.assert_array_equal(notebook.money_to_float(money), [1204.5, -1204.5, -1204.5, np.nan])
    percent = pd.Series(["41.5%", "2.75%", None])
    np.testing.assert_array_equal(notebook.percent_to_float(percent), [41.5, 2.75, np.nan])
    assert notebook.money_to_float(pd.Series([1])).tolist() == [1.0]
    assert notebook.percent_to_float(pd.Series([1])).tolist() == [1.0]


def test_the_schema_is_the_published_one() -> None:
    columns = figures()["columns"]
    assert set(columns["money"]) == set(notebook.MONEY)
    assert set(columns["percent"]) == set(notebook.PERCENT)
    assert set(columns["categorical"]) == set(notebook.CATEGORIES)
    for name, dummies in columns["dummies_after_drop_first"].items():
        levels = columns["categorical"][name]["levels"]
        assert list(notebook.dummy_columns(name, levels)) == dummies


def test_split_as_the_notebook_does() -> None:
    parts = notebook.split(pd.DataFrame({"row": range(40_000)}))
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [32_000, 4_000, 4_000]
    everything = pd.concat([parts.train, parts.validation, parts.test])["row"]
    assert sorted(everything) == list(range(40_000))
    assert parts.train.index.tolist() == list(range(32_000))


def test_too_few_rows_to_split() -> None:
    with pytest.raises(TrainingDataError, match="5,000 rows are too few"):
        notebook.split(pd.DataFrame({"row": range(5_000)}))


def test_preprocessing_is_the_mean_the_population_scale_and_sorted_levels() -> None:
    train = frame(4, x0=[1.0, 2.0, np.nan, 6.0], x5=["b", None, "c", "a"])
    fitted = notebook.fit_preprocessing(train)
    assert fitted.imputer.statistics_[0] == 3.0
    assert fitted.scaler.scale_[0] == pytest.approx(np.std([1.0, 2.0, 3.0, 6.0]))
    assert fitted.levels["x5"] == ("a", "b", "c")
    prepared = notebook.transform(train, fitted)
    assert prepared[["x5_b", "x5_c", "x5_nan"]].to_numpy().tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert prepared["x0"].iloc[2] == 0


def test_a_split_without_the_baseline_keeps_the_dummies_of_the_train_split() -> None:
    fitted = notebook.fit_preprocessing(frame(4, x5=["b", "c", "a", "b"]))
    other = notebook.transform(frame(2, x5=["c", "new"]), fitted)
    assert other[["x5_b", "x5_c", "x5_nan"]].to_numpy().tolist() == [[0, 1, 0], [0, 0, 0]]


def test_the_cutoff_is_the_lower_edge_of_the_top_five_bins() -> None:
    phat = np.random.default_rng(1).random(4_000)
    table = notebook.decision_table(phat, np.ones(4_000, dtype=int))
    assert (len(table), set(table["rows"]), table["positives"].sum()) == (20, {200}, 4_000)
    assert notebook.cutoff(phat) == pytest.approx(table["bin"].iloc[15].left, abs=1e-3)
    assert (phat > notebook.cutoff(phat)).sum() == 1_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": None}, "columns are missing: y"),
        ({"x7": None}, "columns are missing: x7"),
        ({"y": [0, 2] * 5}, "row 1: y is neither 0 nor 1"),
    ],
)
def test_training_files_that_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "train.csv"
    data = frame()
    for name, values in change.items():
        data = data.drop(columns=name) if values is None else data.assign(**{name: values})
    data.to_csv(path, index=False)
    with pytest.raises(TrainingDataError, match=message):
        notebook.read(path)


@pytest.mark.parametrize("name", ["nothing.csv", "empty.csv"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(TrainingDataError, match=name):
        notebook.read(tmp_path / name)


@pytest.mark.parametrize("name", ["x0", "x12", "x63"])
def test_text_in_a_numeric_column_is_named(name: str) -> None:
    with pytest.raises(TrainingDataError, match=f"column {name}"):
        notebook.clean(frame().assign(**{name: ["abc"] * 10}))


def test_a_column_without_information_is_named() -> None:
    with pytest.raises(TrainingDataError, match="column x3: holds fewer than two different values"):
        notebook.fit_preprocessing(frame(x3=np.nan))


def test_fits_that_have_no_estimate() -> None:
    column = np.linspace(-1, 1, 50)
    target = pd.Series((column > 0).astype(int))
    with pytest.raises(FitError, match="did not converge"):
        notebook.fit_logit(pd.DataFrame({"a": column}), target)
    noise = pd.Series(np.random.default_rng(1).integers(0, 2, 50))
    with pytest.raises(FitError, match="linearly dependent"):
        notebook.fit_logit(pd.DataFrame({"a": column, "b": column}), noise)
