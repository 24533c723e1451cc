"""The model directory in MLflow itself: loaded, served, registered and on Spark, with the library's phat to the bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scorer
from scorer.artifacts import mlflow as artifact
from scorer.errors import BadRowsError, BadShapeError
from tests.support import processes
from tests.support.paths import ROWS
from tests.support.servers import WAIT_SECONDS, Answer, Client, answers, free_port, wait_until

ALONE = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""MLflow calls nobody."""

os.environ.update(ALONE)

import mlflow  # noqa: E402  # reads the variables
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

USED = [declared.name for declared in scorer.load().equation.inputs]
BAD_REQUEST = 400


@pytest.fixture(scope="module", autouse=True)
def _own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow's own files are below a directory of the tests, whatever it is asked."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db")
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model as an MLflow model."""
    path = tmp_path_factory.mktemp("mlflow") / "model"
    artifact.write(path)
    return path


@pytest.fixture(scope="module")
def loaded(directory: Path) -> Any:
    """The model as MLflow loads it."""
    return mlflow.pyfunc.load_model(str(directory))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """100 rows with the cells of the inputs that are used."""
    read: list[dict[str, Any]] = json.loads(ROWS.read_bytes())
    return [{name: row[name] for name in USED} for row in read]


def same_bits(given: Any, expected: scorer.Scores) -> bool:
    """Whether a DataFrame has the outcomes and the probabilities of scores, to the bit."""
    phat = given["phat"].to_numpy(np.float64)
    return bool(
        phat.tobytes() == expected.phat.tobytes()
        and given["business_outcome"].tolist() == expected.outcome.tolist()
        and sorted(given) == list(given)
    )


def test_other_bits_are_noticed(model: scorer.Scorer) -> None:
    scores = model.score({"x91": [0.5, None]})
    frame = scores.to_pandas()
    assert same_bits(frame, scores)
    frame.loc[1, "phat"] = np.nextafter(frame["phat"][1], 1)
    assert not same_bits(frame, scores)


TYPED = {
    "texts": lambda: pd.DataFrame({"x5": ["monday", None], "x12": ["$5,547.78", "($1.50)"], "x91": ["0.5", "NA"]}),
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


def test_dicts_and_lists_get_the_scores_of_the_library(
    loaded: Any, model: scorer.Scorer, rows: list[dict[str, Any]]
) -> None:
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


def test_the_code_that_the_directory_carries_is_enough(directory: Path, tmp_path: Path) -> None:
    """In a process that has not imported the package, MLflow takes it from the directory. It writes nothing else."""
    code = """
import sys, mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
print(sys.modules["scorer"].__file__)
print(model.predict(model.input_example)["phat"].tolist())
"""
    variables = processes.environment(ALONE)
    variables.pop("PYTHONPATH", None)
    command = [sys.executable, "-c", code, directory]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables, check=False)
    assert done.returncode == 0, done.stderr
    origin, phat = done.stdout.splitlines()
    assert origin == str(directory / "code" / "scorer" / "__init__.py")
    example = json.loads((directory / "input_example.json").read_bytes())
    cells = [dict(zip(example["columns"], row, strict=True)) for row in example["data"]]
    assert json.loads(phat) == scorer.load().score(cells).phat.tolist()
    assert list(tmp_path.iterdir()) == []
    assert "WARNING" not in done.stderr


def test_registered_in_sqlite_and_loaded_by_its_name(directory: Path, model: scorer.Scorer) -> None:
    mlflow.register_model(str(directory), "glm-26", tags={"sha256": model.file.sha256})
    registry = MlflowClient()
    registry.set_registered_model_alias("glm-26", "champion", "1")
    expected = model.score([{"x91": 0.5}])
    for address in ("models:/glm-26/1", "models:/glm-26@champion"):
        assert same_bits(mlflow.pyfunc.load_model(address).predict([{"x91": 0.5}]), expected)
    assert registry.get_model_version("glm-26", "1").tags == {"sha256": model.file.sha256}
    artifact.write(directory)  # is no error: what MLflow has put into the directory does not make it another model


def test_registered_in_a_directory(directory: Path, tmp_path: Path, model: scorer.Scorer) -> None:
    code = """
