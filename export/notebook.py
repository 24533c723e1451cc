"""The steps of the notebook GLM_Model_26, in its order and with its numbers, one function per step.

Calls that pandas or scikit-learn have changed since are written for today's versions, with the notebook's results.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from export.errors import FitError, TrainingDataError

INPUTS = tuple(f"x{number}" for number in range(100))
TARGET = "y"
MONEY = ("x12",)
PERCENT = ("x63",)
CATEGORIES = ("x5", "x31", "x81", "x82")
NUMERIC = tuple(name for name in INPUTS if name not in CATEGORIES)

RANDOM_STATE = 13
VALIDATION_SHARE = 0.1
TEST_ROWS = 4_000
SELECTED = 25
BINS = 20
EVENT_BINS = 5
"""The business partner's decision: a row in the top 5 of the 20 bins is an event."""
CUTOFF_QUANTILE = 1 - EVENT_BINS / BINS

# What pandas.read_csv reads as missing by default (see its documentation of na_values); a test compares them.
MISSING_MARKERS = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)


@dataclass(frozen=True, slots=True)
class Splits:
    """The three splits of the training file, each with a new index."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What steps 4 and 5 learn from the train split.

    Attributes:
        imputer: fitted on the numeric columns.
        scaler: fitted on the imputed columns.
        ranges: for each numeric column its smallest and largest number, without imputed ones.
        levels: for each category its levels in sorted order; the first is the baseline.
    """

    imputer: SimpleImputer
    scaler: StandardScaler
    ranges: dict[str, tuple[float, float]]
    levels: dict[str, tuple[str, ...]]


def read(path: Path) -> pd.DataFrame:
    """Step 1: reads the training file as pandas does by default.

    Raises:
        TrainingDataError: the file cannot be read, or lacks a column of x0 ... x99 and y, or y is not 0 or 1.
    """
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise TrainingDataError(f"{path}: {error}") from None
    lacking = [name for name in (*INPUTS, TARGET) if name not in frame]
    if lacking:
        raise TrainingDataError(f"{path}: columns are missing: {', '.join(lacking)}")
    if not frame[TARGET].isin([0, 1]).all():
        row = int((~frame[TARGET].isin([0, 1])).to_numpy().argmax())
        raise TrainingDataError(f"{path}: row {row}: {TARGET} is neither 0 nor 1")
    return frame[[*INPUTS, TARGET]]


def money_to_float(column: pd.Series[Any]) -> pd.Series[float]:
    """Step 2, x12: removes dollar signs, thousands commas and closing brackets; an opening bracket becomes a minus."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float)
    text = column.str.replace(r"[$,)]", "", regex=True).str.replace("(", "-", regex=False)
    return text.astype(float)


def percent_to_float(column: pd.Series[Any]) -> pd.Series[float]:
    """Step 2, x63: removes the percent sign; 41.5% is 41.5."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float)
    return column.str.replace("%", "", regex=False).astype(float)


def clean(
    frame: pd.DataFrame,
    money: Sequence[str] = MONEY,
    percent: Sequence[str] = PERCENT,
    numeric: Sequence[str] = NUMERIC,
) -> pd.DataFrame:
    """Step 2 for all columns.

    Raises:
        TrainingDataError: a numeric column holds text that is not a number.
    """
    cleaned = frame.copy()
    for names, convert in ((money, money_to_float), (percent, percent_to_float)):
        for name in names:
            try:
                cleaned[name] = convert(frame[name])
            except ValueError as error:
                raise TrainingDataError(f"column {name}: {error}") from None
    for name in numeric:
        if not pd.api.types.is_numeric_dtype(cleaned[name]):
            raise TrainingDataError(f"column {name}: holds text that is not a number")
    return cleaned


def split(frame: pd.DataFrame) -> Splits:
    """Step 3: splits off 10 % as validation, then 4,000 rows of the rest as test.

    Raises:
        TrainingDataError: there are too few rows.
    """
    if len(frame) * (1 - VALIDATION_SHARE) < 2 * TEST_ROWS:
        raise TrainingDataError(
            f"{len(frame):,} rows are too few: {VALIDATION_SHARE:.0%} and then {TEST_ROWS:,} rows are split off, "
            f"and at least as many have to remain"
        )
    rest, validation = train_test_split(frame, test_size=VALIDATION_SHARE, random_state=RANDOM_STATE)
    train, test = train_test_split(rest, test_size=TEST_ROWS, random_state=RANDOM_STATE)
    return Splits(*(part.reset_index(drop=True) for part in (train, validation, test)))


