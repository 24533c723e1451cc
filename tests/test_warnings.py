"""Which warnings fail a test: those that our own code causes, and no other package's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.processes import environment

OURS = ("scorer", "export", "bench", "tests", "examples")
OTHERS = ("library", "scorer_of_others")

MODULE = """
import warnings

def warn(category, stacklevel):
    warnings.warn("no longer so", category, stacklevel=stacklevel)
"""

TESTS = f"""
import socket, threading, warnings
import pytest
import {", ".join(OTHERS)}, {", ".join(f"{package}.inner" for package in OURS)}

warnings.warn_explicit("while it is imported", UserWarning, "library.py", 1, "library")
both = pytest.mark.parametrize("category", [DeprecationWarning, RuntimeWarning])

@both
@pytest.mark.parametrize("module", [{", ".join(f"{package}.inner" for package in OURS)}])
def test_our_own(module, category): module.warn(category, 1)

@both
@pytest.mark.parametrize("module", [{", ".join(OTHERS)}])
def test_our_call_of_another(module, category): module.warn(category, 2)

@both
@pytest.mark.parametrize("module", [{", ".join(OTHERS)}])
def test_another(module, category): module.warn(category, 1)

def test_socket_left_open(): socket.socket()

def test_error_in_a_thread():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()

def test_error_in_a_destructor():
    class Broken:
        def __del__(self): raise OSError
    Broken()
"""


def test_warnings_that_our_code_causes_fail_and_others_do_not(tmp_path: Path) -> None:
    """In a project with this one's configuration and names, each of whose modules warns."""
    for package in OURS:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "inner.py").write_text(MODULE)
    for module in OTHERS:
        (tmp_path / f"{module}.py").write_text(MODULE)
    (tmp_path / "tests" / "test_some.py").write_text(TESTS)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider", "-rA"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests"],
        cwd=tmp_path,
        env=environment({"PYTEST_ADDOPTS": "", "PYTHONPATH": str(tmp_path)}, measured=False),
        capture_output=True,
        text=True,
        check=False,
    )
    outcomes = re.findall(r"^(PASSED|FAILED) \S+::(\w+)", done.stdout, re.MULTILINE)
    assert sorted(outcomes) == [
        *[("FAILED", "test_error_in_a_destructor"), ("FAILED", "test_error_in_a_thread")],
        *[("FAILED", "test_our_call_of_another")] * 4,
        *[("FAILED", "test_our_own")] * 10,
        ("FAILED", "test_socket_left_open"),
        *[("PASSED", "test_another")] * 4,
    ], done.stdout
