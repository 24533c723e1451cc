"""Service times of one worker, and its latencies at fixed rates of calls."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import uvloop

from bench.capacity.queue import Seconds, Service, arrivals, shared
from bench.load.client import Target
from bench.load.drive import Driver, Record, poisson
from bench.load.scenarios import Bodies, Call
from bench.peers.catalog import HOST
from bench.peers.running import Server
from bench.rows import Row
from bench.wrk import cpu_seconds

SHARES = (0.3, 0.5, 0.7, 0.8, 0.9)
"""Rates, as shares of the rate at saturation."""
ROUNDS = 15
KEPT = 5
"""Rounds that count: those in which other processes took the least CPU time, whatever their results."""
SECONDS = 1.0
CALLS = 5_000
CONNECTIONS = 64
PROBABILITIES = (*np.linspace(0, 0.99, 100).tolist(), 0.995, 0.998, 0.999, 0.9995, 0.9999)
SIMULATED = 400_000
LIMIT = 60.0
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A run and its CPU time.

    Attributes:
        records: the calls, all answered with 200.
        cpu_seconds: CPU time of the server per call.
        others: share of the machine's CPU time that other processes took during the run.
    """

    records: list[Record]
    cpu_seconds: float
    others: float


class Worker:
    """A server with one worker, and the rows to send."""

    def __init__(self, server: Server, rows: list[Row]) -> None:
        self._server = server
        self._bodies = Bodies(rows)
        self._target = Target(f"http://{HOST}:{server.port}")

    def ask(self, count: int, connections: int, rate: float | None = None, seed: int = 0) -> Asked:
        """Sends ``count`` single rows, at ``rate`` calls per second or, if None, as fast as they are answered.

        Raises:
            RuntimeError: a call was not answered with 200: latencies would be meaningless.
        """
        calls = [Call([index % len(self._bodies)], alone=True) for index in range(count)]
        driver = Driver(self._target, self._bodies, calls, poisson(rate, seed) if rate else None)
        before = self._cpu_times()
        run = uvloop.run(driver.drive(connections, LIMIT))
        server, client, busy, total = (now - then for now, then in zip(self._cpu_times(), before, strict=True))
        good = [record for record in run.records if record.answer and record.answer.status == 200]
        if len(good) != count:
            raise RuntimeError(f"{count - len(good)} of {count} calls were not answered with 200")
        return Asked(run.records, server / count, max(0.0, busy - server - client) / total)

    def _cpu_times(self) -> tuple[float, float, float, float]:
        """CPU-seconds so far: of the server, of this process, of the whole machine, and busy and idle together."""
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        whole = sum(ticks) / os.sysconf("SC_CLK_TCK")
        idle = (ticks[3] + ticks[4]) / os.sysconf("SC_CLK_TCK")
        return cpu_seconds(self._server.processes()), cpu_seconds([os.getpid()]), whole - idle, whole

    def bytes_of(self, rows: int) -> Result:
        """Bytes of a request and its answer, with heads; if ``rows`` is 1, of one row as an object."""
        call = Call([index % len(self._bodies) for index in range(rows)], alone=rows == 1)
        request = self._target.request("POST", "/predict", self._bodies.of(call))
        answer = b""
        with socket.create_connection((HOST, self._server.port)) as connection:
            connection.sendall(request)
            while b"\r\n\r\n" not in answer or len(answer) < _length(answer):
                if not (part := connection.recv(1 << 20)):
                    raise RuntimeError(f"the answer to {rows} rows ended early")
                answer += part
        return {"rows": rows, "in": len(request), "out": len(answer)}


def _length(answer: bytes) -> int:
    """Bytes of a whole answer, of which the head is there."""
    head, _, _ = answer.partition(b"\r\n\r\n")
    [length] = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(head) + 4 + int(length)


def measure(server: Server, rows: list[Row], say: Callable[[str], None]) -> Result:
    """Measures service times, and latencies at all rates.

    A call keeps the worker busy for its CPU time at saturation: it has one thread that waits for nothing else. How much
    that varies from call to call is taken from the latencies of calls sent one by one. The rest of those latencies (the
    client, the kernel and waking up) is added to each call unchanged.
    """
    worker = Worker(server, rows)
    worker.ask(CALLS, 8)
    say("Service times")
    alone = _quietest([worker.ask(CALLS, 1) for _ in range(ROUNDS)])
    full = _quietest([worker.ask(CALLS, 32) for _ in range(ROUNDS)])
    cpu = mean(asked.cpu_seconds for asked in full)
    latencies = np.array([record.seconds for asked in alone for record in asked.records])
    overhead = max(0.0, float(latencies.mean()) - cpu)
    services = np.maximum(latencies - overhead, cpu / 10)
    quantiles = np.quantile(services * (cpu / services.mean()), PROBABILITIES)
    service = Service(np.array(PROBABILITIES), quantiles)
    rounds: list[list[Asked]] = []
    for number in range(ROUNDS):
        say(f"Rates, round {number + 1} of {ROUNDS}")
        asked = [worker.ask(int(share / cpu * SECONDS), CONNECTIONS, share / cpu, number) for share in SHARES]
        rounds.append(asked)
    return {
        "cpu_seconds": cpu,
        "alone_cpu_seconds": mean(asked.cpu_seconds for asked in alone),
        "overhead_seconds": overhead,
        "service": {"probabilities": PROBABILITIES, "seconds": quantiles.tolist()},
        "rates": [
            _at(share, share / cpu, _quietest(list(runs)), service, overhead)
            for share, runs in zip(SHARES, zip(*rounds, strict=True), strict=True)
        ],
        "bytes": [worker.bytes_of(1), worker.bytes_of(10_000)],
    }


def _quietest(runs: list[Asked]) -> list[Asked]:
    return sorted(runs, key=lambda asked: asked.others)[:KEPT]


def _at(share: float, rate: float, runs: list[Asked], service: Service, overhead: float) -> Result:
    """Runs at a rate, each with a simulation of its own arrivals, and a simulation of ideal arrivals."""
    random = np.random.default_rng(0)
    ideal = shared(arrivals(rate, SIMULATED, random), service.draw(SIMULATED, random), 1)
    return {
        "share": share,
        "rate": rate,
        "ideal": _percentiles(ideal + overhead),
        "runs": [_beside(asked, service, overhead, random) for asked in runs],
    }


def _beside(asked: Asked, service: Service, overhead: float, random: np.random.Generator) -> Result:
    late = np.array([record.late for record in asked.records])
    sent = np.array([record.begin for record in asked.records]) + late
    taken = np.array([record.seconds for record in asked.records]) - late
    simulated = shared(np.sort(sent), service.draw(len(sent), random), 1)
    return {
        "measured": _percentiles(taken),
        "simulated": _percentiles(simulated + overhead),
        "late": _percentiles(late),
        "cpu_seconds": asked.cpu_seconds,
        "others": asked.others,
    }


def _percentiles(times: Seconds) -> Result:
    return {"p50": float(np.percentile(times, 50)), "p99": float(np.percentile(times, 99))}
