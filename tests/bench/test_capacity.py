"""The queue against results of queueing theory in closed form, and the page against the committed figures."""

from __future__ import annotations

import json
import math
import socket
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.capacity import page, plot
from bench.capacity.measure import Worker
from bench.capacity.queue import Service, arrivals, shared
from bench.peers.running import Server as BenchServer
from tests.support.servers import Server

pytestmark = pytest.mark.long

CALLS = 400_000


def erlang_c(workers: int, offered: float) -> float:
    """Probability that a call waits in M/M/k (Erlang 1917), by way of Erlang B's recursion.

    Args:
        workers: k.
        offered: arrivals a second times mean service, below k.
    """
    blocked = 1.0
    for k in range(1, workers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    load = offered / workers
    return blocked / (1 - load * (1 - blocked))


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (1, 0.8), (3, 0.7), (8, 0.85)])
def test_exponential_service_is_m_m_k(workers: int, load: float) -> None:
    random = np.random.default_rng(1)
    service = 0.002
    services = random.exponential(service, CALLS)
    waits = shared(arrivals(load * workers / service, CALLS, random), services, workers) - services
    waiting = erlang_c(workers, load * workers)
    drain = workers * (1 - load) / service  # waits that are not 0 are exponential with this rate
    assert (waits > 1e-9).mean() == pytest.approx(waiting, rel=0.03)
    assert waits.mean() == pytest.approx(waiting / drain, rel=0.06)
    assert np.percentile(waits, 99) == pytest.approx(math.log(100 * waiting) / drain, rel=0.08)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["constant", "measured"])
def test_any_service_is_pollaczek_khinchine_on_average(load: float, kind: str) -> None:
    random = np.random.default_rng(2)
    measured = Service(np.array([0, 0.5, 0.99, 1]), np.array([1e-3, 2e-3, 4e-3, 40e-3])).draw(CALLS, random)
    services = np.full(CALLS, 0.002) if kind == "constant" else measured
    rate = load / services.mean()
    waits = shared(arrivals(rate, CALLS, random), services, 1) - services
    expected = rate * (services**2).mean() / (2 * (1 - load))
    assert waits.mean() == pytest.approx(expected, rel=0.1)


def test_a_queue_by_hand() -> None:
    begins, services = np.array([0.0, 1.0, 1.5, 9.0]), np.array([3.0, 1.0, 1.0, 2.0])
    assert shared(begins, services, 1).tolist() == [3.0, 3.0, 3.5, 2.0]
    assert shared(begins, services, 2).tolist() == [3.0, 1.0, 1.5, 2.0]


def test_service_times_are_those_of_the_quantiles() -> None:
    shares, quantiles = np.array([0.0, 0.5, 0.9]), np.array([1.0, 2.0, 10.0])
    drawn = Service(shares, quantiles).draw(CALLS, np.random.default_rng(3))
    assert drawn.min() == pytest.approx(1, abs=1e-3)
    assert drawn.max() == pytest.approx(10, abs=1e-3)
    assert (drawn < 2).mean() == pytest.approx(0.5 / 0.9, abs=0.005)


def test_a_worker_is_asked_and_its_bytes_are_counted(server: Server, stand_in: Any) -> None:
    worker = Worker(BenchServer(server.port, server.process.pid), stand_in.rows[:50])
    asked = worker.ask(200, 4, rate=2_000)
    assert len(asked.records) == 200
    assert asked.cpu_seconds >= 0
    assert 0 <= asked.others <= 1
    single, batch = worker.bytes_of(1), worker.bytes_of(50)
    assert len(json.dumps(stand_in.rows[0])) * 0.8 < single["in"] < 4_000
    assert 25 * single["in"] < batch["in"] < 50 * single["in"]
    assert 15 * single["out"] < batch["out"] < 50 * single["out"]


def test_a_server_that_does_not_answer_gives_no_figures(stand_in: Any, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(10):
                connection, _ = listener.accept()
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        worker = Worker(BenchServer(listener.getsockname()[1], server.process.pid), stand_in.rows[:1])
        with pytest.raises(RuntimeError, match="3 of 3 calls were not answered with 200"):
            worker.ask(3, 1)


RESULTS, CAPACITY = (json.loads(path.read_text()) for path in (page.RESULTS, page.CAPACITY))


def test_the_page_shows_the_committed_results() -> None:
    assert page.tables(RESULTS, CAPACITY) in page.PAGE.read_text()


def test_cost_follows_the_price() -> None:
    rows = [
        [line.split(" | ")[4] for line in page.tables(RESULTS, CAPACITY, price).splitlines() if "| singles |" in line]
        for price in (1.0, 2.0)
    ]
    costs = [[float(cell.replace(",", "")) for cell in row if cell.replace(",", "").isdigit()] for row in rows]
    assert costs[0]
    assert costs[1] == [2 * cost for cost in costs[0]]


def test_the_plot_is_that_of_the_committed_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "CALLS", 10_000)  # rougher curves of the same results
    plot.draw(CAPACITY, tmp_path / "scaling.svg")
    for path in (tmp_path / "scaling.svg", page.PLOT):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
        assert plot.digest(CAPACITY) in path.read_text()
        assert 10_000 < path.stat().st_size < 150_000
    assert "](scaling.svg)" in page.PAGE.read_text()


def test_more_load_waits_longer_and_more_replicas_shorter() -> None:
    assert plot.p99(CAPACITY, 0.9, 1) > plot.p99(CAPACITY, 0.5, 1) > plot.p99(CAPACITY, 0.5, 4)
