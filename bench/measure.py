"""The measurements. Contenders take turns within each round, so that drift of the machine affects all equally."""

from __future__ import annotations

import compileall
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import orjson

from bench import contenders
from bench.peers.catalog import PYTHON, ROOT, Peer
from bench.peers.check import MODEL, check_port, make_bodies
from bench.peers.running import Server, running
from bench.timing import Samples, cpu_nanoseconds, parse
from bench.wrk import Load, cpu_seconds, drive, memory_bytes, slow_connections
from export import certificate
from scorer.store.directory import load
from scorer.store.pointer import Pointer
from scorer.store.sources import point
from scorer.store.storage import Directory

BATCH_ROWS = 10_000
GROWTH_SECONDS = {1_000: 1, 10_000: 1, 100_000: 4}
"""How long a POST is repeated, by its number of rows."""
SWAP_SECONDS = 0.2
SINGLE_CONNECTIONS = 8
SLOW_CONNECTIONS = 500
Say = Callable[[str], None]
Result = dict[str, Any]


class Bodies:
    """Files with request bodies of stand-in test rows: numbers as JSON numbers, keys in their order.

    Attributes:
        rows: the rows.
    """

    def __init__(self, rows: list[dict[str, Any]], directory: Path) -> None:
        self.rows = rows
        self._directory = directory

    def of(self, count: int) -> Path:
        """The file of a body of ``count`` rows, repeated as needed; for 0, one row as an object."""
        path = self._directory / f"{count}.json"
        if not path.exists():
            rows = (self.rows * (1 + count // len(self.rows)))[:count]
            path.write_bytes(orjson.dumps(rows if count else self.rows[0]))
        return path


def start(stack: ExitStack, contender: Peer) -> Server:
    """Starts a contender; the stack stops it when it closes."""
    return stack.enter_context(running(contender, MODEL, contenders.python_of(contender)))


def servers(who: list[Peer], bodies: Bodies, rounds: int, seconds: float, warm_seconds: float, say: Say) -> Result:
    """Times batches and single rows of every contender, and orjson.loads alone on the batch body, by CPU and wall time.

    A contender runs only during its turn: some keep the processor busy even when idle. Its answers
    are compared with the library's before it is timed.

    Args:
        who: the contenders.
        bodies: the request bodies.
        rounds: number of turns of each contender.
        seconds: how long it is timed, at least.
        warm_seconds: how long it is warmed up at least; enough for the first batch of the slowest.
        say: called with lines of progress.
    """
    model = load(MODEL)
    checked = make_bodies(model)
    batch, single = bodies.of(BATCH_ROWS), bodies.of(0)
    samples: dict[str, dict[str, list[float]]] = {}
    long_enough, processes = dict[str, float](), dict[str, int]()

    def note(key: str, **figures: float) -> None:
        for name, figure in figures.items():
            samples.setdefault(key, {}).setdefault(name, []).append(figure)

    for number in range(1, rounds + 1):
        say(f"  round {number} of {rounds}")
        parsed = parse(batch)
        note("orjson.loads", batch_seconds=parsed.wall, batch_cpu=parsed.cpu)
        for peer in who:
            with running(peer, MODEL, contenders.python_of(peer)) as server:
                if number == 1 and peer.key != contenders.FLOOR.key:
                    check_port(server.port, model, checked)
                warm = drive(server.port, batch, 1, max(warm_seconds, long_enough.get(peer.key, 0))).median
                long_enough[peer.key] = max(seconds, ceil(2.5 * warm))  # at least two batches
                load_, cpu_ = _driven(server, batch, 1, long_enough[peer.key])
                note(peer.key, batch_seconds=load_.median, batch_cpu=cpu_)
                load_, cpu_ = _driven(server, single, SINGLE_CONNECTIONS, seconds)
                note(peer.key, single_per_second=load_.per_second, single_cpu=cpu_)
                note(peer.key, single_p50=load_.median, single_p99=load_.p99)
                processes[peer.key] = len(server.processes())
    return {"body_bytes": batch.stat().st_size, "rounds": rounds, "processes": processes, "samples": samples}


def _driven(server: Server, body: Path, connections: int, seconds: float) -> tuple[Load, float]:
    """Load, and the CPU seconds that a request took of all processes of the server."""
    processes = server.processes()
    before = cpu_nanoseconds(processes)
    load_ = drive(server.port, body, connections, seconds)
    return load_, (cpu_nanoseconds(processes) - before) / load_.requests / 1e9


def cold_start(rounds: int) -> Result:
    """CPU and wall seconds from the start of the process to the first 200 on /readyz.

    The sources are compiled beforehand, as pip compiles what it installs. An editable install relies on Python's own
    cache instead, which PYTHONDONTWRITEBYTECODE turns off.
    """
    for package in ("scorer", "bench"):
        compileall.compile_dir(ROOT / package, quiet=1)
    samples: dict[str, Samples] = {key: {"cpu": [], "wall": []} for key in ("scorer", "bare")}
    for _ in range(rounds):
        for contender in (contenders.SCORER, contenders.BARE):
            begin = time.perf_counter()
            with running(contender, MODEL, contenders.OWN, poll_seconds=0.002) as server:
                samples[contender.key]["wall"].append(time.perf_counter() - begin)
                samples[contender.key]["cpu"].append(cpu_nanoseconds(server.processes()) / 1e9)
    return {"samples": samples}


def memory(bodies: Bodies) -> Result:
    """Resident bytes when idle, and at the peak during a few batches."""
    batch = bodies.of(BATCH_ROWS)
    with ExitStack() as stack:
        bare, own = start(stack, contenders.BARE), start(stack, contenders.SCORER)
        result = {
            "bare_idle": memory_bytes(bare.processes(), "VmRSS"),
            "idle": memory_bytes(own.processes(), "VmRSS"),
        }
        drive(own.port, batch, 1, 2)
        return {**result, "peak": memory_bytes(own.processes(), "VmHWM"), "body_bytes": batch.stat().st_size}


def cpu(bodies: Bodies, seconds: float) -> Result:
    """Processor seconds per million rows, in batches and as single rows."""
    result = {}
    with ExitStack() as stack:
        own = start(stack, contenders.SCORER)
        cases = {"batches": (bodies.of(BATCH_ROWS), 1, BATCH_ROWS), "singles": (bodies.of(0), SINGLE_CONNECTIONS, 1)}
        for name, (body, connections, rows) in cases.items():
            before = cpu_seconds(own.processes())
            requests = drive(own.port, body, connections, seconds).requests
            taken = cpu_seconds(own.processes()) - before
            result[name] = taken / (requests * rows) * 1e6
    return result


def growth(bodies: Bodies, rounds: int) -> Result:
    """CPU and wall seconds per row of one POST by its number of rows."""
    samples: dict[str, Samples] = {}
    with ExitStack() as stack:
        own = start(stack, contenders.SCORER)
        for _ in range(rounds):
            for count, seconds in GROWTH_SECONDS.items():
                load_, cpu_ = _driven(own, bodies.of(count), 1, seconds)
                taken = samples.setdefault(str(count), {"cpu": [], "wall": []})
                taken["cpu"].append(cpu_ / count)
                taken["wall"].append(load_.median / count)
    return {"samples": samples}


def beside_batches(bodies: Bodies, seconds: float) -> Result:
    """Times of single rows on 4 connections, alone and while a fifth one sends 10,000-row batches."""
    with ExitStack() as stack:
        own = start(stack, contenders.SCORER)
        alone = drive(own.port, bodies.of(0), 4, seconds)
        with ThreadPoolExecutor(1) as other:
            batches = other.submit(drive, own.port, bodies.of(BATCH_ROWS), 1, seconds + 1)
            beside = drive(own.port, bodies.of(0), 4, seconds)
    return {
        "alone": {"p50": alone.median, "p99": alone.p99},
        "beside": {"p50": beside.median, "p99": beside.p99},
        "batch_median": batches.result().median,
    }


def swaps(bodies: Bodies, directory: Path, rounds: int, seconds: float) -> Result:
    """Times of single rows on 4 connections, alone and while the model is swapped every fifth of a second."""
    file = load(MODEL).file
    store = Directory(directory / "store")
    files = [file, certificate.certify(replace(file, version="1.1.0", intercept=0.25))]
    pointers = [Pointer(each.model, each.version, each.sha256) for each in files]
    for each, pointer in zip(files, pointers, strict=True):
        store.write(pointer.key, each.to_bytes())
    point(store, pointers[0])
    ended = threading.Event()
    count = 0
    samples: dict[str, list[float]] = {"alone": [], "swapping": []}

    def swap() -> None:
        nonlocal count
        while not ended.wait(SWAP_SECONDS):
            count += 1
            point(store, pointers[count % 2])

    with running(contenders.SWAPPING, store.path, contenders.OWN) as own:
        drive(own.port, bodies.of(0), 4, 1)
        for _ in range(rounds):
            samples["alone"].append(drive(own.port, bodies.of(0), 4, seconds).p99)
            ended.clear()
            with ThreadPoolExecutor(1) as other:
                swapping = other.submit(swap)
                try:
                    samples["swapping"].append(drive(own.port, bodies.of(0), 4, seconds).p99)
                finally:
                    ended.set()
            swapping.result()
    return {"p99": samples, "swaps": count}


def beside_slow(bodies: Bodies, rounds: int, seconds: float) -> Result:
    """Times of single rows on 4 connections, alone and beside 500 connections that are idle or slow.

    A round ends before the scorer closes them for being slow.
    """
    samples: dict[str, list[float]] = {"alone": [], "beside": []}
    with running(contenders.SCORER, MODEL, contenders.OWN) as own:
        drive(own.port, bodies.of(0), 4, 1)
        for _ in range(rounds):
            samples["alone"].append(drive(own.port, bodies.of(0), 4, seconds).p99)
            with slow_connections(own.port, SLOW_CONNECTIONS):
                samples["beside"].append(drive(own.port, bodies.of(0), 4, seconds).p99)
    return {"p99": samples, "connections": SLOW_CONNECTIONS}


def kernel(quick: bool) -> Result:
    """The equation alone, in the peers' environment: bench/kernel.py."""
    command = [str(PYTHON), "-m", "bench.kernel", *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, check=True)
    result: Result = orjson.loads(done.stdout)
    return result


def export(train: Path, out: Path) -> Result:
    """Seconds of a complete training run on 40,000 rows."""
    command = [sys.executable, "-m", "export", "train", "--train", str(train), "--name", "bench", "--version", "0.0.1"]
    begin = time.perf_counter()
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)
    return {"seconds": time.perf_counter() - begin}
