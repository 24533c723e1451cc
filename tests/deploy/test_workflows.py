"""The workflows: they call what the Makefile has, run what they trust, and release what was tested."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import scorer
from tests.support.models import SHIPPED
from tests.support.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()


def jobs(path: Path) -> dict[str, Any]:
    """The jobs of a workflow, by name."""
    document: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return document


def steps(path: Path) -> list[dict[str, Any]]:
    """All steps of a workflow."""
    return [step for job in jobs(path).values() for step in job.get("steps", [])]


def called(text: str) -> set[str]:
    """The targets of make that shell commands call."""
    return set(re.findall(r"^\s*make ([a-z-]+)", text, re.MULTILINE))


def test_every_make_target_that_is_called_exists() -> None:
    commands = [step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step]
    targets = called("\n".join([*commands, (ROOT / ".ci" / "run").read_text()]))
    assert {"lint", "test", "dist", "image-test", "bench-quick"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"the Makefile has no {target}"


def test_every_script_that_is_called_can_be_run() -> None:
    commands = "\n".join(step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step)
    scripts = set(re.findall(r"\bdeploy/\S+\.sh\b", commands))
    assert scripts == {"deploy/smoke.sh", "deploy/kind/up.sh"}
    for script in scripts:
        assert os.access(ROOT / script, os.X_OK), script


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"\./\.github/workflows/[a-z]+\.yml|\S+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_may_read_and_only_the_release_may_write(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in jobs(path).items() if "permissions" in job}
    assert granted == ({"release": {"contents": "write"}} if path.name == "release.yml" else {})
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_tests_run_on_every_python_that_the_package_names() -> None:
    names = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in PROJECT["classifiers"]]
    pythons = [name[1] for name in names if name]
    (matrix,) = [
        job["strategy"]["matrix"] for job in jobs(ROOT / ".github/workflows/ci.yml").values() if "strategy" in job
    ]
    assert matrix["python"] == pythons
    assert PROJECT["requires-python"] == f">={pythons[0]}"


def test_every_week_the_newest_libraries_are_tested() -> None:
    newest = jobs(ROOT / ".github" / "workflows" / "ci.yml")["newest"]
    assert "github.event_name == 'schedule'" in newest["if"]
    assert [step["run"] for step in newest["steps"] if "run" in step] == ["make newest", ".ci/run"]


def test_what_is_released_is_what_was_tested() -> None:
    ci, release = (jobs(ROOT / ".github" / "workflows" / name) for name in ("ci.yml", "release.yml"))
    uploaded = [step["with"] for step in ci["package"]["steps"] if "upload-artifact" in step.get("uses", "")]
    fetched = [step["with"] for step in release["release"]["steps"] if "download-artifact" in step.get("uses", "")]
    assert [each["name"] for each in uploaded] == [each["name"] for each in fetched]
    assert release["release"]["needs"] == "ci"
    assert release["ci"]["uses"] == "./.github/workflows/ci.yml"


def test_a_release_has_the_wheel_the_sources_the_model_and_their_sums(tmp_path: Path) -> None:
    target = tmp_path / "dist"
    settings = [f"BIN={Path(sys.executable).parent}", f"DIST={target}"]
    subprocess.run(["make", "--assume-old=.venv/.dev", *settings, "dist"], cwd=ROOT, check=True, capture_output=True)
    lines = [line.split() for line in (target / "SHA256SUMS").read_text().splitlines()]
    sums = {file: digest for digest, file in lines}
    name = f"coefficient_scorer-{scorer.__version__}"
    assert {f"{name}-py3-none-any.whl", f"{name}.tar.gz"} < set(sums)
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in target.iterdir()
        if path.name != "SHA256SUMS"
    }
    assert sums[f"{SHIPPED.parent.name}-{SHIPPED.name}"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
