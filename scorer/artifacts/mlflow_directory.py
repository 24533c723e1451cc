"""What stands in the directory of an MLflow model, file by file."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from scorer import sample
from scorer.scorer import Scorer
from scorer.store.pointer import POINTER, Pointer

LOADER = "scorer.artifacts.mlflow"
REQUIREMENTS = ("mlflow>=3.17,<4", "numpy>=2.0,<3", "pandas>=2.2,<4", "pyarrow>=20")
"""Ranges: the certificate, checked at each load, shows whether the versions that are there score rightly. Pins would be
those of the machine that happened to write the directory, which needs neither MLflow nor pandas."""

ADDED = ("__pycache__", "registered_model_meta")
"""What loading and registering a model put into its directory."""

EXAMPLE_ROWS = 3
_PACKAGE = Path(__file__).parents[1]
_NOT_CARRIED = "service"
_CONDA = """\
name: mlflow-env
channels:
- conda-forge
dependencies:
- python>=3.11
- pip
- pip:
{}"""
_PYTHON_ENV = "dependencies:\n- -r requirements.txt\n"


def contents(model: Scorer, data: bytes) -> dict[str, bytes]:
    """The files of the directory, by their path in it.

    Args:
        model: a scorer.
        data: the bytes of its coefficient file.
    """
    file = model.file
    pointer = Pointer(file.model, file.version, sha256(data))
    example = _example(model)
    return {
        "MLmodel": _yaml(_mlmodel(model)).encode(),
        "conda.yaml": _CONDA.format("".join(f"  - {each}\n" for each in REQUIREMENTS)).encode(),
        "input_example.json": _json(example),
        "python_env.yaml": _PYTHON_ENV.encode(),
        "requirements.txt": "".join(f"{each}\n" for each in REQUIREMENTS).encode(),
        "serving_input_example.json": _json({"dataframe_split": example}),
        f"data/{POINTER}": pointer.to_bytes(),
        f"data/{pointer.key}": data,
        **dict(_code()),
    }


def sha256(data: bytes) -> str:
    """The SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def _mlmodel(model: Scorer) -> Mapping[str, object]:
    file = model.file
    function = {
        "code": "code",
        "data": "data",
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": LOADER,
        "python_version": "{}.{}".format(*sys.version_info),  # without it MLflow warns at each load
    }
    return {
        "flavors": {"python_function": function},
        "metadata": {"model": file.model, "version": file.version, "sha256": file.sha256},
        "model_uuid": file.sha256[:32],
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        },
        "signature": {name: json.dumps(columns) for name, columns in _signature(model).items()},
        "utc_time_created": file.created.replace("T", " ").removesuffix("Z"),
    }


def _signature(model: Scorer) -> dict[str, list[dict[str, object]]]:
    """Columns and parameters as MLflow writes them.

    The inputs are those that the equation uses, in its order: MLflow takes columns that are given to a Spark UDF by
    their place. Their type is "any": "double" would refuse integers, and "string" numbers, in a column of money.
    """
    outputs = {model.file.outcome.name: "long", model.file.outcome.probability: "double"}
    params: list[dict[str, object]] = [
        {"name": "variables", "type": "boolean", "default": False, "shape": None},
        {"name": "unknown_levels", "type": "string", "default": "baseline", "shape": None},
    ]
    return {
        "inputs": [{"type": "any", "name": name, "required": False} for name in model.used],
        "outputs": [{"type": outputs[name], "name": name, "required": True} for name in sorted(outputs)],
        "params": params,
    }


def _example(model: Scorer) -> dict[str, list[object]]:
    rows = sample.rows(model.file, EXAMPLE_ROWS)
    return {"columns": [*model.used], "data": [[row[name] for name in model.used] for row in rows]}


def _code() -> Iterator[tuple[str, bytes]]:
    """The modules of this package but those of the service, which needs packages that MLflow does not bring."""
    for path in sorted(_PACKAGE.rglob("*.py")):
        inside = path.relative_to(_PACKAGE)
        if inside.parts[0] != _NOT_CARRIED:
            yield str(PurePosixPath("code", _PACKAGE.name, *inside.parts)), path.read_bytes()


def _json(document: object) -> bytes:
    return f"{json.dumps(document)}\n".encode()


def _yaml(document: Mapping[str, object], indent: str = "") -> str:
    """YAML of texts in mappings. In single quotes every character of a text stands for itself, but the quote."""
    lines = []
    for key, value in document.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{key}:\n{_yaml(value, indent + '  ')}")
        else:
            quoted = str(value).replace("'", "''")
            lines.append(f"{indent}{key}: '{quoted}'\n")
    return "".join(lines)
