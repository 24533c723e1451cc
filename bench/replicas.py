"""Rows a second by number of servers behind the proxy, each held to a share of a CPU.

With a CPU for each server the client would run short of CPUs before the servers do. So each gets a fifth of one, and
the table tells how much of the machine was busy: where all of it was, the servers were not what limited the rate.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import contenders
from bench.machine import cpu_times
from bench.markdown import head, paragraph
from bench.measure import Bodies, start
from bench.peers.running import Server
from bench.proxy import find, proxy
from bench.quota import PERIOD_MICROSECONDS, QuotaError, held_to
from bench.timing import cpu_nanoseconds
from bench.wrk import drive

COUNTS = (1, 2, 4, 8)
SHARE = 0.2
BATCH_ROWS = 1_000
SINGLE_CONNECTIONS, BATCH_CONNECTIONS = 64, 16
"""Enough that a server which waits for its next period does not hold all of them."""
Load = tuple[Path, int, int]
"""The file of a body, the number of connections, and the rows of a body."""

Result = dict[str, Any]


def measure(bodies: Bodies, rounds: int, seconds: float, say: Callable[[str], None]) -> Result:
    """Measures all numbers of servers, in turns.

    Returns:
        By kind of load and number of servers, for each round: rows a second, and the CPUs that the servers and the
        whole machine were using. Or under ``why_not`` why nothing could be measured.

    Raises:
        LoadError: a request was not answered with 200.
        PeerError: a server or the proxy did not start.
    """
    program = find()
    if program is None:
        return {"why_not": "nginx is not installed"}
    loads = {
        "singles": (bodies.of(0), SINGLE_CONNECTIONS, 1),
        "batches": (bodies.of(BATCH_ROWS), BATCH_CONNECTIONS, BATCH_ROWS),
    }
    try:
        with ExitStack() as stack:
            servers = [start(stack, contenders.SCORER) for _ in range(max(COUNTS))]
            for server in servers:
                stack.enter_context(held_to(SHARE, server.processes()))
            samples = _rounds(program, servers, loads, rounds, seconds, say)
    except QuotaError as error:
        return {"why_not": f"no CPU quota can be set: {error}"}
    return {
        "share": SHARE,
        "period_microseconds": PERIOD_MICROSECONDS,
        "batch_rows": BATCH_ROWS,
        "rounds": rounds,
        "cpus": os.cpu_count(),
        "connections": {kind: load[1] for kind, load in loads.items()},
        "samples": samples,
    }


def _rounds(
    program: str, servers: list[Server], loads: dict[str, Load], rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, dict[str, list[dict[str, float]]]]:
    samples: dict[str, dict[str, list[dict[str, float]]]] = {
        kind: {str(count): [] for count in COUNTS} for kind in loads
    }
    for number in range(rounds + 1):
        say(f"  round {number} of {rounds}" if number else "  a round to warm up")
        for count in COUNTS:
            with proxy(program, [server.port for server in servers[:count]]) as front:
                for kind, load in loads.items():
                    taken = _taken(front, servers[:count], *load, seconds if number else 1)
                    if number:
                        samples[kind][str(count)].append(taken)
    return samples


def _taken(
    front: Server, servers: list[Server], body: Path, connections: int, rows: int, seconds: float
) -> dict[str, float]:
    processes = [pid for server in servers for pid in server.processes()]
    before, busy, began = cpu_nanoseconds(processes), cpu_times().busy, time.perf_counter()
    per_second = drive(front.port, body, connections, seconds).per_second
    wall = time.perf_counter() - began
    return {
        "rows_per_second": per_second * rows,
        "servers": (cpu_nanoseconds(processes) - before) / 1e9 / wall,
        "machine": (cpu_times().busy - busy) / wall,
    }


def table(results: Result) -> str:
    """The results as Markdown."""
    if "why_not" in results:
        return f"Replicas under a CPU quota were not measured: {results['why_not']}."
    lines = head(
        f"N servers with {results['share']:g} CPU each, behind nginx",
        "rows a second",
        "÷ those of one",
        "÷ N times those of one",
        "CPUs busy: servers, machine",
    )
    names = {"singles": "single rows", "batches": f"rows in batches of {results['batch_rows']:,}"}
    told = []
    for kind, counts in results["samples"].items():
        for count, rounds in counts.items():
            rate, servers, machine = (
                median(figures[key] for figures in rounds) for key in ("rows_per_second", "servers", "machine")
            )
            pairs = zip(rounds, counts["1"], strict=True)
            times = median(figures["rows_per_second"] / one["rows_per_second"] for figures, one in pairs)
            lines.append(
                f"| {count}: {names[kind]}, {results['connections'][kind]} connections | {rate:,.0f} | {times:.2f} | "
                f"{times / int(count):.2f} | {servers:.2f}, {machine:.2f} |"
            )
        told.append(
            f"{count} servers score {times:.1f} times as many {names[kind]} as one, while {machine:.1f} of the "
            f"machine's {results['cpus']} CPUs are busy."
        )
    return "\n".join([*lines, "", paragraph(" ".join(told))])
