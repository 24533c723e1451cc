"""Load on a running server, and the CPU time and memory that the server uses."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from math import ceil
from pathlib import Path
from statistics import median

from bench.peers.catalog import HOST, PREDICT

_SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local file = io.open(%(body)s, "rb")
wrk.body = file:read("*a")
file:close()
function done(summary, latency, requests)
  local errors, few = summary.errors, {}
  if summary.requests <= 100 then
    for index = 1, #latency do
      local microseconds, count = latency(index)
      for _ = 1, tonumber(count) do table.insert(few, tostring(tonumber(microseconds))) end
    end
  end
  io.write(string.format(
    '\\nRESULT {"requests": %%d, "microseconds": %%d, "p50": %%f, "p99": %%f, "few": [%%s], "failed": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), table.concat(few, ", "),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""
"""Of up to 100 requests it writes all times: wrk's own median of an even number is the larger one of the middle two."""

_ASK_SECONDS = 60.0


class LoadError(Exception):
    """Load that could not be sent, or was not answered."""


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of a wrk run.

    Where a request took more than twice the mean, wrk adds to the times those of the requests that it kept from being
    sent (coordinated omission). Median and percentile are of them all.

    Attributes:
        requests: number of requests that the server answered, the one before the clock started included.
        per_second: requests answered per second.
        median: median time of a request in seconds.
        p99: 99th percentile of the time in seconds.
    """

    requests: int
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
    """POSTs a body once, then repeatedly on keep-alive connections.

    Args:
        port: the server's port, at HOST.
        body: a file with the request body.
        connections: number of connections.
        seconds: duration, rounded up to whole seconds.

    Raises:
        LoadError: a request failed, or none was answered.
    """
    _ask(port, body)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % {"body": json.dumps(str(body))})
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{ceil(seconds)}s", "--timeout", "60s", "-s", script.name]
        done = subprocess.run([*command, f"http://{HOST}:{port}{PREDICT}"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(f"wrk failed: {done.stderr or done.stdout}")
    return figures(done.stdout)


def _ask(port: int, body: Path) -> None:
    """Sends a body once: wrk itself counts every status below 400 as an answer."""
    try:
        with closing(HTTPConnection(HOST, port, timeout=_ASK_SECONDS)) as connection:
            connection.request("POST", PREDICT, body.read_bytes(), {"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
    except (OSError, HTTPException) as error:
        raise LoadError(f"the first request failed: {error!r}") from None
    if response.status != 200:
        raise LoadError(f"the first request was answered with status {response.status}")


def figures(output: str) -> Load:
    """The figures in what wrk prints with this module's script.

    Raises:
        LoadError: a request failed, none was answered, or there are no figures.
    """
    lines = [line for line in output.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise LoadError(f"wrk failed: {output}")
    result = json.loads(lines[0].removeprefix("RESULT "))
    if result["failed"] or not result["requests"]:
        raise LoadError(f"{result['failed']} of {result['requests']} requests failed")
    middle = median(result["few"] or [result["p50"]])
    per_second = result["requests"] / result["microseconds"] * 1e6
    return Load(result["requests"] + 1, per_second, middle / 1e6, result["p99"] / 1e6)


@contextmanager
def slow_connections(port: int, count: int) -> Iterator[None]:
    """Keeps connections open that send slowly, or not at all, and never complete a request.

    A third of them send nothing; a third send half a head and a third half a body, then one byte more each second.

    Raises:
        LoadError: the server closed or answered some: what was measured meanwhile was measured beside fewer.
    """
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 100000\r\nx-slow: ".encode()
    begun = (b"", head, head + b"\r\n\r\n[")
    ended = threading.Event()

    def send_on(slow: list[socket.socket]) -> None:
        while not ended.wait(1.0):
            for connection in slow:
                with suppress(OSError):  # counted at the end
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
        if lost := _readable(opened):
            raise LoadError(f"the server closed or answered {lost} of {count} slow connections")


def _readable(connections: Iterable[socket.socket]) -> int:
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        return len(selector.select(0))


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
