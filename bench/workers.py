"""Rows a second by number of worker processes and of connections, and how evenly the workers share them.

A new connection goes to a worker with the fewest, and stays there.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import contenders
from bench.markdown import head
from bench.measure import BATCH_ROWS, Bodies, start
from bench.peers.running import Server
from bench.timing import cpu_nanoseconds
from bench.wrk import drive

CONNECTIONS = {"singles": (8, 64, 256), "batches": (2, 4)}
BATCH_SECONDS = 4.0
"""How long batches are sent at least: all connections' batches progress at the same time."""
Result = dict[str, Any]


def measure(bodies: Bodies, rounds: int, seconds: float) -> Result:
    """Measures one and two workers in turns. Both servers run all the time.

    Returns:
        By number of workers, kind of load and number of connections, for each round: requests a second, the CPUs that
        the server was using, and the share of these that its busiest process took.

    Raises:
        LoadError: a request was not answered with 200.
    """
    files = {"singles": bodies.of(0), "batches": bodies.of(BATCH_ROWS)}
    both = {"1": contenders.SCORER, "2": contenders.TWO_WORKERS}
    samples: dict[str, dict[str, dict[str, list[dict[str, float]]]]] = {
        workers: {kind: {str(count): [] for count in CONNECTIONS[kind]} for kind in files} for workers in both
    }
    with ExitStack() as stack:
        servers = {workers: start(stack, contender) for workers, contender in both.items()}
        for server in servers.values():
            drive(server.port, files["singles"], CONNECTIONS["singles"][-1], seconds)
        for _ in range(rounds):
            for kind, body in files.items():
                for count in CONNECTIONS[kind]:
                    for workers, server in servers.items():
                        lasts = seconds if kind == "singles" else max(seconds, BATCH_SECONDS)
                        samples[workers][kind][str(count)].append(_taken(server, body, count, lasts))
    return {"rounds": rounds, "samples": samples}


def _taken(server: Server, body: Path, connections: int, seconds: float) -> dict[str, float]:
    processes = server.processes()
    before, began = [cpu_nanoseconds([pid]) for pid in processes], time.perf_counter()
    per_second = drive(server.port, body, connections, seconds).per_second
    wall = time.perf_counter() - began
    taken = [cpu_nanoseconds([pid]) - then for pid, then in zip(processes, before, strict=True)]
    return {
        "per_second": per_second,
        "cpus": sum(taken) / 1e9 / wall,
        "busiest": max(taken) / sum(taken),
    }


def table(results: Result) -> str:
    """The results as Markdown: medians of all rounds."""
    lines = head(
        "connections",
        "1 worker, a second",
        "2 workers, a second",
        "2 ÷ 1",
        "CPUs busy: 1, 2 workers",
        "share of the busier of 2 workers: median, most",
    )
    one, two = results["samples"].values()
    names = {"singles": "single rows", "batches": f"batches of {BATCH_ROWS:,} rows"}
    for kind, counts in one.items():
        for count in counts:
            pair = [figures[kind][count] for figures in (one, two)]
            rates = [median(each["per_second"] for each in rounds) for rounds in pair]
            shown = [f"{rate:,.0f}" if kind == "singles" else f"{rate:.1f}" for rate in rates]
            times = median(b["per_second"] / a["per_second"] for a, b in zip(*pair, strict=True))
            cpus = ", ".join(f"{median(each['cpus'] for each in rounds):.2f}" for rounds in pair)
            shares = [each["busiest"] for each in pair[1]]
            busier = f"{median(shares):.0%}, {max(shares):.0%}"
            lines.append(f"| {count}: {names[kind]} | {shown[0]} | {shown[1]} | {times:.2f} | {cpus} | {busier} |")
    return "\n".join(lines)
