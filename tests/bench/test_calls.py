"""10,000 calls, at a smaller number."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import calls, contenders
from bench.rows import Row
from bench.wrk import LoadError
from tests.support.skips import needs

pytestmark = pytest.mark.usefixtures("unmeasured")


@needs("curl")
def test_every_way_is_timed(some_rows: list[Row]) -> None:
    results = calls.measure(some_rows[:20], 2)
    assert (results["calls"], results["rounds"]) == (20, 2)
    assert results["samples"].keys() == calls.WORDS.keys()
    for name, rounds in results["samples"].items():
        assert len(rounds) == (1 if name == "curl" else 2)
        assert all(figures["wall"] > 0 for figures in rounds)
        assert name == "batch" or all(figures["server"] > 0 for figures in rounds)  # one call may end between two ticks
    assert results["samples"]["curl"][0]["client"] > 0


def test_without_curl_the_other_ways_are_timed(
    some_rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    results = calls.measure(some_rows[:3], 1)
    assert results["samples"].keys() == calls.WORDS.keys() - {"curl"}
    assert "`curl` process | not measured: `curl` was not installed | | |" in calls.table(results)


def test_a_call_that_is_refused_is_told(some_rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "LARGEST_BODY", 10)
    with pytest.raises(LoadError, match="a call was answered with status 413"):
        calls.measure(some_rows[:1], 1)


def test_the_table_has_the_least_of_the_rounds() -> None:
    rounds = [{"wall": 2.0, "server": 0.5, "client": 0.25}, {"wall": 3.0, "server": 0.4, "client": 0.75}]
    lines = calls.table({"calls": 10_000, "rounds": 2, "samples": {"one connection": rounds}}).splitlines()
    assert lines[0] == "| 10,000 single rows | s | server, CPU s | client, CPU s |"
    assert lines[2] == "| one by one, on one connection | 2.00 | 0.40 | 0.25 |"
