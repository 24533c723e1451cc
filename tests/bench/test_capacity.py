"""The queue against results of queueing theory in closed form, and the page against the committed figures."""

from __future__ import annotations

import json
import math
import socket
import sys
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.capacity import __main__ as capacity
from bench.capacity import measure, page, plot
from bench.capacity.measure import Worker
from bench.capacity.queue import Service, arrivals, shared
from bench.load.client import Answer
from bench.load.drive import Record
from bench.load.scenarios import Call
from bench.peers.running import Server as BenchServer
from bench.rows import Row
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
    with server.client() as client:
        answer = client.predict(stand_in.rows[0])
    head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items()) + len("HTTP/1.1 200 OK\r\n\r\n")
    assert single["out"] == pytest.approx(head + len(answer.body), abs=4), "as on a connection that stays open"
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


def asked(others: float, seconds: float, late: float = 0.0) -> measure.Asked:
    """A run of 100 calls, one each hundredth of a second, that all took the same time."""
    calls = [Record(Call([0]), place / 100, late, seconds, Answer(200, "", b"")) for place in range(100)]
    return measure.Asked(calls, 0.001, others)


def test_the_quietest_runs_count_whatever_their_results() -> None:
    runs = [asked(others, seconds) for others, seconds in ((0.5, 1), (0.1, 9), (0.3, 2), (0.2, 3), (0.4, 1), (0.6, 1))]
    assert [run.others for run in measure._quietest(runs)] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_latency_runs_from_when_a_call_was_sent() -> None:
    service = Service(np.array([0.0, 1.0]), np.array([0.002, 0.002]))
    found = measure._beside(asked(0.25, 0.009, late=0.005), service, 0.001, np.random.default_rng(0))
    assert found["measured"] == {"p50": pytest.approx(0.004), "p99": pytest.approx(0.004)}
    assert found["simulated"] == {"p50": pytest.approx(0.003), "p99": pytest.approx(0.003)}
    assert found["late"] == {"p50": 0.005, "p99": 0.005}
    assert (found["cpu_seconds"], found["others"]) == (0.001, 0.25)


@pytest.fixture
def written(docs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the commands write goes to another directory."""
    for name in ("CAPACITY", "PLOT"):
        monkeypatch.setattr(page, name, docs / getattr(page, name).name)
    return docs


@pytest.mark.usefixtures("unmeasured")
def test_a_worker_is_measured_and_the_page_written(
    written: Path, some_rows: list[Row], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"ROUNDS": 2, "KEPT": 1, "CALLS": 1_000, "SECONDS": 0.05, "SHARES": (0.3, 0.5), "SIMULATED": 2_000}
    for name, value in small.items():
        monkeypatch.setattr(measure, name, value)
    monkeypatch.setattr(capacity, "stand_in", lambda *_: (None, some_rows))
    monkeypatch.setattr(plot, "CALLS", 2_000)
    assert capacity.main() == 0
    found = json.loads((written / "capacity.json").read_text())
    assert found.keys() == CAPACITY.keys()
    assert [each["share"] for each in found["rates"]] == [0.3, 0.5]
    for each in found["rates"]:
        assert each["rate"] == pytest.approx(each["share"] / found["cpu_seconds"])
        assert [run.keys() for run in each["runs"]] == [CAPACITY["rates"][0]["runs"][0].keys()]
    quantiles = found["service"]["seconds"]
    assert quantiles == sorted(quantiles)
    assert found["service"]["probabilities"] == CAPACITY["service"]["probabilities"]
    assert plot.digest(found) in (written / "scaling.svg").read_text()
    tables = page.tables(RESULTS, found)
    assert tables in (written / "performance.md").read_text()
    assert tables in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (RuntimeError("3 of 3 calls were not answered with 200"), 2, "capacity: 3 of 3 calls were not answered with"),
        (KeyboardInterrupt(), 130, "capacity: interrupted, nothing was written"),
    ],
)
def test_what_cannot_be_measured_is_told(
    error: BaseException,
    code: int,
    told: str,
    written: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(capacity, "stand_in", fail)
    assert capacity.main() == code
    assert capsys.readouterr().err.startswith(told)
    assert not (written / "capacity.json").exists()


def test_the_tables_for_another_price(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["page", "--price", "1.5"])
    assert page.main() == 0
    assert capsys.readouterr().out == page.tables(RESULTS, CAPACITY, 1.5) + "\n"


def test_replicas_cost_and_network_by_hand() -> None:
    """1,000 rows a second at 600 µs a row are 0.6 vCPUs busy: one at 60 %, of which there are at least two."""
    results = {"cpu": {"singles": 600.0, "batches": 60.0}}
    sizes = [{"rows": 1, "in": 2_000, "out": 500}, {"rows": 100, "in": 100_000, "out": 40_000}]
    shown = page.tables(results, {**CAPACITY, "bytes": sizes}, 0.1).splitlines()
    for line in (
        "| 1,000 rows a second | singles | 0.6 | 2 | 146 | 16.0, 4.0 |",
        "|  | batches | 0.06 | 2 | 146 | 8.0, 3.2 |",
        "| 100,000 rows a second | singles | 60 | 100 | 7,300 | 1,600.0, 400.0 |",
        "| singles | 600.0 | 1,667 | 2,000, 500 | 375 |",
        "| batches | 60.0 | 16,667 | 1,000, 400 | 75 |",
    ):
        assert line in shown
