"""Files through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import scorer
from bench import files
from bench.rows import stand_in
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def csv(model: scorer.Scorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 stand-in rows."""
    directory = tmp_path_factory.mktemp("rows")
    stand_in(400, 13, directory, model)
    return directory / "test.csv"


@pytest.mark.usefixtures("unmeasured")
def test_every_file_is_made_scored_and_deleted(csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PARQUET_ROWS", 250)
    monkeypatch.setattr(files, "CSV_ROWS", 150)
    monkeypatch.setattr(files, "LARGE_BYTES", 300_000)
    monkeypatch.setattr(files, "GROUP_ROWS", 120)
    monkeypatch.setattr(files, "ROUNDS", 2)
    results = files.measure(csv, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert results.keys() == files.WORDS.keys()
    assert [results[name]["rows"] for name in ("parquet", "csv")] == [250, 150]
    for name in ("large csv", "large parquet"):
        assert results[name]["rows"] >= 200
        assert results[name]["bytes"] == pytest.approx(300_000, rel=0.5)
    for one in results.values():
        assert min(one["cpu"]) > 0.01
        assert 10e6 < min(one["peak_bytes"]) < 1e9


def test_the_files_hold_the_rows(csv: Path, tmp_path: Path, model: scorer.Scorer) -> None:
    files._used_columns(csv, 130, tmp_path / "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.column_names == [declared.name for declared in model.equation.inputs]
    assert files._repeated(csv, 130, tmp_path / "rows.csv") == 130
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert (len(lines), lines[101]) == (131, lines[1])


def test_a_file_that_cannot_be_scored_is_told_and_deleted(tmp_path: Path) -> None:
    def empty(path: Path) -> int:
        path.write_text("")
        return 0

    with pytest.raises(subprocess.CalledProcessError) as caught:
        files._scored(tmp_path, empty, "csv", 1)
    assert b"scorer: " in caught.value.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_memory_of_a_child_is_its_own() -> None:
    code = "import sys; data = bytearray(80_000_000); sys.exit(3)"
    command = [sys.executable, "-m", "bench.child", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, cwd=ROOT)
    figures = json.loads(done.stdout)
    assert done.returncode == 3
    assert 80e6 < figures["peak_bytes"] < 150e6
    assert 0 < figures["cpu"] < 10


def test_figures_are_the_least_times_and_the_largest_peak() -> None:
    one = {"bytes": 2e9, "rows": 1_000_000, "cpu": [2.0, 1.0], "wall": [4.0, 2.5], "peak_bytes": [100e6, 400e6]}
    results = dict.fromkeys(files.WORDS, one)
    speed, _, memory, _ = files.bounds(results)
    assert (speed.value, speed.wall, speed.met()) == (1e6, 4e5, True)
    assert (memory.value, memory.met()) == (400, False)
    line = "| CSV of all columns → CSV | 2,000 | 1,000,000 | 1.00 | 2.50 | 1,000,000 | 400 |"
    assert line in files.table(results).splitlines()
