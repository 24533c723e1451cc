"""The directory of an MLflow model, and the model that it loads as. MLflow itself runs in tests/engines/."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml

import scorer
from scorer import reading
from scorer.__main__ import main
from scorer.artifacts import mlflow
from scorer.artifacts.mlflow_directory import REQUIREMENTS
from scorer.errors import BadRowsError, EditedFileError, ParameterError, WrongHashError
from tests.support import processes
from tests.support.models import RELEASED_1_0_0, SHIPPED
from tests.support.paths import ROOT
from tests.test_imports import run_without

FILE = "data/glm-26/1.0.1.json"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model as an MLflow model."""
    path = tmp_path_factory.mktemp("mlflow") / "model"
    mlflow.write(path)
    return path


@pytest.fixture(scope="module")
def loaded(directory: Path) -> mlflow.Model:
    """It, as MLflow gets it."""
    return mlflow._load_pyfunc(str(directory / "data"))


def content(directory: Path) -> dict[str, bytes]:
    """The files of a directory, without bytecode."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_what_the_directory_holds(directory: Path) -> None:
    found = content(directory)
    assert {name for name in found if not name.startswith("code/")} == {
        "MLmodel",
        "conda.yaml",
        "input_example.json",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
        "data/current.json",
        FILE,
    }
    assert found[FILE] == SHIPPED.read_bytes()
    for name, data in found.items():
        if name.startswith("code/"):
            assert data == (ROOT / name.removeprefix("code/")).read_bytes()
            assert name.endswith(".py")
    assert directory.stat().st_mode & 0o777 == 0o755


def test_what_mlflow_is_told(directory: Path, model: scorer.Scorer) -> None:
    told = yaml.safe_load((directory / "MLmodel").read_bytes())
    function = told["flavors"]["python_function"]
    assert (function["loader_module"], function["data"], function["code"]) == (
        "scorer.artifacts.mlflow",
        "data",
        "code",
    )
    assert function["python_version"] == "{}.{}".format(*sys.version_info)
    assert all((directory / name).is_file() for name in function["env"].values())
    sha256 = model.file.sha256
    assert told["metadata"] == {"model": "glm-26", "version": "1.0.1", "sha256": sha256}
    assert told["model_uuid"] == sha256[:32]
    assert told["utc_time_created"] == "2026-11-21 00:00:00"
    signature = {name: json.loads(columns) for name, columns in told["signature"].items()}
    assert signature["inputs"] == [{"type": "any", "name": name, "required": False} for name in model.used]
    assert [column["name"] for column in signature["outputs"]] == ["business_outcome", "phat"]
    assert {parameter["name"]: parameter["default"] for parameter in signature["params"]} == {
        "variables": False,
        "unknown_levels": "baseline",
    }


def test_the_environments_ask_for_the_same_packages_in_the_ranges_of_the_project(directory: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {*project["dependencies"], *project["optional-dependencies"]["arrow"]} < set(REQUIREMENTS)
    assert (directory / "requirements.txt").read_text().splitlines() == list(REQUIREMENTS)
    conda = yaml.safe_load((directory / "conda.yaml").read_bytes())
    assert conda["dependencies"] == [f"python{project['requires-python']}", "pip", {"pip": list(REQUIREMENTS)}]
    assert yaml.safe_load((directory / "python_env.yaml").read_bytes()) == {"dependencies": ["-r requirements.txt"]}


def test_the_examples_are_rows_of_the_model(directory: Path, model: scorer.Scorer) -> None:
    example = json.loads((directory / "input_example.json").read_bytes())
    assert json.loads((directory / "serving_input_example.json").read_bytes()) == {"dataframe_split": example}
    frame = pd.DataFrame(**example)
    assert tuple(frame) == model.used
    assert model.score(frame).unknown_levels == {}


def test_the_same_model_gives_the_same_bytes(directory: Path, tmp_path: Path, model: scorer.Scorer) -> None:
    for number, given in enumerate((None, model, SHIPPED, str(SHIPPED.parents[1]))):
        assert mlflow.write(tmp_path / str(number), given) == model.file
        assert content(tmp_path / str(number)) == content(directory)
    mlflow.write(tmp_path / "1.0.0", RELEASED_1_0_0)
    assert (tmp_path / "1.0.0" / "data" / "glm-26" / "1.0.0.json").read_bytes() == RELEASED_1_0_0.read_bytes()


def test_a_file_in_another_layout_stays_as_it_is(tmp_path: Path, document: dict[str, Any]) -> None:
    data = json.dumps(document).encode()
    (tmp_path / "flat.json").write_bytes(data)
    mlflow.write(tmp_path / "model", tmp_path / "flat.json")
    assert (tmp_path / "model" / FILE).read_bytes() == data
    with pytest.raises(ParameterError, match=r"^model: .* give its path$"):
        mlflow.write(tmp_path / "other", scorer.load(tmp_path / "flat.json"))
    assert not (tmp_path / "other").exists()


def test_any_name_of_an_input_arrives(tmp_path: Path, small: dict[str, Any]) -> None:
    name = "it's: a rate - {#} & *! | > %@ \u00e4 \U0001f600"
    renamed = json.dumps(small).replace("the rate", name).encode()
    model = scorer.Scorer(reading.parse(reading.parse(renamed).to_bytes()))
    mlflow.write(tmp_path / "model", model)
    told = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())
    assert json.loads(told["signature"]["inputs"])[0]["name"] == name
    loaded = mlflow._load_pyfunc(str(tmp_path / "model" / "data"))
    scores = model.score({name: ["41.5%"]})
    expected = {model.file.outcome.name: scores.outcome.tolist(), model.file.outcome.probability: scores.phat.tolist()}
    given = loaded.predict({name: ["41.5%"]})
    assert {column: given[column].tolist() for column in given} == expected
    assert {column["name"] for column in json.loads(told["signature"]["outputs"])} == set(expected)


def test_the_command_needs_neither_mlflow_nor_yaml_nor_pandas(tmp_path: Path, directory: Path) -> None:
    target = tmp_path / "the model"
    code = f"from scorer.__main__ import main; sys.exit(main(['mlflow', {str(target)!r}, '--model', {str(SHIPPED)!r}]))"
    done = run_without(("mlflow", "yaml", "pandas", "pyarrow", "polars"), code)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith(
        f"{target}: glm-26 1.0.1, sha256 {scorer.load().file.sha256}; serve it: mlflow models serve "
    )
    words = shlex.split(line.partition("serve it: ")[2])
    assert words[words.index("--model-uri") + 1] == str(target)
    assert content(target) == content(directory)


def test_a_directory_with_something_else_is_refused(
    tmp_path: Path, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    for path in (full / "notes.txt", file):
        path.write_text("mine")
    refusals = {
        full: "exists, and holds something else",
        file: "exists, and is not a directory",
        tmp_path / "no" / "model": "no such file or directory",
    }
    for target, reason in refusals.items():
        assert main(["mlflow", str(target)]) == 2
        assert capsys.readouterr().err == f"scorer: {target}: {reason}\n"
    assert main(["mlflow", str(directory), "--model", str(RELEASED_1_0_0)]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]
    assert [path.name for path in full.iterdir()] == ["notes.txt"]
    assert main(["mlflow", str(tmp_path / "model"), "--model", "nothing.json"]) == 2
    assert capsys.readouterr().err.endswith("scorer: nothing.json: no such file or directory\n")


def test_an_empty_directory_and_one_with_this_model_are_taken(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    mlflow.write(tmp_path / "model")
    first = content(tmp_path / "model")
    (tmp_path / "model" / "registered_model_meta").write_text("model_name: glm-26\n")  # as MLflow adds it
    (tmp_path / "model" / "code" / "scorer" / "__pycache__").mkdir()
    (tmp_path / "model" / "code" / "scorer" / "__pycache__" / "a.pyc").write_bytes(b"")
    mlflow.write(tmp_path / "model")
    assert content(tmp_path / "model").items() > first.items()
    (tmp_path / "model" / "MLmodel").write_text("{}")
    with pytest.raises(FileExistsError) as caught:
        mlflow.write(tmp_path / "model")
    assert caught.value.filename == str(tmp_path / "model")


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    mlflow.write(tmp_path / "model")
    file, pointer = tmp_path / "model" / FILE, tmp_path / "model" / "data" / "current.json"
    before = scorer.load(file).file.sha256
    file.write_bytes(file.read_bytes().replace(b"-1.2065", b"-1.2066"))
    with pytest.raises(WrongHashError, match="its SHA-256 is"):
        mlflow._load_pyfunc(str(tmp_path / "model" / "data"))
    pointer.write_text(pointer.read_text().replace(before, reading.read(file).sha256))
    with pytest.raises(EditedFileError):
        mlflow._load_pyfunc(str(tmp_path / "model" / "data"))


def test_the_code_that_it_carries_needs_nothing_else(directory: Path, tmp_path: Path) -> None:
    variables = processes.environment({"PYTHONPATH": str(directory / "code"), "PYTHONDONTWRITEBYTECODE": "1"})
    code = """
