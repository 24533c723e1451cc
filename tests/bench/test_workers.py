"""Rates by number of workers and of connections."""

from __future__ import annotations

import pytest

from bench import workers
from bench.measure import Bodies
from tests.support.skips import needs


@needs("wrk")
@pytest.mark.usefixtures("wrk")
def test_one_and_two_workers_are_measured(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "BATCH_ROWS", 100)
    results = workers.measure(bodies, 1, 1)
    for count, kinds in results["samples"].items():
        for kind, connections in workers.CONNECTIONS.items():
            assert list(kinds[kind]) == [str(number) for number in connections]
            for (figures,) in kinds[kind].values():
                assert figures["per_second"] > 0
                assert figures["cpus"] > 0
                assert 1 / (int(count) + 1) <= figures["busiest"] <= 1


def test_the_table_has_medians_and_the_most_uneven_share() -> None:
    def rounds(*figures: tuple[float, float, float]) -> list[dict[str, float]]:
        return [dict(zip(("per_second", "cpus", "busiest"), each, strict=True)) for each in figures]

    one = {
        "singles": {"8": rounds((1_000, 0.9, 1), (2_000, 1, 1), (4_000, 1, 1))},
        "batches": {"2": rounds((10, 1, 1))},
    }
    two = {
        "singles": {"8": rounds((3_000, 1.5, 0.9), (2_000, 1, 0.6), (4_000, 1.2, 0.5))},
        "batches": {"2": rounds((15, 1.8, 0.5))},
    }
    lines = workers.table({"rounds": 3, "samples": {"1": one, "2": two}}).splitlines()
    assert lines[2] == "| 8: single rows | 2,000 | 3,000 | 1.00 | 1.00, 1.20 | 60%, 90% |"
    assert lines[3] == "| 2: batches of 10,000 rows | 10.0 | 15.0 | 1.50 | 1.00, 1.80 | 50%, 50% |"
