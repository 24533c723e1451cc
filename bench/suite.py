"""python -m bench.suite: runs the tests and writes how many there are and what they cover into bench/suite.json."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import orjson

from bench.peers.catalog import ROOT

FIGURES = ROOT / "bench" / "suite.json"


def main() -> int:
    """Runs, prints and writes. Returns pytest's exit code; nothing is written if a test fails."""
    with tempfile.TemporaryDirectory() as directory:
        report, coverage = Path(directory, "report.xml"), Path(directory, "coverage.json")
        options = ["--numprocesses=auto", "--cov", f"--cov-report=json:{coverage}", f"--junitxml={report}"]
        code = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT).returncode
        if code == 0:
            suites = ElementTree.parse(report).getroot().iter("testsuite")
            counted = [{name: int(suite.attrib[name]) for name in ("tests", "skipped")} for suite in suites]
            totals = orjson.loads(coverage.read_bytes())["totals"]
            figures = {name: sum(suite[name] for suite in counted) for name in ("tests", "skipped")}
            figures |= {name: totals[name] for name in ("num_statements", "num_branches")}
            figures["branch_coverage_percent"] = round(totals["percent_covered"], 2)
            FIGURES.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            sys.stdout.write(FIGURES.read_text())
        return code


if __name__ == "__main__":
    sys.exit(main())
