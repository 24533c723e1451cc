"""What is released: the wheel, installed where there is nothing but the service extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import scorer
from tests.support.paths import ROOT
from tests.support.servers import running

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


def test_only_scorer_and_the_shipped_model_are_packaged(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    packaged = [name for name in names if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in packaged} == {"scorer"}
    for name in ("py.typed", "shipped/current.json", "shipped/schema.json", "shipped/glm-26/1.0.0.json"):
        assert f"scorer/{name}" in packaged
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "scorer").rglob("*.py")}
    assert sources <= set(packaged)


def test_the_installed_wheel_serves_with_only_the_service_extra(
    wheel: Path, tmp_path: Path, row: dict[str, Any], model: scorer.Scorer
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    lock = ROOT / "deploy" / "image" / "requirements-service.txt"
    subprocess.run([*pip, "install", "--quiet", "--only-binary", ":all:", "--requirement", str(lock)], check=True)
    # what is pinned is all that the extra needs
    subprocess.run([*pip, "install", "--quiet", "--no-index", f"{wheel}[service]"], check=True)
    listed = subprocess.run([*pip, "list"], check=True, capture_output=True, text=True).stdout.lower()
    assert not any(name in listed for name in ("pandas", "scikit-learn", "scipy", "statsmodels", "pytest"))
    with running(python=python, cwd=str(tmp_path)) as server, server.client() as client:
        assert client.predict(row).json() == model.score(row).to_rows()
    assert (tmp_path / "venv" / "bin" / "scorer").exists()
