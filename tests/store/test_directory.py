from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import scorer
from scorer import errors
from scorer.store import directory, pointer
from tests.support.models import SHIPPED


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the shipped directory."""
    return Path(shutil.copytree(directory.shipped(), tmp_path / "coefficients"))


def test_the_shipped_pointer_names_the_shipped_file() -> None:
    data = (directory.shipped() / pointer.POINTER).read_bytes()
    model = scorer.load()
    current = pointer.parse(data, "pointer")
    assert current == pointer.Pointer(model.file.model, model.file.version, model.file.sha256)
    assert current.to_bytes() == data


def test_a_file_and_a_directory_load_the_same(place: Path) -> None:
    assert scorer.load(place).file == scorer.load(SHIPPED).file == scorer.load(str(SHIPPED)).file


def test_other_bytes_than_promised(place: Path) -> None:
    path = place / "glm-26" / "1.0.1.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(errors.WrongHashError, match=r"is [0-9a-f]{64}, and current\.json promises [0-9a-f]{64}"):
        scorer.load(place)


def test_a_directory_without_pointer(tmp_path: Path) -> None:
    with pytest.raises(errors.UnreadableFileError, match=r"current\.json: no such file"):
        scorer.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("model", "../x"), ("version", "a/b"), ("version", ".."), ("model", "/etc")]
)
def test_a_pointer_cannot_lead_out_of_its_directory(place: Path, key: str, value: str) -> None:
    document = json.loads((place / pointer.POINTER).read_text())
    (place / pointer.POINTER).write_text(json.dumps({**document, key: value}))
    with pytest.raises(errors.InvalidValueError):
        scorer.load(place)
