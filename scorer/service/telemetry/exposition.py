"""Writes the snapshots of all workers as the text that Prometheus scrapes, with prometheus_client."""

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
"""The one gauge of which the smallest value is exposed, not the sum."""


class MetricSpec(NamedTuple):
    """Describes a metric.

    Attributes:
        kind: counter, gauge or histogram.
        help: the text of its HELP line.
        labels: the names of its labels.
    """

    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = {
    "requests": MetricSpec("counter", "Requests answered.", ("route", "status", "version")),
    "errors": MetricSpec("counter", "Refused requests and rows, by the code of the problem.", ("code",)),
    "rows": MetricSpec("counter", "Rows scored.", ("version",)),
    "outcomes": MetricSpec("counter", "Rows by their outcome.", ("version", "outcome")),
    "input_missing": MetricSpec("counter", "Cells of an input that were missing.", ("input",)),
    "input_unknown_level": MetricSpec(
        "counter", "Cells of an input with a level that the model does not know.", ("input",)
    ),
    "input_out_of_range": MetricSpec("counter", "Cells of an input out of its range in training.", ("input",)),
    "phat": MetricSpec("histogram", "Predicted probabilities.", ("version",)),
    "batch_rows": MetricSpec("histogram", "Rows per request."),
    "stage_seconds": MetricSpec(
        "histogram", "Seconds per request in a stage: receive, decode, score, encode.", ("stage",)
    ),
    "requests_in_flight": MetricSpec("gauge", "POST /predict requests being answered."),
    "workers": MetricSpec("gauge", "Worker processes that are running."),
    "model_info": MetricSpec("gauge", "Workers that serve this model.", ("name", "version", "sha256")),
    "model_loaded_timestamp_seconds": MetricSpec("gauge", "When the first of the workers loaded the model."),
    "model_swaps": MetricSpec("counter", "Replacements of the served model by another."),
    "model_failures": MetricSpec("counter", "Polls of the store that failed."),
    "model_failing": MetricSpec("gauge", "Workers whose last poll of the store failed."),
    "shadow_rows": MetricSpec("counter", "Rows that the shadow version has scored.", ("version",)),
    "shadow_failures": MetricSpec("counter", "Requests that the shadow version could not score.", ("version",)),
    "shadow_flipped": MetricSpec("counter", "Rows to which the shadow version gave another outcome.", ("version",)),
    "shadow_difference": MetricSpec(
        "counter", "Sum of |Δphat| between the served version and the shadow version.", ("version",)
    ),
}
"""Every metric, by its name without the prefix."""


def expose(snapshots: Iterable[Snapshot], accept: str) -> tuple[bytes, str]:
    """The metrics as text, and its content type.

    Args:
        snapshots: the snapshots of all workers.
        accept: the scraper's Accept header, which chooses between OpenMetrics and Prometheus text.
    """
    registry = CollectorRegistry()
    registry.register(_SummedSnapshots(list(snapshots)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _SummedSnapshots:
    """A collector of prometheus_client: the sums over all snapshots."""

    def __init__(self, snapshots: list[Snapshot]) -> None:
        values: defaultdict[Key, list[float]] = defaultdict(list)
        histograms: defaultdict[Key, list[tuple[list[int], float]]] = defaultdict(list)
        for snapshot in snapshots:
            for key, value in [*snapshot["counters"], *snapshot["gauges"]]:
                if METRICS[key[0]].kind == "gauge" and not snapshot["alive"]:
                    continue  # of a worker that has ended only the counts stay
                values[tuple(key)].append(value)
            for key, counts, total in snapshot["histograms"]:
                histograms[tuple(key)].append((counts, total))
        # fsum rounds once, so the order of workers changes no sum: a counter that falls by a last bit reads as a reset.
        self._values = {key: min(seen) if key[0] == EARLIEST else fsum(seen) for key, seen in values.items()}
        self._histograms = {
            key: (
                [sum(counts) for counts in zip(*(counts for counts, _ in seen), strict=True)],
                fsum(t for _, t in seen),
            )
            for key, seen in histograms.items()
        }

    def collect(self) -> Iterator[Metric]:
        """The metrics, in the order of METRICS."""
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
        for (metric, *labels), (counts, total) in sorted(self._histograms.items()):
            if metric == name:
                family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
        return family