def fit_preprocessing(train: pd.DataFrame) -> Preprocessing:
    """Steps 4 and 5 on the train split: fits the imputer, then the scaler on the imputed columns, and finds the levels.

    The ranges of the numbers are not in the notebook. The service counts numbers out of range with them.

    Raises:
        TrainingDataError: a column has fewer than two different values.
    """
    for name in (*NUMERIC, *CATEGORIES):
        if train[name].nunique() < 2:
            raise TrainingDataError(f"column {name}: holds fewer than two different values in the train split")
    numbers = train[list(NUMERIC)]
    imputer = SimpleImputer(strategy="mean").fit(numbers)
    scaler = StandardScaler().fit(imputer.transform(numbers))
    ranges = {name: (float(numbers[name].min()), float(numbers[name].max())) for name in NUMERIC}
    levels = {name: tuple(sorted(train[name].dropna().astype(str).unique())) for name in CATEGORIES}
    return Preprocessing(imputer, scaler, ranges, levels)


def dummy_columns(name: str, levels: Sequence[str]) -> dict[str, str | None]:
    """Step 5: the names of a category's dummy columns and their levels; the column for missing has the level None."""
    return {**{f"{name}_{level}": level for level in levels[1:]}, f"{name}_nan": None}


def dummies(column: pd.Series[Any], name: str, levels: Sequence[str]) -> pd.DataFrame:
    """Step 5: the dummy columns of a category: none for the first level, and one more for missing.

    The columns are those of the train split; a level that it lacks has 0 in all of them. The notebook called
    get_dummies on each split, where a split without the first level would have dropped another one.
    """
    every = pd.get_dummies(column, prefix=name, prefix_sep="_", dummy_na=True, dtype=float)
    return every.reindex(columns=list(dummy_columns(name, levels)), fill_value=0.0)


def transform(frame: pd.DataFrame, fitted: Preprocessing) -> pd.DataFrame:
    """Steps 4 and 5: 96 standardized columns, then the dummy columns; 121 columns with the notebook's data."""
    scaled = fitted.scaler.transform(fitted.imputer.transform(frame[list(NUMERIC)]))
    numeric = pd.DataFrame(scaled, columns=list(NUMERIC), index=frame.index)
    return pd.concat([numeric, *(dummies(frame[name], name, fitted.levels[name]) for name in CATEGORIES)], axis=1)


def select(variables: pd.DataFrame, target: pd.Series[int]) -> list[str]:
    """Step 6: the 25 columns with the largest squared coefficients of an L1 logistic regression, largest first.

    liblinear shuffles by random_state, which the notebook left open. Here it is the notebook's 13, so that the same
    training file always gives the same coefficient file.
    """
    model = LogisticRegression(l1_ratio=1, solver="liblinear", fit_intercept=False, random_state=RANDOM_STATE)
    model.fit(variables, target)
    squared = pd.Series(model.coef_[0] ** 2, index=variables.columns)
    return [str(name) for name in squared.nlargest(SELECTED).index]


def fit_logit(variables: pd.DataFrame, target: pd.Series[int]) -> Any:
    """Steps 7 and 8: statsmodels' Logit without intercept.

    Returns:
        Its results object.

    Raises:
        FitError: the fit did not converge, or found no estimate.
    """
    if np.linalg.matrix_rank(variables.to_numpy()) < variables.shape[1]:
        raise FitError("the logistic regression has no single estimate: its variables are linearly dependent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of is checked below, and is an error
        try:
            results = sm.Logit(target, variables).fit(disp=0)
        except np.linalg.LinAlgError as error:
            raise FitError(f"the logistic regression has no estimate: {error}") from None
    if not results.mle_retvals["converged"] or not np.isfinite(results.params).all():
        raise FitError("the logistic regression did not converge")
    return results


def c_statistic(target: pd.Series[int], phat: NDArray[np.float64]) -> float:
    """The area under the ROC curve."""
    return float(roc_auc_score(target, phat))


def decision_table(phat: NDArray[np.float64], target: NDArray[np.int_]) -> pd.DataFrame:
    """Step 9: the table that the business partner saw, with 20 bins of equal count, open below and closed above."""
    bins = pd.qcut(pd.Series(phat), q=BINS)
    table = pd.DataFrame({"bin": bins, "y": target}).groupby("bin", observed=True)["y"].agg(["count", "sum"])
    return table.rename(columns={"count": "rows", "sum": "positives"}).reset_index()


def cutoff(phat: NDArray[np.float64]) -> float:
    """The lower edge of the top 5 of the 20 bins: the 75th percentile of the tabled predictions."""
    return float(np.quantile(phat, CUTOFF_QUANTILE))
