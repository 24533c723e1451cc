"""python -m bench: one real quick run, and what a full one writes."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import contenders, measure, report
from bench.capacity import page
from bench.wrk import LoadError
from tests.support.skips import needs

pytestmark = pytest.mark.long


@needs("wrk")
@pytest.mark.usefixtures("wrk")
def test_a_quick_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run, runs = bench.run, []

    def note(quick: bool, directory: Path) -> dict[str, Any]:
        runs.append(run(quick, directory))
        return runs[0]

    monkeypatch.setattr(bench, "run", note)
    monkeypatch.setattr(bench, "TRAIN_ROWS", 400)
    monkeypatch.setattr(bench, "PEERS", ())
    monkeypatch.setattr(measure, "BATCH_ROWS", 100)
    before = page.RESULTS.read_bytes(), report.PAGE.read_bytes()
    assert bench.main(["--quick"]) == 0
    assert (page.RESULTS.read_bytes(), report.PAGE.read_bytes()) == before
    out, err = capsys.readouterr()
    assert out == report.tables(runs[0]) + "\n"
    assert "round 2 of 2" in err
    servers, memory, cold = (runs[0][name] for name in ("servers", "memory", "cold_start"))
    samples = servers["samples"]
    assert [len(taken) for taken in samples["orjson.loads"].values()] == [2]
    names = {"batch_seconds", "single_per_second", "single_p50", "single_p99"}
    assert {key: taken.keys() for key, taken in samples.items() if len(taken) > 1} == {"scorer": names, "floor": names}
    assert {len(taken) for figures in samples.values() for taken in figures.values()} == {2}
    assert 10e6 < memory["bare_idle"] < memory["idle"] <= memory["peak"] < 500e6
    assert memory["body_bytes"] == servers["body_bytes"] > 100 * 1_000
    assert {key: len(taken) for key, taken in cold["samples"].items()} == {"scorer": 3, "bare": 3}


def test_a_full_run_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real one takes ten minutes: the committed figures, one of them changed, stand for what it measured."""
    measured: dict[str, Any] = json.loads(page.RESULTS.read_text())
    measured["cpu"]["singles"] = 123.0
    docs, results = tmp_path / "performance.md", tmp_path / "results.json"
    docs.write_text(report.PAGE.read_text())
    for module in (report, page):
        monkeypatch.setattr(module, "PAGE", docs)
    monkeypatch.setattr(page, "RESULTS", results)
    monkeypatch.setattr(bench, "require_wrk", lambda: None)
    monkeypatch.setattr(bench, "run", lambda *_: measured)
    assert bench.main([]) == 0
    assert json.loads(results.read_text()) == measured
    assert report.tables(measured) in capsys.readouterr().out
    for tables in (report.tables(measured), page.tables(measured, json.loads(page.CAPACITY.read_text()))):
        assert "123" in tables
        assert tables in docs.read_text()


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (LoadError("3 of 7 requests failed"), 2, "bench: 3 of 7 requests failed\n"),
        (
            subprocess.CalledProcessError(1, "export", stderr=b"no such file\n"),
            2,
            "bench: Command 'export' returned non-zero exit status 1.: no such file\n",
        ),
        (
            subprocess.CalledProcessError(1, "parse", stderr="not JSON\n"),
            2,
            "bench: Command 'parse' returned non-zero exit status 1.: not JSON\n",
        ),
        (KeyboardInterrupt(), 130, "bench: interrupted, nothing was written\n"),
    ],
)
def test_what_cannot_be_measured_is_told(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(bench, "require_wrk", lambda: None)
    monkeypatch.setattr(bench, "run", fail)
    assert bench.main([]) == code
    assert capsys.readouterr() == ("", told)


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
    names = set(re.findall(r"measure\.([a-z_]+)\(", Path(bench.__file__).read_text()))
    for name in names:
        monkeypatch.setattr(measure, name, functools.partial(lambda name, *_: name, name))
    results = bench.run(False, tmp_path)
    assert {value for value in results.values() if isinstance(value, str)} == names
    assert results.keys() >= json.loads(page.RESULTS.read_text()).keys()
