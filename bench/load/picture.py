"""A run as a picture: the time of every call over the run, by quantile, and by number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from bench.load.drive import Run

WINDOWS = 50
"""Parts of a run; the median and the 99th percentile are drawn for each."""
FEWEST = 20
"""Calls that a window needs for its 99th percentile to be drawn."""
ROOM = 2
"""Factor left free below and above the times, so that small differences look small."""
_TAIL = (0, 50, 90, 99, 99.9, 99.99)
BLUE, DARK, RED = "#4c78a8", "#1b3a5c", "#d62728"


def draw(run: Run, title: str, path: Path) -> None:
    """Writes the picture of a run as PNG.

    Args:
        run: a run of at least one call.
        title: the title above the picture.
        path: the file.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    over_time, beside = figure.subplots(1, 2, width_ratios=(2.2, 1), sharey=True)
    figure.suptitle(title, fontsize=11)
    begins = np.array([record.begin for record in run.records])
    times = np.array([record.seconds for record in run.records]) * 1e3
    good = np.array([not record.error for record in run.records])
    rows = np.array([len(record.call.rows) for record in run.records])
    _over_time(over_time, begins, times, good)
    if len(set(rows.tolist())) > 1:
        _by_rows(beside, rows[good], times[good])
    else:
        _by_quantile(beside, times[good])
    figure.savefig(path, dpi=110)


def _over_time(axes: Axes, begins: NDArray[np.float64], times: NDArray[np.float64], good: NDArray[np.bool_]) -> None:
    few = len(times) < WINDOWS * FEWEST
    axes.scatter(begins[good], times[good], s=24 if few else 3, color=BLUE, alpha=0.8 if few else 0.25, linewidths=0)
    if not good.all():
        axes.scatter(begins[~good], times[~good], s=24, marker="x", color=RED, label="no or wrong answer")
    if not few and good.any():
        edges = np.linspace(0, begins.max(), WINDOWS + 1)
        window = np.clip(np.digitize(begins, edges) - 1, 0, WINDOWS - 1)
        middle = (edges[:-1] + edges[1:]) / 2
        for quantile, style in ((50, "-"), (99, "--")):
            groups = [times[good & (window == number)] for number in range(WINDOWS)]
            line = [np.percentile(group, quantile) if len(group) >= FEWEST else np.nan for group in groups]
            axes.plot(middle, line, style, color=DARK, linewidth=1.5, label=f"p{quantile} of 1/{WINDOWS} of the run")
    axes.set_yscale("log")
    axes.set_ylim(times.min() / ROOM, times.max() * ROOM)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="start of the call, s after the run's", ylabel="latency, ms")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=8)


def _by_quantile(axes: Axes, times: NDArray[np.float64]) -> None:
    """The times by quantile, with equal room for each nine (90 %, 99 %, 99.9 %)."""
    if len(times):
        ordered = np.sort(times)
        above = 1 - (np.arange(len(ordered)) + 0.5) / len(ordered)
        axes.plot(1 / above, ordered, "." if len(times) < FEWEST else "-", color=BLUE, linewidth=2)
        axes.set_xscale("log")
        ticks = [share for share in _TAIL if 1 - share / 100 >= above[-1] / 2]
        axes.set_xticks([1 / (1 - share / 100) for share in ticks], [f"{share:g}" for share in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="% of the calls that took no longer")
    axes.grid(alpha=0.25)


def _by_rows(axes: Axes, rows: NDArray[np.int64], times: NDArray[np.float64]) -> None:
    axes.scatter(rows, times, s=18, color=BLUE, alpha=0.6, linewidths=0)
    axes.set(xlabel="rows of the call")
    axes.grid(alpha=0.25)
