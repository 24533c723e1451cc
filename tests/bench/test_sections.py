"""python -m bench --only: what is measured anew, what is kept, and what could not be measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import report
from bench.capacity import page
from bench.machine import made
from bench.wrk import LoadError
from scorer.version import __version__

RESULTS: dict[str, Any] = json.loads(page.RESULTS.read_text())


@pytest.fixture
def written(docs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a run writes goes to another directory."""
    (docs / "results.json").write_text(page.RESULTS.read_text())
    monkeypatch.setattr(page, "RESULTS", docs / "results.json")
    monkeypatch.setattr(bench, "require_wrk", lambda: None)
    monkeypatch.setattr(bench, "TRAIN_ROWS", 400)
    return docs


def test_one_section_is_measured_and_the_others_stay(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.SECTIONS, "cpu", lambda _: {"batches": 8.0, "singles": 250.0})
    assert bench.main(["--only", "cpu"]) == 0
    results = json.loads(page.RESULTS.read_text())
    assert results["cpu"] == {"batches": 8.0, "singles": 250.0}
    assert results["made"] == {**RESULTS["made"], "cpu": made()}
    changed = {"cpu", "made", "machine"}
    assert {name: results[name] for name in RESULTS.keys() - changed} == {
        name: RESULTS[name] for name in RESULTS.keys() - changed
    }
    shown = (written / "performance.md").read_text()
    assert "| 4,000 | 1 second ÷ the CPU time of a row (250.0 µs), in another part of the run |" in shown


def test_a_section_that_fails_keeps_its_results(
    written: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_work: bench.Workload) -> dict[str, Any]:
        raise LoadError("3 of 7 requests failed")

    monkeypatch.setitem(bench.SECTIONS, "calls", fail)
    monkeypatch.setitem(bench.SECTIONS, "export", lambda _: {"seconds": 7.7})
    assert bench.main(["--only", "calls", "--only", "export"]) == 2
    assert capsys.readouterr().err.endswith("\nbench: calls was not measured: 3 of 7 requests failed\n")
    results = json.loads(page.RESULTS.read_text())
    assert results["calls"] == RESULTS["calls"]
    assert results["made"]["calls"] == RESULTS["made"]["calls"]
    assert results["export"] == {"seconds": 7.7}
    assert "| the whole export of 40,000 rows, s | 7.7 |" in (written / "performance.md").read_text()


def test_an_unknown_section(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--only", "none"])
    assert "invalid choice: 'none'" in capsys.readouterr().err


def test_a_full_run_measures_every_section_of_the_results() -> None:
    assert set(bench.SECTIONS) == RESULTS.keys() - {"quick", "machine", "made"} == RESULTS["made"].keys()
    assert set(bench.QUICK_SECTIONS) < set(bench.SECTIONS)


def test_what_was_measured_is_named() -> None:
    found = made()
    assert found["version"] == __version__
    assert found["revision"]
    assert len(found["date"]) == len("2026-01-31")


def test_sections_of_another_day_are_told_apart() -> None:
    new = {"version": "0.3.0", "revision": "abc", "date": "2026-01-31", "processor": "Some CPU"}
    old = new | {"version": "0.2.0"}
    words = "Version 0.3.0, revision abc, 2026-01-31, Some CPU"
    assert report.made_of({"made": {"servers": new, "cpu": new}}) == words
    shown = report.made_of({"made": {"kernel": old, "servers": new, "cpu": new, "export": old, "memory": new}})
    assert shown == f"{words}; kernel, export: version 0.2.0, revision abc, 2026-01-31, Some CPU"