import sys
from scorer.artifacts import mlflow
model = mlflow._load_pyfunc(sys.argv[1] + "/data")
print(sys.modules["scorer"].__file__)
print(model.predict([{"x91": 0.5}], params={"variables": True})["phat"][0])
"""
    verify = ["-m", "scorer", "verify", str(directory / FILE)]
    said = []
    for arguments in (["-c", code, str(directory)], verify):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        said += done.stdout.splitlines()
    assert said[0] == str(directory / "code" / "scorer" / "__init__.py")
    assert float(said[1]) == scorer.load().score({"x91": 0.5}).phat[0]
    assert said[2].startswith("ok: glm-26 1.0.1")


ROWS: dict[str, list[Any]] = {"x5": ["monday", None, "sunday"], "x12": ["$1,204.50", "($2.50)", None], "id": [1, 2, 3]}
CONTAINERS: dict[str, Callable[[], Any]] = {
    "columns": lambda: ROWS,
    "rows": lambda: [dict(zip(ROWS, cells, strict=True)) for cells in zip(*ROWS.values(), strict=True)],
    "pandas": lambda: pd.DataFrame(ROWS),
    "polars": lambda: pl.DataFrame(ROWS),
    "numpy": lambda: np.array(
        [("monday", "$1,204.50"), ("", "($2.50)"), ("sunday", "")], [("x5", "U9"), ("x12", "U9")]
    ),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_whatever_the_library_scores_is_scored(
    loaded: mlflow.Model, model: scorer.Scorer, make: Callable[[], Any]
) -> None:
    expected = model.score(ROWS)
    given = loaded.predict(make())
    assert list(given) == ["business_outcome", "phat"]
    assert given["phat"].to_numpy().tobytes() == expected.phat.tobytes()
    assert given["business_outcome"].tolist() == expected.outcome.tolist()


def test_the_answer_has_the_index_of_a_frame_and_the_variables(loaded: mlflow.Model, model: scorer.Scorer) -> None:
    frame = pd.DataFrame({"x5": ["monday", "Monday"]}, index=["b", "a"])
    given = loaded.predict(frame, params={"variables": True})
    assert given.index.tolist() == ["b", "a"]
    assert {name: given[name].tolist() for name in given} == {
        name: values.tolist() for name, values in model.score(frame).columns().items()
    }
    with pytest.raises(BadRowsError, match="row 1, x5: the model does not know this level"):
        loaded.predict(frame, params={"unknown_levels": "error"})


def test_an_error_names_row_and_field_and_no_cell(loaded: mlflow.Model) -> None:
    with pytest.raises(BadRowsError) as caught:
        loaded.predict(pd.DataFrame({"x12": ["$1", "secret"]}))
    assert str(caught.value) == "row 1, x12: the text is not a number"


def test_nothing_of_a_machine_or_a_moment_is_written(directory: Path) -> None:
    texts = (data.decode() for name, data in content(directory).items() if not name.startswith(("code/", "data/")))
    text = "".join(texts)
    assert str(directory.parent) not in text
    assert set(re.findall(r"\d{4}-\d\d-\d\d", text)) == {"2026-11-21"}
