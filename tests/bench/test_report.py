"""The published tables against figures whose medians and ratios are known by hand."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.capacity import page

COMMITTED: dict[str, Any] = json.loads(page.RESULTS.read_text())


@pytest.fixture
def results() -> dict[str, Any]:
    """The committed results, to be changed."""
    return copy.deepcopy(COMMITTED)


def ratios(results: dict[str, Any]) -> dict[str, float]:
    return {bound.what: bound.value for bound in report.bounds(results)}


def test_a_ratio_is_the_median_of_the_ratios_within_a_round(results: dict[str, Any]) -> None:
    samples = results["servers"]["samples"]
    samples["scorer"]["batch_seconds"] = [2.0, 6.0, 3.0]
    samples["orjson.loads"]["batch_seconds"] = [4.0, 3.0, 1.0]  # ratios 0.5, 2, 3; the medians are both 3
    samples["a"]["batch_seconds"] = [20.0, 6.0, 60.0]  # 10, 1, 20
    samples["scorer"]["single_per_second"] = [100.0, 900.0, 300.0]
    samples["floor"]["single_per_second"] = [200.0, 1_000.0, 1_200.0]  # 0.5, 0.9, 0.25
    samples["a"]["single_per_second"] = [1.0, 3.0, 100.0]  # 100, 300, 3
    del samples["c"]
    found = ratios(results)
    assert found["10,000-row POST ÷ `orjson.loads` alone"] == 2.0
    assert found["10,000-row POST, speed-up over (a) FastAPI, pandas, scikit-learn, statsmodels"] == 10.0
    assert found["single rows a second ÷ those of (a)"] == 100.0
    assert found["single rows a second ÷ the floor's"] == 0.5
    assert not [what for what in found if "(c)" in what]


def test_the_other_ratios_by_hand(results: dict[str, Any]) -> None:
    results["cold_start"]["samples"] = {"scorer": [0.3, 0.2, 0.8], "bare": [0.1, 0.1, 0.2]}  # 3, 2, 4
    results["memory"] = {"bare_idle": 40e6, "idle": 50e6, "peak": 90e6, "body_bytes": 16e6}
    results["growth"]["samples"] = {"1000": [1e-5, 2e-5], "10000": [1e-5, 1e-5], "100000": [2e-5, 2e-5]}  # 2, 1
    results["swaps"]["p99"] = {"alone": [0.001, 0.002], "swapping": [0.003, 0.002]}  # 3, 1
    results["slow"] = {"p99": {"alone": [0.001], "beside": [0.0015]}, "connections": 7}
    speeds = {"scorer": 200, "statsmodels": 100, "scikit-learn": 4}
    results["kernel"]["rows"] = {"10000": {name: {"rows_per_second": speed} for name, speed in speeds.items()}}
    found = ratios(results)
    assert found["cold start ÷ the bare app's"] == pytest.approx(3)
    assert found["idle memory ÷ the bare app's"] == 1.25
    assert found["peak memory above idle for the batch ÷ its body"] == 2.5
    assert found["time a row, 100,000 rows ÷ 1,000 rows"] == 1.5
    assert found["p99 of single rows while the model is swapped five times a second ÷ without"] == 2
    assert found["p99 of single rows beside 7 idle and slow connections ÷ without"] == pytest.approx(1.5)
    assert found["kernel, 10,000 rows: rows a second ÷ statsmodels' on a ready matrix"] == 2
    assert found["kernel, 10,000 rows: rows a second ÷ a scikit-learn pipeline's"] == 50


def test_rounds_that_do_not_match_are_refused(results: dict[str, Any]) -> None:
    results["servers"]["samples"]["floor"]["single_per_second"].pop()
    with pytest.raises(ValueError, match="zip"):
        list(report.bounds(results))


@pytest.mark.parametrize(
    ("value", "bound", "most", "shown", "met"),
    [
        (0.5, 0.55, True, "0.50", True),
        (0.55, 0.55, True, "0.55", True),
        (0.5504, 0.55, True, "0.5504", False),
        (0.6, 0.55, True, "0.60", False),
        (12.0, 12.0, False, "12", True),
        (11.7, 12.0, False, "11.7", False),
        (8.97, 12.0, False, "8.97", False),
        (1234.6, 12.0, False, "1,235", True),
    ],
)
def test_a_bound_shows_on_which_side_it_is(value: float, bound: float, most: bool, shown: str, met: bool) -> None:
    row = report.Bound("what", value, bound, 1.0, most=most).row()
    sign, verdict = "≤" if most else "≥", "yes" if met else "**no**"
    assert row == f"| what | {shown} | {sign} {bound:g} | 1 | {verdict} |"


def test_the_tables_show_medians_in_their_units(results: dict[str, Any]) -> None:
    figures = {"batch_seconds": [3.0, 1.0, 1.5], "single_per_second": [900.0, 10.0, 1_000.4]}
    figures |= {"single_p50": [0.001, 0.002, 0.5], "single_p99": [0.25, 0.01, 0.02]}
    results["servers"]["samples"] = dict.fromkeys(("scorer", "floor", "b"), figures)
    results["servers"]["samples"]["orjson.loads"] = {"batch_seconds": [0.2, 0.1, 0.1]}
    results["servers"] |= {"rounds": 3, "body_bytes": 17_190_000, "stolen": 0.0123}
    results["servers"]["processes"] = {"scorer": 1, "floor": 1, "b": 5}
    results["cold_start"]["samples"] = {"scorer": [0.3, 0.21, 0.2], "bare": [0.1, 0.1, 0.2]}
    results["memory"] = {"bare_idle": 40e6, "idle": 50e6, "peak": 90e6, "body_bytes": 16e6}
    results["cpu"] = {"batches": 8.12, "singles": 68.4}
    results["beside_batches"] = {"alone": {"p99": 0.001}, "beside": {"p99": 0.0077}}
    results["swaps"] = {"p99": {"alone": [0.001], "swapping": [0.002]}, "swaps": 12}
    results["export"]["seconds"] = 4.44
    lines = report.tables(results).splitlines()
    for line in (
        "| this scorer | 1 | 1,500 | 900 | 2.00 | 20.00 |",
        "| (b) FastAPI, pydantic, numpy | 5 | 1,500 | 900 | 2.00 | 20.00 |",
        "| `orjson.loads`, no server |  | 100 |  |  |  |",
        "| cold start, ms: scorer, bare app | 210, 100 |",
        "| resident memory, MB: idle, bare app idle, peak of the batch | 50, 40, 90 |",
        "| CPU-seconds a million rows: batches, singles | 8.1, 68 |",
        "| p99 of single rows, ms: alone, beside 10,000-row batches | 1.0, 7.7 |",
        "| p99 of single rows, ms: alone, during 12 swaps | 1.00, 2.00 |",
        "| the whole export of 40,000 rows, s | 4.4 |",
    ):
        assert line in lines
    shown = " ".join(lines)
    assert "Medians of 3 rounds; the batch body has 17.2 MB" in shown
    assert "Other guests of the host took 1.2% of the CPU time meanwhile." in shown


def test_a_quick_run_has_only_what_it_measured(results: dict[str, Any]) -> None:
    quick = {key: results[key] for key in ("machine", "made", "servers", "cold_start", "memory")} | {"quick": True}
    shown = report.tables(quick)
    assert "| this scorer |" in shown
    assert "kernel" not in shown
    assert "swapped" not in shown


def test_tables_are_put_between_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("a\n<!-- measured: some -->\nold\n<!-- end -->\nb\n<!-- measured: other -->\nc\n<!-- end -->\n")
    report.put(path, "some", r"| \1 |")
    kept = "b\n<!-- measured: other -->\nc\n<!-- end -->\n"
    assert path.read_text() == f"a\n<!-- measured: some -->\n\n| \\1 |\n\n<!-- end -->\n{kept}"


def test_a_page_without_the_marks_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("<!-- measured: other -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match=r"page\.md has no place for the tables of some"):
        report.put(path, "some", "new")
    assert path.read_text() == "<!-- measured: other -->\n<!-- end -->\n"
