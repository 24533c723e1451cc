"""Load on a running server, and the CPU time and memory that the server uses."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers.catalog import HOST, PREDICT

_SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local file = io.open(%(body)s, "rb")
wrk.body = file:read("*a")
file:close()
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests": %%d, "microseconds": %%d, "p50": %%f, "p99": %%f, "failed": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


class LoadError(Exception):
    """Load that could not be sent, or was not answered."""


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of a wrk run.

    Attributes:
        per_second: requests answered per second.
        median: median time of a request in seconds.
        p99: 99th percentile of the time in seconds.
    """

    per_second: float
    median: float
    p99: float


def require_wrk() -> None:
    """Checks that wrk is installed.

    Raises:
        LoadError: it is missing.
    """
    if shutil.which("wrk") is None:
        raise LoadError("wrk is not installed: apt-get install wrk (Debian, Ubuntu) or brew install wrk (macOS)")


def drive(port: int, body: Path, connections: int, seconds: float) -> Load:
    """POSTs a body repeatedly on keep-alive connections.

    Args:
        port: the server's port, at HOST.
        body: a file with the request body.
        connections: number of connections.
        seconds: duration.

    Raises:
        LoadError: a request failed, or none was answered.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % {"body": json.dumps(str(body))})
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "60s", "-s", script.name]
        done = subprocess.run([*command, f"http://{HOST}:{port}{PREDICT}"], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise LoadError(f"wrk failed: {done.stderr or done.stdout}")
    result = json.loads(lines[0].removeprefix("RESULT "))
    if result["failed"] or not result["requests"]:
        raise LoadError(f"{result['failed']} of {result['requests']} requests failed")
    per_second = result["requests"] / result["microseconds"] * 1e6
    return Load(per_second, result["p50"] / 1e6, result["p99"] / 1e6)


@contextmanager
def slow_connections(port: int, count: int) -> Iterator[None]:
    """Keeps connections open that send slowly, or not at all, and never complete a request.

    A third of them send nothing; a third send half a head and a third half a body, then one byte more each second.
    """
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 100000\r\nx-slow: ".encode()
    begun = (b"", head, head + b"\r\n\r\n[")
    ended = threading.Event()

    def send_on(slow: list[socket.socket]) -> None:
        while not ended.wait(1.0):
            for connection in slow:
                connection.sendall(b" ")

    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection((HOST, port))) for _ in range(count)]
        for number, connection in enumerate(opened):
            connection.sendall(begun[number % 3])
        slow = [connection for number, connection in enumerate(opened) if number % 3]
        thread = threading.Thread(target=send_on, args=(slow,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def cpu_seconds(processes: Iterable[int]) -> float:
    """Processor time that processes have taken since they started."""
    ticks = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(processes: Iterable[int], field: str) -> int:
    """Resident memory of processes: VmRSS now, VmHWM at its peak."""
    total = 0
    for pid in processes:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                total += int(line.split()[1]) * 1024
    return total
