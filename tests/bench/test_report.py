"""The published tables against figures whose medians and ratios are known by hand."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bench import markdown, report
from bench.bound import Bound, of_times
from bench.bounds import bounds
from bench.capacity import page

COMMITTED: dict[str, Any] = json.loads(page.RESULTS.read_text())


@pytest.fixture
def results() -> dict[str, Any]:
    """The committed results, to be changed."""
    return copy.deepcopy(COMMITTED)


def ratios(results: dict[str, Any]) -> dict[str, float]:
    return {each.what: each.value for each in bounds(results)}


def times(cpu: list[float], wall: list[float]) -> dict[str, list[float]]:
    return {"cpu": cpu, "wall": wall}


def test_a_ratio_is_that_of_the_least_times_of_all_rounds(results: dict[str, Any]) -> None:
    samples = results["servers"]["samples"]
    samples["scorer"] |= {"batch_cpu": [2.0, 6.0, 3.0], "batch_seconds": [5.0, 4.0, 6.0]}
    samples["a"] |= {"batch_cpu": [20.0, 30.0, 60.0], "batch_seconds": [60.0, 80.0, 80.0]}
    samples["scorer"] |= {"single_cpu": [0.5, 0.2, 0.7], "single_per_second": [1.0, 3.0, 4.0]}
    samples["floor"] |= {"single_cpu": [0.1, 0.3, 0.2], "single_per_second": [10.0, 20.0, 5.0]}
    samples["a"] |= {"single_cpu": [50.0, 40.0, 50.0], "single_per_second": [0.5, 0.5, 0.25]}
    del samples["c"]
    found = {each.what: pytest.approx((each.value, each.wall)) for each in bounds(results)}
    assert found["10,000-row POST, speed-up over (a) FastAPI, pandas, scikit-learn, statsmodels"] == (10.0, 15.0)
    assert found["single rows a second ÷ those of (a)"] == (200.0, 8.0)
    assert found["single rows a second ÷ the floor's"] == (0.5, 0.2)
    assert not [what for what in found if "(c)" in what]


def test_the_other_ratios_by_hand(results: dict[str, Any]) -> None:
    results["bodies"]["bodies"]["mixed"] = {
        "server": times([0.3, 0.2], [0.4, 0.5]),
        "orjson": times([0.5, 0.4], [0.6, 0.8]),
    }
    results["cold_start"]["samples"] = {"scorer": times([0.3, 0.2], [0.9, 0.8]), "bare": times([0.2, 0.1], [0.4, 0.5])}
    results["memory"] = {"bare_idle": 40e6, "idle": 50e6, "peak": 90e6, "body_bytes": 16e6}
    results["growth"]["samples"] = {"1000": times([1e-5, 2e-5], [1e-5]), "100000": times([2e-5, 3e-5], [1e-5])}
    results["swaps"]["p99"] = {"alone": [0.001, 0.002], "swapping": [0.003, 0.002]}  # 3, 1
    results["slow"] = {"p99": {"alone": [0.001], "beside": [0.0015]}, "connections": 7}
    speeds = {"scorer": 1.0, "statsmodels": 0.5, "scikit-learn": 50.0}
    results["kernel"]["rows"] = {"10000": {name: times([2 * took, took], [took]) for name, took in speeds.items()}}
    results["connections"]["most"] = {"2": [1, 1], "8": [4, 6, 4]}
    found = ratios(results)
    assert found["10,000-row POST, numbers 30% as texts, at random, ÷ `orjson.loads` of the same body"] == 0.5
    assert found["cold start ÷ the bare app's"] == pytest.approx(2)
    assert found["idle memory ÷ the bare app's"] == 1.25
    assert found["peak memory above idle for the batch ÷ its body"] == 2.5
    assert found["time a row, 100,000 rows ÷ 1,000 rows"] == 2
    assert found["p99, wall, of single rows while the model is swapped five times a second ÷ without"] == 2
    assert found["p99, wall, of single rows beside 7 idle and slow connections ÷ without"] == pytest.approx(1.5)
    assert found["kernel, 10,000 rows: rows a second ÷ a scikit-learn pipeline's"] == 50
    assert found["8 connections at once on 2 workers, 3 trials: most on one worker"] == 6
    assert not [what for what in found if "statsmodels" in what and "kernel" in what]


def test_rounds_of_percentiles_that_do_not_match_are_refused(results: dict[str, Any]) -> None:
    results["swaps"]["p99"]["alone"].pop()
    with pytest.raises(ValueError, match="zip"):
        list(bounds(results))


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
        (0.0412, 0.05, True, "0.041", True),
    ],
)
def test_a_bound_shows_on_which_side_it_is(value: float, bound: float, most: bool, shown: str, met: bool) -> None:
    row = Bound("what", value, bound, 1.0, most=most).row()
    sign, verdict = "≤" if most else "≥", "yes" if met else "**no**"
    assert row == f"| what | {shown} |  | {sign} {bound:g} | 1 | {verdict} |"


def test_wall_time_stands_beside_cpu_time() -> None:
    row = of_times("what", times([1, 2], [30]), times([5, 4], [10, 20]), 300_000, 0.2, most=True).row()
    assert row == "| what | 0.25 | 3 | ≤ 300,000 | 0.2 | yes |"


def test_the_tables_show_medians_in_their_units(results: dict[str, Any]) -> None:
    figures = {"batch_seconds": [3.0, 1.0, 1.5], "single_per_second": [900.0, 10.0, 1_000.4]}
    figures |= {"batch_cpu": [2.0, 1.25, 1.5], "single_cpu": [9e-5, 8e-5]}
    figures |= {"single_p50": [0.001, 0.002, 0.5], "single_p99": [0.25, 0.01, 0.02]}
    results["servers"]["samples"] = dict.fromkeys(("scorer", "floor", "b"), figures)
    results["servers"]["samples"]["orjson.loads"] = {"batch_seconds": [0.2, 0.1, 0.1], "batch_cpu": [0.2, 0.09]}
    results["servers"] |= {"rounds": 3, "body_bytes": 17_190_000, "stolen": 0.0123}
    results["servers"]["processes"] = {"scorer": 1, "floor": 1, "b": 5}
    starts = {"scorer": times([0.25, 0.2], [0.3, 0.21, 0.2]), "bare": times([0.11, 0.1], [0.1, 0.1, 0.2])}
    results["cold_start"]["samples"] = starts
    results["memory"] = {"bare_idle": 40e6, "idle": 50e6, "peak": 90e6, "body_bytes": 16e6}
    took = {"scorer": times([5e-4], [6e-4, 8e-4]), "statsmodels": times([1e-4], [2e-4])}
    results["kernel"]["rows"] = {"10000": took | {"scikit-learn": times([1e-2], [1e-2])}}
    results["cpu"] = {"batches": 8.12, "singles": 68.4}
    results["beside_batches"] = {"alone": {"p99": 0.001}, "beside": {"p99": 0.0077}}
    results["swaps"] = {"p99": {"alone": [0.001], "swapping": [0.002]}, "swaps": 12}
    results["export"]["seconds"] = 4.44
    lines = report.tables(results).splitlines()
    for line in (
        "| this scorer | 1 | 1,250 | 1,500 | 80 | 900 | 2.00 | 20.00 |",
        "| (b) FastAPI, pydantic, numpy | 5 | 1,250 | 1,500 | 80 | 900 | 2.00 | 20.00 |",
        "| `orjson.loads`, no server |  | 90 | 100 |  |  |  |  |",
        "| scorer | 20.00 | 16.67 |",
        "| statsmodels on a ready matrix, which leaves nothing to prepare | 100.00 | 50.00 |",
        "| cold start, CPU ms: scorer, bare app | 200, 100 |",
        "| cold start, ms: scorer, bare app | 210, 100 |",
        "| resident memory, MB: idle, bare app idle, peak of the batch | 50, 40, 90 |",
        "| CPU-seconds a million rows: batches, singles | 8.1, 68 |",
        "| p99 of single rows, ms: alone, beside 10,000-row batches | 1.0, 7.7 |",
        "| p99 of single rows, ms: alone, during 12 swaps | 1.00, 2.00 |",
        "| the whole export of 40,000 rows, s | 4.4 |",
    ):
        assert line in lines
    shown = " ".join(lines)
    assert "the least times of 3 rounds, wall figures medians; the batch body has 17.2 MB" in shown
    assert "Other guests of the host took 1.2% of the CPU time meanwhile." in shown


def test_a_quick_run_has_only_what_it_measured(results: dict[str, Any]) -> None:
    sections = ("servers", "cold_start", "memory")
    quick = {key: results[key] for key in ("machine", *sections)} | {"quick": True}
    quick["made"] = {section: results["made"][section] for section in sections}
    shown = report.tables(quick)
    assert "| this scorer |" in shown
    assert "kernel" not in shown
    assert "swapped" not in shown


def test_tables_are_put_between_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("a\n<!-- measured: some -->\nold\n<!-- end -->\nb\n<!-- measured: other -->\nc\n<!-- end -->\n")
    markdown.put(path, "some", r"| \1 |")
    kept = "b\n<!-- measured: other -->\nc\n<!-- end -->\n"
    assert path.read_text() == f"a\n<!-- measured: some -->\n\n| \\1 |\n\n<!-- end -->\n{kept}"


def test_a_page_without_the_marks_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("<!-- measured: other -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match=r"page\.md has no place for the tables of some"):
        markdown.put(path, "some", "new")
    assert path.read_text() == "<!-- measured: other -->\n<!-- end -->\n"
