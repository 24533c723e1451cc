"""CPU and wall times of requests.

Contenders take turns in each round, so that other work on the machine affects all of them. The least time of all
rounds counts: other processes can only add to it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from bench.peers.catalog import HOST, PREDICT
from bench.peers.running import Server
from bench.wrk import LoadError


class Times(NamedTuple):
    """What some work took, in seconds.

    Attributes:
        cpu: CPU time of the process that did it.
        wall: from its start to its end.
    """

    cpu: float
    wall: float


class Figures(Protocol):
    """What some work gave: a NamedTuple of figures, as Times."""

    def _asdict(self) -> dict[str, float]: ...


JSON = "application/json"
Samples = dict[str, list[float]]
"""By name of what was measured (``cpu``, ``wall``), a figure of each round."""


def take_turns(work: Mapping[str, Callable[[], Figures]], rounds: int) -> dict[str, Samples]:
    """Does each work once in a round. A round before the first warms up and does not count.

    Args:
        work: by name, what is done and measures itself.
        rounds: number of rounds that count.

    Returns:
        By name of the work, its times.
    """
    samples: dict[str, Samples] = {name: {} for name in work}
    for number in range(rounds + 1):
        for name, do in work.items():
            taken = do()
            if number:
                for figure, value in taken._asdict().items():
                    samples[name].setdefault(figure, []).append(value)
    return samples


def requests(server: Server, body: bytes, count: int, headers: Sequence[str] = (), content_type: str = JSON) -> Times:
    """The times of a request: POSTs a body ``count`` times on one connection, one after the other.

    Args:
        server: the server.
        body: the body.
        count: number of requests.
        headers: more header lines.
        content_type: the media type of the body.

    Raises:
        LoadError: an answer's status is not 200.
    """
    processes = server.processes()
    before, began = cpu_nanoseconds(processes), time.perf_counter()
    send(server.port, body, count, headers, content_type)
    wall = time.perf_counter() - began
    return Times((cpu_nanoseconds(processes) - before) / count / 1e9, wall / count)


def parse(path: Path) -> Times:
    """The times of orjson.loads alone on a body, each the median of a process that does nothing else."""
    command = [sys.executable, "-m", "bench.parse", str(path)]
    cpu, wall = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Times(float(cpu), float(wall))


def cpu_nanoseconds(processes: Iterable[int]) -> int:
    """CPU time that all threads of processes have taken since they started (Linux)."""
    taken = 0
    for pid in processes:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(FileNotFoundError):  # a thread that has ended
                taken += int(path.read_text().split()[0])
    return taken


def send(port: int, body: bytes, count: int, headers: Sequence[str] = (), content_type: str = JSON) -> bytes:
    """POSTs a body ``count`` times on one connection, one after the other. Returns the body of the last answer.

    Args:
        port: the server's port, at HOST.
        body: the body.
        count: number of requests.
        headers: more header lines.
        content_type: the media type of the body.

    Raises:
        LoadError: an answer's status is not 200.
    """
    lines = [f"POST {PREDICT} HTTP/1.1", f"host: {HOST}", f"content-type: {content_type}", *headers]
    request = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body
    with socket.create_connection((HOST, port)) as connection:
        received, answer = connection.makefile("rb"), b""
        for _ in range(count):
            connection.sendall(request)
            status = received.readline()
            if not status.startswith(b"HTTP/1.1 200 "):
                raise LoadError(f"a request was answered with {status.decode(errors='replace').strip() or 'nothing'}")
            length = 0
            while (line := received.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            answer = received.read(length)
    return answer
