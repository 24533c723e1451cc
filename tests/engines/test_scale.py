"""The benchmark of engines at a small size, through a real Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.engines import measure, page
from bench.engines.measure import CASES, Sizes
from tests.support.skips import needs

pytestmark = needs("java")


def test_everything_is_measured_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SESSIONS", {"plain": {}})  # a start takes seconds
    monkeypatch.setattr(measure, "CASES", {name: CASES[name] for name in ("batches of 1,000", "wide, scores alone")})
    said: list[str] = []
    results = measure.measure(Sizes(10_000, 4_000, 400, drawn=2_000, rounds=1), tmp_path, said.append)
    assert len(said) == 5
    assert results["spark"].keys() == page.WAYS.keys()
    assert results["settings"].keys() == measure.CASES.keys()
    for name, one in {**results["spark"], **results["settings"]}.items():
        assert {figure: len(values) for figure, values in one.items()} == dict.fromkeys(
            ("cpu", "wall", "jvm", "python"), 1
        )
        assert one["jvm"][0] > 0, name
        assert one["cpu"][0] == pytest.approx(one["jvm"][0] + one["python"][0])
    machine = {"cpus": 2, "processor": "some CPU", "python": "3.11", "libraries": {"pyspark": "4"}}
    made = {"version": "0.3.0", "revision": "abc", "date": "2026-01-31"}
    results["settings"] |= dict.fromkeys(CASES.keys() - measure.CASES.keys(), results["settings"]["batches of 1,000"])
    text = page.text({"machine": machine, "made": made, **results})
    assert "| 10,000 rows through Spark |" in text
    assert "| 400 rows of all 100 columns, " in text
