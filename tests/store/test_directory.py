from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import scorer
from scorer import errors
from scorer.store import directory
from tests.conftest import SHIPPED


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the shipped directory."""
    return Path(shutil.copytree(directory.shipped(), tmp_path / "coefficients"))


def test_the_shipped_pointer_names_the_shipped_file() -> None:
    pointer = directory.read_pointer(directory.shipped())
    model = scorer.load()
    assert pointer == directory.Pointer(model.file.model, model.file.version, model.file.sha256)
    assert pointer.to_bytes() == (directory.shipped() / directory.POINTER).read_bytes()


def test_a_file_and_a_directory_load_the_same(place: Path) -> None:
    assert scorer.load(place).file == scorer.load(SHIPPED).file == scorer.load(str(SHIPPED)).file


def test_other_bytes_than_promised(place: Path) -> None:
    path = place / "glm-26" / "1.0.0.json"
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
    pointer = json.loads((place / directory.POINTER).read_text())
    (place / directory.POINTER).write_text(json.dumps({**pointer, key: value}))
    with pytest.raises(errors.InvalidValueError):
        scorer.load(place)
