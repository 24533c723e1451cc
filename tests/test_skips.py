"""A run tells what it skipped and what would run it; CI's run fails on skips that are not listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.processes import environment
from tests.support.skips import MISSING, NO_DOCKER


def run(directory: Path, reason: str, *options: str) -> tuple[int, list[str]]:
    """Runs three tests, two of which are skipped. Gives the exit code and the lines that tell of it."""
    file = directory / "test_some.py"
    skip = f"@pytest.mark.skip(reason={reason!r})"
    file.write_text(f"import pytest\n{skip}\ndef test_a(): pass\n{skip}\ndef test_b(): pass\ndef test_c(): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.skips", "-p", "no:cacheprovider", *options]
    others = {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    variables = environment(others, measured=False)
    done = subprocess.run(
        [*command, str(file)], cwd=directory, env=variables, capture_output=True, text=True, check=False
    )
    return done.returncode, [line for line in done.stdout.splitlines() if " skipped: " in line]


NEW = "no such thing: install it"


@pytest.mark.parametrize(
    ("reason", "options", "code"),
    [
        (NEW, [], 0),
        (NO_DOCKER, ["--allowed-skips=always"], 0),
        (MISSING["nginx"], ["--allowed-skips=always"], 1),
        (MISSING["nginx"], ["--allowed-skips=without-rights"], 0),
        (NEW, ["--allowed-skips=without-rights", "-p", "xdist", "-n", "1"], 1),
    ],
)
def test_skips_are_told_and_refused(reason: str, options: list[str], code: int, tmp_path: Path) -> None:
    verdict = " (not accepted: tests/support/skips.py)" if code else ""
    assert run(tmp_path, reason, *options) == (code, [f"2 skipped: {reason}{verdict}"])


def test_ci_installs_every_program_that_tests_use() -> None:
    script = (ROOT / ".ci" / "packages").read_text()
    for program, reason in MISSING.items():
        package = reason.rpartition(" ")[2]
        assert program == "kubectl" or package == "prometheus" or f"\nneed {program} {package}\n" in script
    assert "\nneed promtool prometheus\n" in script
    assert "download kubectl/" in script
