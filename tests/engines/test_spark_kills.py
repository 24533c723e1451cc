"""Spark where processes are killed: the scores are those of a run without kills, to the bit, and of every row once."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import scorer
from scorer import sample
from tests.engines.spark_jobs import BATCH_ROWS, BATCHES, PARTITIONS, until
from tests.support.paths import ROOT
from tests.support.row_files import columns_of
from tests.support.skips import needs

pytestmark = needs("java")

TIMEOUT = 300


def rows(model: scorer.Scorer, count: int) -> Any:
    """Stand-in rows of the inputs that the equation uses, numbered."""
    used = [declared.name for declared in model.equation.inputs]
    drawn = list(sample.rows(model.file, 2_000))
    columns = columns_of([{name: drawn[row % len(drawn)][name] for name in used} for row in range(count)])
    return pa.table({"id": pa.array(range(count), pa.int64()), **columns})


def job(name: str, directory: Path) -> subprocess.Popen[bytes]:
    """A job of spark_jobs, in a process group of its own."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.engines.spark_jobs", name, str(directory)]
    with said(directory).open("ab") as log:
        return subprocess.Popen(command, cwd=directory, env=variables, stdout=log, stderr=log, start_new_session=True)


def said(directory: Path) -> Path:
    """What jobs have printed. (A process that outlives its job would hold a pipe open.)"""
    return directory / "log"


def finish(running: subprocess.Popen[bytes], directory: Path) -> None:
    """Waits for the end of a job that ends well."""
    try:
        running.wait(TIMEOUT)
    finally:
        kill(running)
    assert running.returncode == 0, said(directory).read_text()


def kill(running: subprocess.Popen[bytes]) -> None:
    """Kills a job with all processes of its group, if there are any left."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def same_bits(found: Any, expected: scorer.Scores) -> bool:
    bits = (found["phat"].to_numpy().tobytes(), found["business_outcome"].to_pylist())
    return found["id"].to_pylist() == [*range(len(expected))] and bits == (
        expected.phat.tobytes(),
        expected.outcome.tolist(),
    )


@pytest.mark.parametrize("what", ["worker", "executor"])
def test_a_process_that_is_killed_in_the_middle_changes_no_bit(what: str, tmp_path: Path, model: scorer.Scorer) -> None:
    """A Python worker that scores, and an executor with all that it has scored. Some rows of a partition are scored
    then, others are not; its task is seen to be tried again."""
    table = rows(model, PARTITIONS * BATCHES * BATCH_ROWS)
    parquet.write_table(table, tmp_path / "rows.parquet")
    finish(job(what, tmp_path), tmp_path)
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["killed"]
    assert [0, 0] in told["attempts"]
    assert [0, 1] in told["attempts"]
    assert same_bits(parquet.read_table(tmp_path / "scores.parquet"), model.score(table))


def test_a_stream_that_is_killed_and_started_anew_scores_every_row_once(tmp_path: Path, model: scorer.Scorer) -> None:
    table = rows(model, 5 * BATCH_ROWS)
    (tmp_path / "rows").mkdir()
    for index in range(5):
        path = tmp_path / "rows" / f"{index}.parquet"
        parquet.write_table(table.slice(index * BATCH_ROWS, BATCH_ROWS), path)
        os.utime(path, (index, index))  # Spark takes the oldest first
    first = job("stream", tmp_path)
    try:
        until((tmp_path / "waiting").exists)
    finally:
        kill(first)
    commits = {path.name for path in (tmp_path / "checkpoint" / "commits").iterdir()}
    assert {"0", "1"} <= commits
    assert "2" not in commits
    finish(job("stream", tmp_path), tmp_path)
    assert same_bits(parquet.read_table(tmp_path / "scores.parquet"), model.score(table))


def lean_python(directory: Path) -> None:
    """A virtual environment with nothing but numpy and pyarrow."""
    venv.create(directory, symlinks=True)
    target = Path(sysconfig.get_path("purelib", "venv", {"base": str(directory), "platbase": str(directory)}))
    for name in ("numpy", "pyarrow"):
        installed = Path(importlib.import_module(name).__path__[0])
        for path in (installed, installed.with_name(f"{name}.libs")):
            if path.exists():
                (target / path.name).symlink_to(path)


def test_a_zip_of_the_package_is_enough_for_workers(tmp_path: Path, model: scorer.Scorer) -> None:
    """Whose Python has neither this project nor pandas."""
    table = rows(model, BATCH_ROWS)
    parquet.write_table(table, tmp_path / "rows.parquet")
    lean_python(tmp_path / "lean")
    shutil.make_archive(str(tmp_path / "scorer"), "zip", ROOT, "scorer")
    finish(job("packed", tmp_path), tmp_path)
    assert (tmp_path / "without").read_text().endswith("ModuleNotFoundError: No module named 'scorer'")
    for name in ("scores.parquet", "scores-of-udf.parquet"):
        assert same_bits(parquet.read_table(tmp_path / name), model.score(table))
