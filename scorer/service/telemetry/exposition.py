"""Snapshots of all workers → the text that Prometheus scrapes, written by prometheus_client."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from math import fsum
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from scorer.service.telemetry.counters import BUCKETS, Key, Snapshot

PREFIX = "scorer_"
EARLIEST = "model_loaded_timestamp_seconds"
"""The one gauge that is not added up."""


class MetricSpec(NamedTuple):
    """One metric.

    Attributes:
        kind: counter, gauge or histogram.
        help: in words.
        labels: their names.
    """

    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = {
    "requests": MetricSpec("counter", "Requests answered.", ("route", "status", "version")),
    "errors": MetricSpec("counter", "Problems by code: of requests, and of rows.", ("code",)),
    "rows": MetricSpec("counter", "Rows scored.", ("version",)),
    "outcomes": MetricSpec("counter", "Rows by their outcome.", ("version", "outcome")),
    "input_missing": MetricSpec("counter", "Cells of an input that were missing.", ("input",)),
    "input_unknown_level": MetricSpec("counter", "Cells with a level that the model does not know.", ("input",)),
    "input_out_of_range": MetricSpec("counter", "Numbers out of the range seen in training.", ("input",)),
    "phat": MetricSpec("histogram", "Probabilities.", ("version",)),
    "batch_rows": MetricSpec("histogram", "Rows of a request."),
    "stage_seconds": MetricSpec("histogram", "Time of a request's stages: receive, decode, score, encode.", ("stage",)),
    "requests_in_flight": MetricSpec("gauge", "POST /predict being answered."),
    "workers": MetricSpec("gauge", "Worker processes that run."),
    "model_info": MetricSpec("gauge", "Workers that serve this model.", ("name", "version", "sha256")),
    "model_loaded_timestamp_seconds": MetricSpec(
        "gauge", "When the model was loaded, in the worker that did so first."
    ),
    "model_swaps": MetricSpec("counter", "Models that took the place of another."),
    "model_failures": MetricSpec("counter", "Looks at the store that went wrong."),
    "model_failing": MetricSpec("gauge", "Workers whose last look at the store went wrong."),
    "shadow_rows": MetricSpec("counter", "Rows that the shadow version scored too.", ("version",)),
    "shadow_failures": MetricSpec("counter", "Requests that the shadow version could not score.", ("version",)),
    "shadow_flipped": MetricSpec("counter", "Rows with another outcome by the shadow version.", ("version",)),
    "shadow_difference": MetricSpec("counter", "Sum of |Δphat| of the shadow version.", ("version",)),
}
"""By name without prefix: what is exposed."""


def expose(snapshots: Iterable[Snapshot], accept: str) -> tuple[bytes, str]:
    """The text and its content type.

    Args:
        snapshots: of all workers.
        accept: the scraper's Accept header, which says whether it reads OpenMetrics.
    """
    registry = CollectorRegistry()
    registry.register(_SummedSnapshots(list(snapshots)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _SummedSnapshots:
    """All snapshots, added up."""

    def __init__(self, snapshots: list[Snapshot]) -> None:
        values: defaultdict[Key, list[float]] = defaultdict(list)
        histograms: defaultdict[Key, list[tuple[list[int], float]]] = defaultdict(list)
        for snapshot in snapshots:
            for key, value in [*snapshot["counters"], *snapshot["gauges"]]:
                if METRICS[key[0]].kind == "gauge" and not snapshot["alive"]:
                    continue  # what a worker that has ended has counted stays counted, and that is all
                values[tuple(key)].append(value)
            for key, counts, total in snapshot["histograms"]:
                histograms[tuple(key)].append((counts, total))
        # fsum rounds once, so a sum does not depend on the order: a counter that falls by a last bit reads as a reset.
        self._values = {key: min(seen) if key[0] == EARLIEST else fsum(seen) for key, seen in values.items()}
        self._histograms = {
            key: (
                [sum(counts) for counts in zip(*(counts for counts, _ in seen), strict=True)],
                fsum(t for _, t in seen),
            )
            for key, seen in histograms.items()
        }

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client's collectors."""
        kinds: dict[str, Any] = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
        values = defaultdict(list)
        for (name, *labels), value in self._values.items():
            values[name].append((labels, value))
        for name, described in METRICS.items():
            if described.kind == "histogram":
                yield self._histogram(name, described)
                continue
            family = kinds[described.kind](PREFIX + name, described.help, labels=described.labels)
            for labels, value in sorted(values[name]):
                family.add_metric(labels, value)
            yield family

    def _histogram(self, name: str, described: MetricSpec) -> Metric:
        family = HistogramMetricFamily(PREFIX + name, described.help, labels=described.labels)
        bounds = [*map(str, BUCKETS[name]), "+Inf"]
        for (found, *labels), (counts, total) in sorted(self._histograms.items()):
            if found == name:
                family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
        return family
