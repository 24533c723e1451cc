"""The model directory in MLflow itself: loaded and registered, with the library's phat to the bit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

import scorer
from scorer.artifacts import mlflow as artifact
from scorer.errors import BadRowsError, BadShapeError
from tests.support import processes
from tests.support.mlflow_models import USED, example, same_bits, stand_in_rows


@pytest.fixture(scope="module")
def loaded(mlflow_model: Path) -> Any:
    """The model as MLflow loads it."""
    return mlflow.pyfunc.load_model(str(mlflow_model))


def test_other_bits_are_noticed(model: scorer.Scorer) -> None:
    scores = model.score({"x91": [0.5, None]})
    frame = scores.to_pandas()
    assert same_bits(frame, scores)
    frame.loc[1, "phat"] = np.nextafter(frame["phat"][1], 1)
    assert not same_bits(frame, scores)


TYPED = {
    "texts": lambda: pd.DataFrame({"x5": ["monday", None], "x12": ["$1,204.50", "($2.50)"], "x91": ["0.5", "NA"]}),
    "numbers in money": lambda: pd.DataFrame({"x12": [5547.78, np.nan], "x91": [0.5, 1e-300]}),
    "ints": lambda: pd.DataFrame({"x12": [5, -3], "x91": np.array([1, 2], np.int8)}),
    "nullable ints": lambda: pd.DataFrame({"x91": pd.array([2**53 + 1, None], "Int64")}),
    "large ints": lambda: pd.DataFrame({"x91": pd.array([2**63, 10**30], object)}),
    "nullable floats": lambda: pd.DataFrame({"x91": pd.array([0.1, None], "Float64")}),
    "float32": lambda: pd.DataFrame({"x91": np.array([0.1, 7], np.float32)}),
    "decimals": lambda: pd.DataFrame({"x12": [Decimal("1.10"), None], "x91": [Decimal("0.1"), Decimal("NaN")]}),
    "mixed": lambda: pd.DataFrame({"x12": ["$5", 3], "x91": [None, "0.25"]}),
    "categorical": lambda: pd.DataFrame({"x5": pd.Categorical(["monday", None])}),
    "Arrow texts": lambda: pd.DataFrame({"x5": pd.array(["monday", None], "string[pyarrow]")}),
    "Arrow numbers": lambda: pd.DataFrame({"x91": pd.array([0.1, None], "double[pyarrow]")}),
    "an index": lambda: pd.DataFrame({"x91": [0.1, 0.2]}, index=["b", "a"]),
    "unknown levels, unused columns": lambda: pd.DataFrame({"x5": ["Monday", "monday"], "id": [1, 2]}),
}


@pytest.mark.parametrize("make", TYPED.values(), ids=TYPED)
def test_a_frame_of_any_type_gets_the_scores_of_the_library(
    loaded: Any, model: scorer.Scorer, make: Callable[[], pd.DataFrame]
) -> None:
    frame = make()
    given = loaded.predict(frame)
    assert same_bits(given, model.score(frame))
    assert given.index.equals(frame.index)


def test_dicts_and_lists_get_the_scores_of_the_library(loaded: Any, model: scorer.Scorer) -> None:
    rows = stand_in_rows()
    columns = {name: [row[name] for row in rows] for name in USED}
    for given in (rows, columns, {name: np.array(cells, object) for name, cells in columns.items()}):
        assert same_bits(loaded.predict(given), model.score(rows))
    assert same_bits(loaded.predict(rows[0]), model.score(rows[0]))
    assert same_bits(loaded.predict([{"x91": 0.5}, {"x5": "monday"}]), model.score([{"x91": 0.5}, {"x5": "monday"}]))


def test_the_example_and_the_parameters(loaded: Any, model: scorer.Scorer) -> None:
    example = loaded.input_example
    assert len(example) == 3
    assert same_bits(loaded.predict(example), model.score(example))
    everything = loaded.predict(example, params={"variables": True})
    assert list(everything) == list(model.score(example).columns())
    assert everything["x91"].tolist() == model.score(example).variables["x91"].tolist()
    with pytest.raises(MlflowException, match=r"^row 0, x5: the model does not know this level$"):
        loaded.predict(pd.DataFrame({"x5": ["Monday"]}), params={"unknown_levels": "error"})


@pytest.mark.parametrize(
    ("rows", "message", "kind"),
    [
        ([{"x12": 1}, {"x12": "five"}], "row 1, x12: the text is not a number", BadRowsError),
        ([{"x91": float("inf")}], "row 0, x91: the number is not finite as float64", BadRowsError),
        (pd.DataFrame({"id": [1]}), "none of the columns is an input of the model", BadShapeError),
    ],
)
def test_an_error_is_one_line_and_has_the_one_of_the_library(
    loaded: Any, rows: Any, message: str, kind: type[Exception]
) -> None:
    with pytest.raises(MlflowException) as caught:
        loaded.predict(rows)
    assert str(caught.value) == caught.value.message == message
    assert isinstance(caught.value.__cause__, kind)


def test_the_code_that_the_directory_carries_is_enough(mlflow_model: Path, tmp_path: Path) -> None:
    """In a process that has not imported the package, MLflow takes it from the directory. It writes nothing else."""
    code = """
