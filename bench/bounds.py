"""Every measured figure that has a bound."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench import bodies, connections, files, formats, library
from bench.bound import Bound, of_times
from bench.peers.catalog import PEERS
from bench.timing import Samples

Results = dict[str, Any]


def bounds(results: Results) -> Iterator[Bound]:
    """Those of the sections that have been measured."""
    yield from _servers(results["servers"]["samples"])
    for name, section in (("bodies", bodies), ("formats", formats), ("library", library), ("files", files)):
        if name in results:
            yield from section.bounds(results[name])
    if "instructions" in results:
        counted = results["instructions"]["scorer"]
        yield Bound("instructions of a single row, floor included", counted, 270_000, 200_000, most=True)
    cold = results["cold_start"]["samples"]
    yield of_times("cold start ÷ the bare app's", cold["scorer"], cold["bare"], 1.3, 1.1, most=True)
    memory = results["memory"]
    yield Bound("idle memory ÷ the bare app's", memory["idle"] / memory["bare_idle"], 1.25, 1.1, most=True)
    above = (memory["peak"] - memory["idle"]) / memory["body_bytes"]
    yield Bound("peak memory above idle for the batch ÷ its body", above, 4, 2.5, most=True)
    if "growth" in results:
        rows = results["growth"]["samples"]
        yield of_times("time a row, 100,000 rows ÷ 1,000 rows", rows["100000"], rows["1000"], 1.3, 1.1, most=True)
    if "connections" in results:
        yield from connections.bounds(results["connections"])
    yield from _percentiles(results)
    for count, figures in results.get("kernel", {}).get("rows", {}).items():
        words = f"kernel, {int(count):,} rows: rows a second ÷ a scikit-learn pipeline's"
        yield of_times(words, figures["scikit-learn"], figures["scorer"], 10, 30, most=False)


def _servers(samples: dict[str, Samples]) -> Iterator[Bound]:
    own = samples["scorer"]
    for key, batch, single in (("a", (12.0, 20.0), (150.0, 250.0)), ("c", (2.2, 3.0), (3.5, 5.0))):
        if key in samples:
            name = next(peer.name for peer in PEERS if peer.key == key)
            words = f"10,000-row POST, speed-up over ({key}) {name}"
            yield of_times(words, batch_of(samples[key]), batch_of(own), *batch, most=False)
            words = f"single rows a second ÷ those of ({key})"
            yield of_times(words, single_of(samples[key]), single_of(own), *single, most=False)
    words = "single rows a second ÷ the floor's"
    yield of_times(words, single_of(samples["floor"]), single_of(own), 0.50, 0.65, most=False)


def batch_of(samples: Samples) -> Samples:
    """The times of a batch, in seconds."""
    return {"cpu": samples["batch_cpu"], "wall": samples["batch_seconds"]}


def single_of(samples: Samples) -> Samples:
    """The times of a single row, in seconds; on the wall that between two answers."""
    return {"cpu": samples["single_cpu"], "wall": [1 / rate for rate in samples["single_per_second"]]}


def _percentiles(results: Results) -> Iterator[Bound]:
    """What a client waits for is wall time by its nature. Medians of the ratios within a round."""
    if "swaps" in results:
        p99 = results["swaps"]["p99"]
        words = "p99, wall, of single rows while the model is swapped five times a second ÷ without"
        yield Bound(words, _of_rounds(p99["swapping"], p99["alone"]), 2, 1.2, most=True)
    if "slow" in results:
        p99, count = results["slow"]["p99"], results["slow"]["connections"]
        words = f"p99, wall, of single rows beside {count} idle and slow connections ÷ without"
        yield Bound(words, _of_rounds(p99["beside"], p99["alone"]), 2, 1.2, most=True)


def _of_rounds(above: list[float], below: list[float]) -> float:
    return median(a / b for a, b in zip(above, below, strict=True))
