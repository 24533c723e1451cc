"""Peer a: the notebook behind FastAPI. pandas, scikit-learn and statsmodels run in each request as in its cells.

A careful port: whole batches at a time, objects restored once. As in the notebook, the imputer and the scaler take all
96 numeric columns, and all four categories get their dummies; the 25 variables are selected from these columns.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

MODEL = json.loads(Path(os.environ["PEER_MODEL"]).read_text(encoding="utf-8"))
MARKERS = MODEL["missing_markers"]
OUTCOME = MODEL["outcome"]
VARIABLES = [term["variable"] for term in MODEL["terms"]]
COEFFICIENTS = np.array([term["coefficient"] for term in MODEL["terms"]])
INPUTS = MODEL["inputs"]
NUMBERS = [declared for declared in INPUTS if declared["kind"] != "category"]
NUMERIC = [declared["name"] for declared in NUMBERS]
CATEGORIES = [declared["name"] for declared in INPUTS if declared["kind"] == "category"]
DUMMIES = [term["variable"] for term in MODEL["terms"] if term["input"] in CATEGORIES]


def restored_imputer() -> SimpleImputer:
    """The imputer as it was after fit, from its means."""
    imputer = SimpleImputer(strategy="mean")
    imputer.statistics_ = np.array([declared["imputer_mean"] for declared in NUMBERS])
    imputer.feature_names_in_ = np.array(NUMERIC, dtype=object)
    imputer.n_features_in_ = len(NUMERIC)
    imputer.indicator_ = None
    imputer._fit_dtype = imputer._fill_dtype = imputer.statistics_.dtype
    return imputer


def restored_scaler() -> StandardScaler:
    """The scaler as it was after fit, from its means and scales."""
    scaler = StandardScaler()
    scaler.mean_ = np.array([declared["scaler_mean"] for declared in NUMBERS])
    scaler.scale_ = np.array([declared["scaler_scale"] for declared in NUMBERS])
    scaler.var_ = scaler.scale_**2
    scaler.n_features_in_ = len(NUMERIC)
    return scaler


def restored_logit() -> sm.Logit:
    """The model behind the results: predict takes parameters and variables, so its data do not matter."""
    if MODEL["intercept"]:
        raise SystemExit("the notebook's equation has no intercept, and this server none either")
    return sm.Logit(np.zeros(len(VARIABLES)), np.eye(len(VARIABLES)))


IMPUTER, SCALER, LOGIT = restored_imputer(), restored_scaler(), restored_logit()


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """Missing markers to NaN, and texts of numbers, money and percent to floats."""
    cleaned = frame.mask(frame.isin(MARKERS))
    for declared in NUMBERS:
        column = cleaned[declared["name"]]
        if not pd.api.types.is_numeric_dtype(column):
            column = column.astype("str")  # numbers among the texts too: .str would turn them into NaN
            if declared["kind"] == "money":
                column = column.str.replace(r"[$,)]", "", regex=True).str.replace("(", "-", regex=False)
            elif declared["kind"] == "percent":
                column = column.str.replace("%", "", regex=False)
        cleaned[declared["name"]] = column.astype(float)
    return cleaned


def prepare(frame: pd.DataFrame) -> pd.DataFrame:
    """Raw columns to the equation's variables, in its order."""
    cleaned = clean(frame)
    scaled = SCALER.transform(IMPUTER.transform(cleaned[NUMERIC]))
    numbers = pd.DataFrame(scaled, columns=NUMERIC, index=frame.index)
    dummies = pd.get_dummies(cleaned[CATEGORIES], columns=CATEGORIES, dummy_na=True, dtype=int)
    return pd.concat([numbers, dummies.reindex(columns=DUMMIES, fill_value=0)], axis=1)[VARIABLES]


app = FastAPI()


@app.post("/predict")
async def predict(body: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, int | float]]:
    rows = body if isinstance(body, list) else [body]
    variables = prepare(pd.DataFrame(rows, columns=NUMERIC + CATEGORIES))
    phat: NDArray[np.float64] = LOGIT.predict(COEFFICIENTS, variables.to_numpy(float))
    answer = variables.assign(**{OUTCOME["name"]: (phat > OUTCOME["cutoff"]).astype(int), OUTCOME["probability"]: phat})
    records: list[Any] = answer[sorted(answer.columns)].to_dict(orient="records")
    return records


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    return {"status": "ready"}


if __name__ == "__main__":
    port = int(os.environ["PEER_PORT"])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
