"""python -m bench.capacity.page --price 0.04: the tables on scaling for another price of a vCPU-hour.

They are part of docs/performance.md, and made from bench/results.json and bench/capacity.json.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench import markdown
from bench.capacity.measure import ROUNDS
from bench.peers.catalog import ROOT

PAGE = markdown.PAGE
PLOT = ROOT / "docs" / "scaling.svg"
RESULTS = ROOT / "bench" / "results.json"
CAPACITY = ROOT / "bench" / "capacity.json"
COMMAND = "python -m bench.capacity"

VCPU_HOUR = 0.04
"""Price of a vCPU-hour: an example, not an actual offer."""
BUSY = 0.6
"""Average load of a vCPU: the rest is for bursts, and for the time until a new replica is ready."""
FEWEST = 2
"""Least number of replicas for single rows: one may fail or be replaced."""
MONTH_HOURS = 730
NETWORK_BITS = 10e9
Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """A load to plan for.

    Attributes:
        words: its description.
        rows_per_second: on average.
        hours: hours per month that it lasts; MONTH_HOURS if it never stops.
        fewest: least number of replicas.
    """

    words: str
    rows_per_second: float
    hours: float = MONTH_HOURS
    fewest: int = FEWEST


LOADS = (
    Load("5,000 rows a minute", 5_000 / 60),
    Load("1,000 rows a second", 1_000),
    Load("100,000 rows a second", 100_000),
    Load("1,000,000,000 rows a night (8 h)", 1e9 / 8 / 3_600, 8 * 30, fewest=1),
)


def tables(results: Results, capacity: Results, price: float = VCPU_HOUR) -> str:
    """All tables, as Markdown.

    Args:
        results: content of bench/results.json.
        capacity: content of bench/capacity.json.
        price: price of a vCPU-hour.
    """
    return "\n\n".join([_loads(results, capacity, price), _limits(results, capacity), _check(capacity)])


def _loads(results: Results, capacity: Results, price: float) -> str:
    lines = [
        f"| load | sent as | vCPUs busy | replicas at {BUSY:.0%} | cost a month | network in, out, Mbit/s |",
        "|---|---|---|---|---|---|",
    ]
    for load in LOADS:
        for kind in ("singles", "batches"):
            busy = load.rows_per_second * results["cpu"][kind] / 1e6
            replicas = max(load.fewest, math.ceil(busy / BUSY))
            cost = replicas * load.hours * price
            network = ", ".join(f"{load.rows_per_second * size * 8 / 1e6:,.1f}" for size in _bytes(capacity)[kind])
            words = load.words if kind == "singles" else ""
            lines.append(f"| {words} | {kind} | {busy:.3g} | {replicas:,} | {cost:,.0f} | {network} |")
    return "\n".join(lines)


def _limits(results: Results, capacity: Results) -> str:
    lines = [
        "| | CPU µs a row | rows a second of a vCPU | bytes a row in, out | vCPUs that fill 10 Gbit/s |",
        "|---|---|---|---|---|",
    ]
    for kind, sizes in _bytes(capacity).items():
        taken = results["cpu"][kind]
        filled = NETWORK_BITS / (1e6 / taken * max(sizes) * 8)
        shown = f"{sizes[0]:,.0f}, {sizes[1]:,.0f}"
        lines.append(f"| {kind} | {taken:.1f} | {1e6 / taken:,.0f} | {shown} | {filled:.0f} |")
    return "\n".join(lines)


def _check(capacity: Results) -> str:
    heads = ["share of saturation", "calls a second", "p50, ms: simulated, measured", "p99, ms: simulated, measured"]
    heads += ["measured ÷ simulated", "p99, ms, of ideal Poisson arrivals", "sent late by, p99, ms"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for each in capacity["rates"]:
        p50, p99 = (
            tuple(median(run[key][name] for run in each["runs"]) * 1e3 for key in ("simulated", "measured"))
            for name in ("p50", "p99")
        )
        late = median(run["late"]["p99"] for run in each["runs"]) * 1e3
        lines.append(
            f"| {each['share']} | {each['rate']:,.0f} | {p50[0]:.2f}, {p50[1]:.2f} | {p99[0]:.2f}, {p99[1]:.2f} | "
            f"{p99[1] / p99[0]:.2f} | {each['ideal']['p99'] * 1e3:.2f} | {late:.2f} |"
        )
    return "\n".join(lines) + "\n\n" + _how(capacity)


def _how(capacity: Results) -> str:
    machine, libraries = capacity["machine"], capacity["machine"]["libraries"]
    taken, alone, overhead = (
        f"{capacity[name] * 1e6:.0f}" for name in ("cpu_seconds", "alone_cpu_seconds", "overhead_seconds")
    )
    runs = [run for each in capacity["rates"] for run in each["runs"]]
    return markdown.paragraph(
        f"{machine['processor']}, {machine['cpus']} CPUs, Python {machine['python']}, uvicorn {libraries['uvicorn']}, "
        f"uvloop {libraries['uvloop']}; medians of the {len(capacity['rates'][0]['runs'])} quietest of "
        f"{ROUNDS} runs. A call takes {taken} µs of CPU at saturation and "
        f"{alone} alone; client, kernel and waking up add {overhead} to its latency. Other processes took "
        f"{median(run['others'] for run in runs):.0%} of the machine's CPU time meanwhile."
    )


def _bytes(capacity: Results) -> dict[str, tuple[float, float]]:
    """Bytes per row, in and out."""
    single, batch = capacity["bytes"]
    return {
        kind: (figures["in"] / figures["rows"], figures["out"] / figures["rows"])
        for kind, figures in (("singles", single), ("batches", batch))
    }


def main() -> int:
    """Prints the tables for another price."""
    parser = argparse.ArgumentParser(prog=f"{COMMAND}.page", description="Replicas and cost for typical loads.")
    parser.add_argument("--price", type=float, default=VCPU_HOUR, help="of a vCPU-hour, in any currency; %(default)s")
    price = parser.parse_args().price
    print(tables(json.loads(RESULTS.read_text()), json.loads(CAPACITY.read_text()), price))
    return 0


if __name__ == "__main__":
    sys.exit(main())
