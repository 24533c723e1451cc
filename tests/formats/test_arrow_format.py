"""Arrow streams as files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from scorer.__main__ import main
from tests.support.paths import ROOT
from tests.support.processes import environment


def test_bad_rows_in_a_file_of_views_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """polars writes texts as string_view, of which pyarrow cannot take single rows."""
    rows, out, errors = tmp_path / "rows.arrow", tmp_path / "out.arrow", tmp_path / "errors.csv"
    pl.DataFrame({"id": ["a", "b", "c"], "x5": ["monday"] * 3, "x12": ["$1.10", "many", "$2.50"]}).write_ipc(
        rows, compression="uncompressed", compat_level=pl.CompatLevel.newest()
    )
    with rows.open("rb") as file:
        assert pa.ipc.open_file(file).schema.field("x12").type == pa.string_view()
    command = ["score", str(rows), "--out", str(out), "--allow-missing-columns", "--keep", "id", "--variables", "none"]
    assert main([*command, "--on-error", "report", "--errors", str(errors)]) == 0, capsys.readouterr().err
    assert errors.read_text().splitlines()[1:] == ["1,,x12,not_a_number,the text is not a number,b"]
    with out.open("rb") as file:
        written = pa.ipc.open_file(file).read_all()
    assert written["id"].to_pylist() == ["a", "b", "c"]
    assert [phat is None for phat in written["phat"].to_pylist()] == [False, True, False]


def test_2_000_mutated_files_never_crash_and_never_fail() -> None:
    """In a process of its own. Run by hand for longer: python -m tests.support.arrow_fuzz 250000 SEED files."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.support.arrow_fuzz", "2000", "1", "files"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(), check=False)
    assert run.returncode == 0, run.stderr[-3_000:]
    counts = {name: int(count) for name, count in (line.split() for line in run.stdout.splitlines()[:-1])}
    assert sum(counts.values()) == 2_000
    assert counts["answered"] > 100
    assert counts["TableError"] > 500
