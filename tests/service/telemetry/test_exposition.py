"""Snapshots of several workers, added up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scorer.service.telemetry.counters import BUCKETS
from scorer.service.telemetry.exposition import expose


def snapshot(total: float) -> dict[str, Any]:
    """Of a worker whose sums are this."""
    return {
        "alive": True,
        "counters": [],
        "gauges": [[["shadow_difference", "1.1.0"], total]],
        "histograms": [[["phat", "1.0.0"], [0] * (len(BUCKETS["phat"]) + 1), total]],
    }


@given(
    st.lists(st.floats(0, 1e12), min_size=2, max_size=8).flatmap(
        lambda sums: st.tuples(st.just(sums), st.permutations(sums))
    )
)
def test_the_order_of_workers_changes_no_sum(orders: tuple[list[float], list[float]]) -> None:
    """Each worker begins with itself, and a sum that is lower by a last bit at the next scrape reads as a reset."""
    first, second = (expose(map(snapshot, sums), "")[0] for sums in orders)
    assert first == second
