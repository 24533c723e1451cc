"""A run in figures: a few lines for the reader, and a JSON log of every call."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from bench.load.drive import Run
from bench.load.scenarios import Scenario

QUANTILES = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
Figures = dict[str, Any]


def figures(run: Run) -> Figures:
    """Counts, rates and times of a run; latencies in seconds, of the calls that were answered correctly."""
    good = [record for record in run.records if not record.error]
    rows = sum(len(record.call.rows) for record in good)
    taken = [record.seconds for record in good]
    late = [record.late for record in run.records if record.late]
    return {
        "seconds": run.seconds,
        "calls": len(run.records),
        "right": len(good),
        "rows": rows,
        "calls_per_second": len(good) / run.seconds,
        "rows_per_second": rows / run.seconds,
        "latency": {name: float(np.percentile(taken, q)) for name, q in QUANTILES.items()} if good else {},
        "late_p99": float(np.percentile(late, 99)) if late else None,
        "errors": dict(Counter(record.error for record in run.records if record.error)),
        "out_of_time": run.out_of_time,
        "interrupted": run.interrupted,
    }


def title(scenario: Scenario, connections: int, rate: float | None) -> str:
    """A scenario in words."""
    rows = sum(len(call.rows) for call in scenario.calls)
    words = scenario.about.format(count=f"{len(scenario.calls):,}", rows=f"{rows:,}", connections=connections)
    return f"{scenario.name}: {words}" + (f", {rate:g} calls a second" if rate else "")


def lines(scenario: Scenario, found: Figures, first: str) -> list[str]:
    """The figures as lines of text.

    Args:
        scenario: the scenario that was run.
        found: the figures.
        first: the first wrong answer in words, if there is one.
    """
    planned = len(scenario.calls)
    rates = f"{found['calls_per_second']:,.0f} calls a second, {found['rows_per_second']:,.0f} rows a second"
    shown = [f"  {found['right']:,} of {planned:,} calls answered rightly in {found['seconds']:.2f} s: {rates}"]
    if found["latency"]:
        times = ", ".join(f"{name} {taken * 1e3:.2f}" for name, taken in found["latency"].items())
        shown.append(f"  latency, ms: {times}")
    if found["late_p99"] is not None:
        late = f"{found['late_p99'] * 1e3:.2f}"
        shown.append(f"  of which before it was sent (no connection free, or this client late), p99: {late}")
    shown.append(f"  {found['rows']:,} rows answered with exactly the library's values")
    shown += [f"  {count:,} × {error}" for error, count in found["errors"].items()]
    if first:
        shown.append(f"  the first wrong answer: {first}")
    ended = "its time was over" if found["out_of_time"] else "Ctrl-C"
    if found["out_of_time"] or found["interrupted"]:
        shown.append(f"  ended early: {ended}; {planned - found['calls']:,} calls were not sent")
    return shown


def calls(run: Run) -> dict[str, list[Any]]:
    """Every call, in columns."""
    return {
        "begin": [round(record.begin, 7) for record in run.records],
        "seconds": [round(record.seconds, 7) for record in run.records],
        "late": [round(record.late, 7) for record in run.records],
        "rows": [len(record.call.rows) for record in run.records],
        "error": [record.error for record in run.records],
    }