import sys, mlflow
mlflow.register_model(sys.argv[1], "glm-26")
print(mlflow.pyfunc.load_model("models:/glm-26/1").predict([{"x91": 0.5}])["phat"][0])
"""
    given = {**ALONE, "MLFLOW_TRACKING_URI": f"file://{tmp_path}/store", "MLFLOW_ALLOW_FILE_STORE": "true"}
    variables = processes.environment(given)
    command = [sys.executable, "-c", code, directory]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == model.score({"x91": 0.5}).phat[0]


@pytest.fixture(scope="module")
def server(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """`mlflow models serve`, as a user starts it, and a connection to it."""
    port = free_port()
    options = ("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # of uvicorn
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(directory), *options],
        cwd=tmp_path_factory.mktemp("served"),
        env=processes.environment({**ALONE, "PATH": path}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    client = Client(port)
    try:
        wait_until(lambda: process.poll() is not None or answers(port, "/ping"), "MLflow's server")
        yield client
    finally:
        client.close()
        os.killpg(process.pid, signal.SIGTERM)  # the group is its own: the command line and uvicorn
        process.wait(WAIT_SECONDS)


def invoke(server: Client, body: Any, kind: str = "application/json") -> Answer:
    """POST /invocations; Python's JSON writes NaN as such."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.send("POST", "/invocations", sent, {"content-type": kind})


def split(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as columns' names and lists of cells."""
    return {"columns": USED, "data": [[row[name] for name in USED] for row in rows]}


def test_every_form_of_json_gets_the_scores_of_the_library(
    server: Client, model: scorer.Scorer, rows: list[dict[str, Any]]
) -> None:
    columns = {name: [row[name] for row in rows] for name in USED}
    bodies = {
        "dataframe_split": split(rows),
        "dataframe_records": rows,
        "instances": rows,
        "inputs": columns,
    }
    for name, body in [*bodies.items(), ("inputs", rows)]:
        answer = invoke(server, {name: body})
        assert answer.status == 200, answer.body
        assert same_bits(pd.DataFrame(answer.json()["predictions"]), model.score(rows)), name


def test_missing_cells_are_null_nan_and_absent_keys(server: Client, model: scorer.Scorer) -> None:
    rows = [
        {"x5": "monday", "x91": 1},
        {"x5": float("nan"), "x91": float("nan")},
        {"x91": None},
        {"x12": "$5", "x44": "NA"},
    ]
    answer = invoke(server, {"dataframe_records": rows})
    assert same_bits(pd.DataFrame(answer.json()["predictions"]), model.score(rows))


def test_the_example_and_parameters_of_a_request(server: Client, directory: Path) -> None:
    body = json.loads((directory / "serving_input_example.json").read_bytes())
    assert len(invoke(server, body).json()["predictions"]) == 3
    answer = invoke(server, {**body, "params": {"variables": True}}).json()["predictions"]
    assert len(answer[0]) > 25
    assert list(answer[0]) == sorted(answer[0])


def test_a_real_client_of_mlflow(server: Client, model: scorer.Scorer) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    frame = pd.DataFrame({"x5": ["monday", None], "x12": ["$5,547.78", 3], "x91": pd.array([1, None], "Int64")})
    given = ScoringServerClient("127.0.0.1", server.port).invoke(frame).get_predictions()
    assert same_bits(given, model.score(frame))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"dataframe_records": [{"x12": 1}, {"x12": "secret"}]}, "row 1, x12: the text is not a number"),
        ({"inputs": {"x91": [True]}}, "row 0, x91: expected a number or its text, got true or false"),
        ({"dataframe_records": [{"id": 1}]}, "none of the columns is an input of the model"),
        ({"dataframe_records": []}, "none of the columns is an input of the model"),
        (
            {"dataframe_records": [{"x91": 1}], "params": {"unknown_levels": "x"}},
            "unknown_levels: expected baseline or error",
        ),
        # MLflow takes columns of texts alone for one row of lists.
        ({"inputs": {"x5": ["monday", "sunday"]}}, "row 0, x5: expected text, got a list"),
    ],
)
def test_a_bad_request_is_400_with_one_line_and_no_cell(server: Client, body: Any, message: str) -> None:
    answer = invoke(server, body)
    assert answer.status == BAD_REQUEST
    said = answer.json()
    assert (said["error_code"], said["message"]) == ("BAD_REQUEST", message)
    assert "stack_trace" not in said
    assert b"secret" not in answer.body


def test_csv_is_refused_and_parquet_is_read(
    server: Client, model: scorer.Scorer, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Of CSV MLflow would make numbers by pandas' rules, which may differ in the last bit."""
    frame = pd.DataFrame(rows)
    assert invoke(server, frame.to_csv(index=False).encode(), "text/csv").status == BAD_REQUEST
    frame.to_parquet(tmp_path / "rows.parquet")
    answer = invoke(server, (tmp_path / "rows.parquet").read_bytes(), "application/vnd.apache.parquet")
    assert same_bits(pd.DataFrame(answer.json()["predictions"]), model.score(rows))
