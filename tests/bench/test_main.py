"""python -m bench: one real quick run, and what a full one writes."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import (
    additions,
    bodies,
    calls,
    connections,
    contenders,
    files,
    formats,
    instructions,
    library,
    markdown,
    measure,
    replicas,
    report,
    workers,
)
from bench.capacity import page
from bench.wrk import LoadError
from tests.support.skips import needs

pytestmark = pytest.mark.long


@needs("wrk")
@pytest.mark.usefixtures("wrk")
def test_a_quick_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.run
    runs: list[dict[str, Any]] = []

    def note(quick: bool, directory: Path, only: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
        results, failed = run(quick, directory, only)
        runs.append(results)
        return results, failed

    monkeypatch.setattr(bench, "run", note)
    monkeypatch.setattr(bench, "TRAIN_ROWS", 400)
    monkeypatch.setattr(bench, "PEERS", ())
    monkeypatch.setattr(measure, "BATCH_ROWS", 100)
    before = page.RESULTS.read_bytes(), markdown.PAGE.read_bytes()
    assert bench.main(["--quick"]) == 0
    assert (page.RESULTS.read_bytes(), markdown.PAGE.read_bytes()) == before
    out, err = capsys.readouterr()
    assert out == report.tables(runs[0]) + "\n"
    assert "round 2 of 2" in err
    servers, memory, cold = (runs[0][name] for name in ("servers", "memory", "cold_start"))
    samples = servers["samples"]
    assert samples["orjson.loads"].keys() == {"batch_seconds", "batch_cpu"}
    names = {"batch_seconds", "batch_cpu", "single_per_second", "single_cpu", "single_p50", "single_p99"}
    own = ("scorer", "floor", "tiny")
    assert {key: taken.keys() for key, taken in samples.items() if key != "orjson.loads"} == dict.fromkeys(own, names)
    assert servers["processes"] == dict.fromkeys(own, 1)
    assert 0 <= servers["stolen"] < 1
    assert {len(taken) for figures in samples.values() for taken in figures.values()} == {2}
    assert 10e6 < memory["bare_idle"] < memory["idle"] <= memory["peak"] < 500e6
    assert memory["body_bytes"] == servers["body_bytes"] > 100 * 1_000
    assert {len(taken) for samples in cold["samples"].values() for taken in samples.values()} == {3}
    assert cold["samples"].keys() == {"scorer", "bare"}


def test_a_full_run_is_written(docs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one takes up to 25 minutes: the committed figures, one of them changed, stand for what it measured."""
    measured: dict[str, Any] = json.loads(page.RESULTS.read_text())
    measured["cpu"]["singles"] = 123.0
    results = docs / "results.json"
    results.write_text(page.RESULTS.read_text())
    monkeypatch.setattr(page, "RESULTS", results)
    monkeypatch.setattr(bench, "require_wrk", lambda: None)
    monkeypatch.setattr(bench, "run", lambda *_: (measured, {}))
    assert bench.main([]) == 0
    assert json.loads(results.read_text()) == measured
    assert report.tables(measured) in capsys.readouterr().out
    for tables in (report.tables(measured), page.tables(measured, json.loads(page.CAPACITY.read_text()))):
        assert "123" in tables
        assert tables in (docs / "performance.md").read_text()


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (LoadError("3 of 7 requests failed"), 2, "bench: 3 of 7 requests failed\n"),
        (KeyboardInterrupt(), 130, "bench: interrupted, nothing was written\n"),
    ],
)
def test_what_cannot_be_run_is_told(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(bench, "require_wrk", lambda: None)
    monkeypatch.setattr(bench, "run", fail)
    assert bench.main([]) == code
    assert capsys.readouterr() == ("", told)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LoadError("3 of 7 requests failed"), "3 of 7 requests failed"),
        (FileNotFoundError(2, "no such file", "python"), "[Errno 2] no such file: 'python'"),
        (
            subprocess.CalledProcessError(1, "export", stderr=b"no such file\n"),
            "Command 'export' returned non-zero exit status 1.: no such file",
        ),
        (
            subprocess.CalledProcessError(1, "parse", stderr="not JSON\n"),
            "Command 'parse' returned non-zero exit status 1.: not JSON",
        ),
    ],
)
def test_a_section_that_cannot_be_measured_is_told(
    error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_work: bench.Workload) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(bench, "TRAIN_ROWS", 400)
    monkeypatch.setitem(bench.SECTIONS, "cpu", fail)
    results, failed = bench.run(False, tmp_path, ["cpu"])
    assert failed == {"cpu": told}
    assert results["made"] == {}


def test_without_wrk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bench.main(["--quick"]) == 2
    assert capsys.readouterr().err.startswith("bench: wrk is not installed: ")


def test_a_full_run_needs_the_peers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found before ten minutes of measuring, not after; and no published table loses its peers."""
    monkeypatch.setattr(bench, "require_wrk", lambda: None)
    monkeypatch.setattr(bench, "PYTHON", tmp_path / "python")
    assert bench.main([]) == 2
    assert capsys.readouterr().err == f"bench: {tmp_path}/python does not exist: make bench installs the peers there\n"


def test_every_measurement_is_part_of_a_full_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is tested by itself: here each gives its name."""
    monkeypatch.setattr(bench, "TRAIN_ROWS", 400)
    monkeypatch.setattr(bench, "PYTHON", contenders.OWN)
    modules = (additions, bodies, calls, connections, files, formats, instructions, library, measure, replicas, workers)
    called = set(re.findall(r"([a-z]+\.(?!Bodies|read)[a-z_]+)\(", Path(bench.__file__).read_text()))
    names = {f"{module.__name__.partition('.')[2]}.{name}" for module in modules for name in vars(module)} & called
    for name in names:
        monkeypatch.setattr(f"bench.{name}", functools.partial(lambda name, *_: {"called": name}, name))
    results, failed = bench.run(False, tmp_path)
    assert failed == {}
    assert {results[section]["called"] for section in bench.SECTIONS} == names
    assert results["made"].keys() == bench.SECTIONS.keys()
    assert len(names) == len(bench.SECTIONS)
    assert results.keys() >= json.loads(page.RESULTS.read_text()).keys()
