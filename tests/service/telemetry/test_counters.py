"""What /metrics tells, held against what was sent: with one worker and with several."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from scorer import Scorer
from scorer.coefficients import CoefficientFile, TrainingRange
from scorer.service.telemetry import counters
from scorer.service.telemetry.counters import BUCKETS, Counters
from tests.support.models import with_ranges
from tests.support.prometheus import Samples, scrape
from tests.support.servers import WAIT_SECONDS, Server, running, wait_until
from tests.support.standin import StandIn
from tests.support.stores import Store


def test_everything_that_was_sent_is_counted(stand_in: StandIn, model: Scorer) -> None:
    singles, batch = stand_in.rows[:300], stand_in.rows[300:1_500]
    with running() as server, server.client() as client:
        for row in singles:
            client.predict(row)
        client.predict(batch)
        client.predict([{"x12": []}, {"x12": "no", "x5": 5}])
        client.predict(b"{")
        client.send("GET", "/secret-path")
        client.send("GET", "/livez")
        found = scrape(client)
    scores = model.score(stand_in.rows[:1_500])
    version = model.file.version
    assert found["rows_total", version] == 1_500
    assert found["outcomes_total", "1", version] == scores.outcome.sum()
    assert found["phat_count", version] == 1_500
    assert found["phat_sum", version] == pytest.approx(scores.phat.sum(), rel=1e-12)
    assert found["phat_bucket", "0.5", version] == np.count_nonzero(scores.phat <= 0.5)
    for name, count in scores.missing.items():
        assert found["input_missing_total", name] == count
    for name, count in scores.unknown_levels.items():
        assert found["input_unknown_level_total", name] == count
    batches = [found[key] for key in (("batch_rows_count",), ("batch_rows_sum",), ("batch_rows_bucket", "1.0"))]
    assert batches == [301, 1_500, 300]
    for stage in ("receive", "decode", "score", "encode"):
        assert found["stage_seconds_count", stage] == 301
        assert found["stage_seconds_sum", stage] > 0
    for (route, status), count in {
        ("/predict", "200"): 301,
        ("/predict", "422"): 1,
        ("/predict", "400"): 1,
        ("/livez", "200"): 1,
        ("other", "404"): 1,
    }.items():
        assert found["requests_total", route, status, version] == count
    assert [found["errors_total", code] for code in ("bad-rows", "malformed-body", "wrong_type")] == [1, 1, 2]
    assert (found["requests_in_flight",], found["workers",]) == (0, 1)
    assert found["model_info", model.file.model, model.file.sha256, version] == 1
    assert not any("secret" in part for key in found for part in key)


def test_far_numbers_and_unknown_levels(model: Scorer) -> None:
    declared = next(each for each in model.equation.inputs if each.name == "x91")
    far = declared.scaler_mean + 6.5 * declared.scaler_scale  # type: ignore[union-attr]
    with running() as server, server.client() as client:
        for cell in (far, -far, declared.scaler_mean, None):  # type: ignore[union-attr]
            client.predict({"x91": cell, "x31": "atlantis"})
        found = scrape(client)
    assert (found["input_out_of_range_total", "x91"], found["input_missing_total", "x91"]) == (2, 1)
    assert found["input_unknown_level_total", "x31"] == 4


def test_numbers_out_of_the_range_seen_in_training(model: Scorer, tmp_path: Path) -> None:
    """By the range where it is known, by 6 standard deviations where it is not; alone and in a batch."""
    file = with_ranges(model.file, {"x91": TrainingRange(0.1, 0.4), "x12": TrainingRange(-100.0, 1_000.0)})
    path = tmp_path / "format-2.json"
    path.write_bytes(file.to_bytes())
    unknown = next(each for each in file.inputs if each.name == "x44")
    mean, scale = unknown.scaler_mean, unknown.scaler_scale  # type: ignore[union-attr]
    cells: dict[str, list[Any]] = {
        "x91": [0.1, 0.4, None, float(np.nextafter(0.1, 0)), float(np.nextafter(0.4, 1))],
        "x12": ["($100.00)", "$1,000.00", "", "($100.01)", "$1,000.01"],
        "x44": [mean - 5.9 * scale, mean + 5.9 * scale, None, mean - 6.1 * scale, mean + 6.1 * scale],
    }
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    with running("--model", str(path)) as server, server.client() as client:
        for row in rows:
            client.predict(row)
        client.predict(rows * 10)
        found = scrape(client)
    assert [found["input_out_of_range_total", name] for name in (*cells, "x53")] == [22, 22, 22, 0]


def test_all_workers_together_and_those_that_have_ended(row: dict[str, Any], tmp_path: Path) -> None:
    environment = {"SCORER_METRICS_DIR": str(tmp_path)}
    with running("--workers", "2", environment=environment) as server:
        server.wait_for_reports(2, bool, "both workers")
        for _ in range(40):
            with server.client() as client:
                client.predict(row)

        def total() -> float:
            with server.client() as client:
                found = scrape(client)
            return found.get(("rows_total", "1.0.1"), 0) if found["workers",] == 2 else 0

        wait_until(lambda: total() == 40, "both workers' counts")
        time.sleep(1.5)  # a worker that is killed takes what it has counted in its last second with it
        pid = next(iter(server.reports(2)))
        os.kill(pid, signal.SIGKILL)
        server.wait_for_reports(2, lambda report: report["pid"] != pid, "another worker in its place")
        wait_until(lambda: total() == 40, "the counts of the one that has ended, and two that run")


@pytest.mark.parametrize("workers", [1, 2])
def test_each_server_counts_for_itself(workers: int, row: dict[str, Any], tmp_path: Path) -> None:
    """Whatever other servers have left, or write just now, in the same directory."""
    environment = {"SCORER_METRICS_DIR": str(tmp_path), "SCORER_WORKERS": str(workers)}

    def scraped(server: Server) -> Samples:
        with server.client() as client:
            return scrape(client)

    with running(environment=environment) as first:
        with first.client() as client:
            client.predict(row)
        with running(environment=environment) as second:
            second.wait_for_reports(workers, bool, "all workers")
            found = wait_until(lambda: (seen := scraped(second))["workers",] >= workers and seen, "all workers")
        wait_until(lambda: scraped(first).get(("rows_total", "1.0.1")) == 1, "the first server's own count")
    assert found["workers",] == workers
    assert ("rows_total", "1.0.1") not in found
    assert list(tmp_path.iterdir()) == []


def test_the_model_and_its_store(versions: list[CoefficientFile], tmp_path: Path) -> None:
    store = Store(tmp_path / "store", *versions)
    store.point("1.0.0")
    environment = {"SCORER_REFRESH_SECONDS": "0.02", "SCORER_SHADOW_VERSION": "1.2.0", "SCORER_SHADOW_SHARE": "1"}
    with running("--model", str(store.path), environment=environment) as server, server.client() as client:
        client.predict({"x5": "monday"})
        store.point("1.1.0")
        wait_until(lambda: scrape(client)["model_swaps_total",] == 1, "the swap")
        store.write("current.json", b"{")
        found = wait_until(lambda: (seen := scrape(client))["model_failing",] and seen, "the failure")
    file = versions[1]
    assert [key for key in found if key[0] == "model_info"] == [("model_info", file.model, file.sha256, "1.1.0")]
    assert found["model_failures_total",] >= 1
    assert found["model_loaded_timestamp_seconds",] > 1.7e9
    assert (found["shadow_rows_total", "1.2.0"], found["shadow_failures_total", "1.2.0"]) == (1, 0)
    assert found["shadow_difference_total", "1.2.0"] > 0.01


def test_the_sum_of_differences_is_a_sum(versions: list[CoefficientFile], stand_in: StandIn, tmp_path: Path) -> None:
    """A mean times the number of rows is now and then less than before by a last bit, which reads as a reset."""
    store = Store(tmp_path / "store", *versions)
    store.point("1.0.0")
    first, second = (store.scorers[version].score(stand_in.rows[:50]).phat for version in ("1.0.0", "1.1.0"))
    environment = {"SCORER_SHADOW_VERSION": "1.1.0", "SCORER_SHADOW_SHARE": "1"}
    with running("--model", str(store.path), environment=environment) as server, server.client() as client:
        seen: list[float] = []
        for row in stand_in.rows[:50]:
            client.predict(row)
            found = wait_until(lambda: (now := scrape(client))["shadow_rows_total", "1.1.0"] > len(seen) and now, "it")
            seen.append(found["shadow_difference_total", "1.1.0"])
    assert seen == np.cumsum(np.abs(first - second)).tolist()


def test_openmetrics_for_who_asks_for_it(row: dict[str, Any]) -> None:
    with running() as server, server.client() as client:
        client.predict(row)
        accept = "application/openmetrics-text; version=1.0.0"
        answer = client.send("GET", "/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = list(parse_openmetrics(answer.body.decode()))  # type: ignore[no-untyped-call]
    assert any(family.name == "scorer_rows" for family in families)


def test_off(row: dict[str, Any]) -> None:
    with running(environment={"SCORER_METRICS": "false"}) as server, server.client() as client:
        assert client.predict(row).status == 200
        assert client.send("GET", "/metrics").status == 404


def test_a_histogram_takes_its_bounds_as_upper_bounds(model: Scorer) -> None:
    counted = Counters()
    rows = [*map(int, BUCKETS["batch_rows"]), 200_000]
    for number in rows:
        counted.request("/predict", 200, "1.0.0", (model, (), number, (0.0, 0.0, 0.0, 0.0)))
    found = {tuple(key): (counts, total) for key, counts, total in counted.snapshot()["histograms"]}
    assert found["batch_rows",] == ([1] * 7, sum(rows))


def test_a_write_that_fails_is_logged_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(counters, "WRITE_SECONDS", 0.01)
    caplog.set_level(logging.INFO, "scorer.service")

    async def logged(messages: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while len(caplog.records) < messages:
                await asyncio.sleep(0.01)

    async def count() -> None:
        mine, other = Counters(str(tmp_path)), Counters(str(tmp_path))
        mine.request("/first", 200, "", None)
        (written,) = tmp_path.glob("*.json")
        blocked = written.with_suffix(".tmp")  # the file that is written before it is renamed
        blocked.mkdir()
        await logged(1)
        for _ in range(3):
            mine.write()
        mine.request("/second", 200, "", None)
        blocked.rmdir()
        await logged(2)
        _, shared = other.all_snapshots()
        assert shared["counters"] == [[["requests", "/first", "200", ""], 1], [["requests", "/second", "200", ""], 1]]

    asyncio.run(count())
    assert [record.getMessage() for record in caplog.records] == [
        "this worker's counts cannot be shared, trying again: is a directory",
        "this worker's counts are shared again",
    ]


def test_a_first_write_that_fails_does_not_fail_the_request() -> None:
    async def count() -> None:
        metrics = Counters("/proc")  # nobody may write there
        metrics.request("/livez", 200, "", None)
        assert metrics.snapshot()["counters"] == [[("requests", "/livez", "200", ""), 1]]

    asyncio.run(count())


def test_files_of_other_workers_that_cannot_be_read_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, text in {"empty": "", "cut": '{"pid": 1', "other": "[1]", "no-pid": "{}"}.items():
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "vanished.json").symlink_to("nothing")
    metrics = Counters(str(tmp_path))
    for _ in range(2):
        assert [snapshot["pid"] for snapshot in metrics.all_snapshots()] == [os.getpid()]
    assert len(caplog.records) == 5, "one for each file, once"
