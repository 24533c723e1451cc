"""The figures on the tests themselves, of a small project with a suite of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import suite

CODE = """
def sign(x):
    if x < 0:
        return -1
    return 1
"""
TESTS = """
import pytest
from code_of import sign

def test_one(): assert sign(2) == 1
@pytest.mark.skip(reason="no")
def test_skipped(): pass
@pytest.mark.parametrize("x", [1, 2])
def test_more(x): assert sign(x) == {wanted}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unmeasured: None) -> Path:
    """A project with four tests, one of them skipped, that leave one way of a branch out."""
    del unmeasured
    (tmp_path / "code_of.py").write_text(CODE)
    (tmp_path / "pyproject.toml").write_text("[tool.coverage.run]\nbranch = true\nsource = ['.']\nomit = ['test_*']\n")
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    monkeypatch.setattr(suite, "FIGURES", tmp_path / "suite.json")
    monkeypatch.setenv("COVERAGE_FILE", str(tmp_path / ".coverage"))  # not the one that may measure this process
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider -p xdist.plugin -p pytest_cov.plugin")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    return tmp_path


def test_tests_and_coverage_are_counted(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "test_it.py").write_text(TESTS.format(wanted=1))
    assert suite.main() == 0
    figures = json.loads((project / "suite.json").read_text())
    # 3 of 4 statements and 1 of 2 branches
    expected = {"tests": 4, "skipped": 1, "num_statements": 4, "num_branches": 2, "branch_coverage_percent": 66.67}
    assert figures == expected
    assert capfd.readouterr().out.endswith((project / "suite.json").read_text())


def test_a_suite_that_fails_has_no_figures(project: Path) -> None:
    (project / "test_it.py").write_text(TESTS.format(wanted=-1))
    assert suite.main() == 1
    assert not (project / "suite.json").exists()


def test_the_committed_figures_have_the_same_keys() -> None:
    keys = {"tests", "skipped", "num_statements", "num_branches", "branch_coverage_percent"}
    assert json.loads(suite.FIGURES.read_text()).keys() == keys
