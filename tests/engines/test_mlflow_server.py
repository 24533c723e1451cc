"""The model directory behind `mlflow models serve`: the library's phat to the bit, and errors of one line."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import scorer
from tests.support import processes
from tests.support.mlflow_models import PAGE, USED, same_bits, stand_in_rows
from tests.support.servers import WAIT_SECONDS, Answer, Client, answers, free_port, wait_until

BAD_REQUEST = 400


@pytest.fixture(scope="module")
def server(mlflow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """`mlflow models serve`, as the page on engines starts it, but for the port; and a connection to it."""
    port = free_port()
    (command,) = re.findall(r"^    mlflow (models serve .*)", PAGE, re.MULTILINE)
    options = command.replace("glm", shlex.quote(str(mlflow_model))).replace("5000", str(port))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # of uvicorn
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *shlex.split(options)],
        cwd=tmp_path_factory.mktemp("served"),
        env=processes.environment({"PATH": path}),
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


def test_every_form_of_json_gets_the_scores_of_the_library(server: Client, model: scorer.Scorer) -> None:
    rows = stand_in_rows()
    columns = {name: [row[name] for row in rows] for name in USED}
    bodies: list[tuple[str, Any]] = [
        ("dataframe_split", split(rows)),
        ("dataframe_records", rows),
        ("instances", rows),
        ("inputs", columns),
        ("inputs", rows),
    ]
    for name, body in bodies:
        answer = invoke(server, {name: body})
        assert answer.status == 200, answer.body
        assert same_bits(pd.DataFrame(answer.json()["predictions"]), model.score(rows)), name


def test_missing_cells_are_null_nan_and_absent_keys(server: Client, model: scorer.Scorer) -> None:
    rows: list[dict[str, Any]] = [
        {"x5": "monday", "x91": 1},
        {"x5": float("nan"), "x91": float("nan")},
        {"x91": None},
        {"x12": "$5", "x44": "NA"},
    ]
    answer = invoke(server, {"dataframe_records": rows})
    assert same_bits(pd.DataFrame(answer.json()["predictions"]), model.score(rows))


def test_the_example_and_parameters_of_a_request(server: Client, mlflow_model: Path) -> None:
    body = json.loads((mlflow_model / "serving_input_example.json").read_bytes())
    assert len(invoke(server, body).json()["predictions"]) == 3
    answer = invoke(server, {**body, "params": {"variables": True}}).json()["predictions"]
    assert len(answer[0]) > 25
    assert list(answer[0]) == sorted(answer[0])


def test_what_mlflow_does_to_instances_before_the_model_sees_them(server: Client, model: scorer.Scorer) -> None:
    """The page on engines warns of it: rows of different keys become fewer rows, and true becomes a number."""
    rows = [{"x5": "monday"}, {"x91": 0.5}]
    (merged,) = invoke(server, {"instances": rows}).json()["predictions"]
    assert merged["phat"] == model.score({"x5": "monday", "x91": 0.5}).phat[0]
    cells = [{"x91": True}, {"x91": 0.5}]
    assert invoke(server, {"instances": cells}).json()["predictions"][0]["phat"] == model.score({"x91": 1}).phat[0]
    assert invoke(server, {"dataframe_records": cells}).status == BAD_REQUEST
    assert len(invoke(server, {"dataframe_records": rows}).json()["predictions"]) == 2


def test_a_real_client_of_mlflow(server: Client, model: scorer.Scorer) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    frame = pd.DataFrame({"x5": ["monday", None], "x12": ["$1,204.50", 3], "x91": pd.array([1, None], "Int64")})
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


def test_csv_is_refused_and_parquet_is_read(server: Client, model: scorer.Scorer, tmp_path: Path) -> None:
    rows = stand_in_rows()
    frame = pd.DataFrame(rows)
    assert invoke(server, frame.to_csv(index=False).encode(), "text/csv").status == BAD_REQUEST
    frame.to_parquet(tmp_path / "rows.parquet")
    answer = invoke(server, (tmp_path / "rows.parquet").read_bytes(), "application/vnd.apache.parquet")
    assert same_bits(pd.DataFrame(answer.json()["predictions"]), model.score(rows))