import sys, mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
print(sys.modules["scorer"].__file__)
print(model.predict(model.input_example)["phat"].tolist())
"""
    variables = processes.environment()
    variables.pop("PYTHONPATH", None)
    command = [sys.executable, "-c", code, str(mlflow_model)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables, check=False)
    assert done.returncode == 0, done.stderr
    origin, phat = done.stdout.splitlines()
    assert origin == str(mlflow_model / "code" / "scorer" / "__init__.py")
    example = json.loads((mlflow_model / "input_example.json").read_bytes())
    cells: list[dict[str, Any]] = [dict(zip(example["columns"], row, strict=True)) for row in example["data"]]
    assert json.loads(phat) == scorer.load().score(cells).phat.tolist()
    assert list(tmp_path.iterdir()) == []
    assert "WARNING" not in done.stderr


def test_registered_in_sqlite_and_loaded_by_its_name(mlflow_model: Path, model: scorer.Scorer) -> None:
    mlflow.register_model(str(mlflow_model), "glm-26", tags={"sha256": model.file.sha256})
    registry = MlflowClient()
    registry.set_registered_model_alias("glm-26", "champion", "1")
    expected = model.score([{"x91": 0.5}])
    for address in ("models:/glm-26/1", "models:/glm-26@champion"):
        assert same_bits(mlflow.pyfunc.load_model(address).predict([{"x91": 0.5}]), expected)
    assert registry.get_model_version("glm-26", "1").tags == {"sha256": model.file.sha256}
    artifact.write(mlflow_model)  # is no error: what MLflow has put into the directory does not make it another model


def test_the_example_of_a_registry_runs(
    mlflow_model: Path, model: scorer.Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(mlflow_model, "glm")
    before = mlflow.get_tracking_uri()
    names: dict[str, Any] = {}
    try:
        exec(example("register_model"), names)
        shutil.rmtree("glm")
        again = mlflow.pyfunc.load_model("models:/glm-26/1")
    finally:
        mlflow.set_tracking_uri(before)
    assert again.metadata.metadata["sha256"] == model.file.sha256
    assert same_bits(names["scores"], model.score([{"x5": "monday", "x91": 0.5}]))


def test_registered_in_a_directory(mlflow_model: Path, tmp_path: Path, model: scorer.Scorer) -> None:
    code = """
import sys, mlflow
mlflow.register_model(sys.argv[1], "glm-26")
print(mlflow.pyfunc.load_model("models:/glm-26/1").predict([{"x91": 0.5}])["phat"][0])
"""
    given = {"MLFLOW_TRACKING_URI": f"file://{tmp_path}/store", "MLFLOW_ALLOW_FILE_STORE": "true"}
    variables = processes.environment(given)
    command = [sys.executable, "-c", code, str(mlflow_model)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == model.score({"x91": 0.5}).phat[0]
