"""A plot of simulated p99 by load and replicas, with the measured p99 of one worker."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench.capacity.queue import Service, arrivals, shared

LOADS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95)
REPLICAS = (1, 4, 16)
CALLS = 200_000
COLOURS = {1: "#1b3a5c", 4: "#4c78a8", 16: "#9ecae9"}
Results = dict[str, Any]


def service_of(results: Results) -> Service:
    """The measured distribution of service times."""
    measured = results["service"]
    return Service(np.array(measured["probabilities"]), np.array(measured["seconds"]))


def p99(results: Results, load: float, replicas: int) -> float:
    """Simulated p99 in seconds.

    Args:
        results: content of bench/capacity.json.
        load: share of the capacity of all replicas.
        replicas: number of replicas, with one worker each and one queue for all.
    """
    random = np.random.default_rng(0)
    begins = arrivals(load * replicas / results["cpu_seconds"], CALLS, random)
    times = shared(begins, service_of(results).draw(CALLS, random), replicas)
    return float(np.percentile(times, 99)) + float(results["overhead_seconds"])


def draw(results: Results, path: Path) -> None:
    """Writes the plot as SVG, with the digest of the results in it."""
    with rc_context({"svg.hashsalt": "scaling", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _check(left, results)
        _replicas(right, results)
        left.set_ylim(top=left.get_ylim()[1] * 5)  # room for the legends
        figure.savefig(path, metadata={"Date": None, "Description": digest(results)})


def digest(results: Results) -> str:
    """SHA-256 of results, which shows whether a plot was drawn from them."""
    return hashlib.sha256(json.dumps(results).encode()).hexdigest()


def _check(axes: Axes, results: Results) -> None:
    axes.plot(LOADS, _curve(results, 1), color=COLOURS[1], label="simulated, Poisson arrivals")
    shares = np.array([each["share"] for each in results["rates"]])
    for key, marker, colour, aside, label in (
        ("simulated", "D", COLOURS[4], -0.012, "simulated, the arrivals of the measured runs"),
        ("measured", "o", "#d62728", 0.012, f"measured: median and range of {len(results['rates'][0]['runs'])} runs"),
    ):
        values = np.array([[run[key]["p99"] * 1e3 for run in each["runs"]] for each in results["rates"]])
        middle = np.median(values, axis=1)
        spread = np.array([middle - values.min(axis=1), values.max(axis=1) - middle])
        axes.errorbar(shares + aside, middle, spread, fmt=marker, color=colour, label=label, markersize=4, linewidth=1)
    axes.set(title="one worker", ylabel="p99 of single rows, ms")
    _finish(axes)


def _replicas(axes: Axes, results: Results) -> None:
    for replicas in REPLICAS:
        words = (
            f"{replicas} replicas, one queue for all" if replicas > 1 else "1 replica, or any number with a queue each"
        )
        axes.plot(LOADS, _curve(results, replicas), color=COLOURS[replicas], label=words)
    axes.set(title="replicas with one worker each, simulated")
    _finish(axes)


def _curve(results: Results, replicas: int) -> list[float]:
    return [p99(results, load, replicas) * 1e3 for load in LOADS]


def _finish(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="load, share of saturation")
    axes.set_xlim(0, 1)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", fontsize=8)
