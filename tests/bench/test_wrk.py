"""The figures of a load: what counts as an answer, what does not, and what a server takes for it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from bench import wrk
from bench.peers.running import Server as BenchServer
from tests.support.servers import Server, wait_until
from tests.support.skips import needs


def output(**changed: Any) -> str:
    """What wrk prints, with figures that are known."""
    figures = {"requests": 4, "microseconds": 2e6, "p50": 30.0, "p99": 50.0, "few": [10, 20, 30, 50], "failed": 0}
    return f"Running 2s test\n  2 requests in 2.00s\n\nRESULT {json.dumps(figures | changed)}\n"


def test_figures_by_hand() -> None:
    assert wrk.figures(output()) == wrk.Load(requests=5, per_second=2.0, median=25e-6, p99=50e-6)
    assert wrk.figures(output(requests=3, few=[10, 20, 50])).median == 20e-6
    assert wrk.figures(output(requests=9_000, few=[])) == wrk.Load(9_001, 4_500.0, 30e-6, 50e-6)


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        (output(failed=1), "1 of 4 requests failed"),
        (output(requests=0, few=[]), "0 of 0 requests failed"),
        ("unable to connect\n", "wrk failed: unable to connect"),
    ],
)
def test_a_run_with_a_failure_has_no_figures(printed: str, message: str) -> None:
    with pytest.raises(wrk.LoadError, match=message):
        wrk.figures(printed)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """wrk ends by closing its connections."""


class Answering:
    """A server that answers with given statuses, the last one again and again, and keeps what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses: Iterator[int] = chain(statuses, repeat(statuses[-1]))
        self.asked: list[tuple[str, str, str, bytes]] = []

    @contextmanager
    def port(self) -> Iterator[int]:
        """Runs it."""
        with _Quiet(("127.0.0.1", 0), self._handler()) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield server.server_port
            finally:
                server.shutdown()
                thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        this = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one write

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                this.asked.append((self.command, self.path, self.headers["content-type"], body))
                self.send_response(next(this.statuses))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def body(tmp_path: Path) -> Path:
    """A request body, in a file whose name has to be quoted."""
    path = tmp_path / 'the "body".json'
    path.write_text('[{"x1": 1}]')
    return path


@needs("wrk")
@pytest.mark.usefixtures("wrk")
def test_every_answer_is_counted_and_no_more(body: Path) -> None:
    answering = Answering(200)
    with answering.port() as port:
        load = wrk.drive(port, body, 2, 1)
    assert set(answering.asked) == {("POST", "/predict", "application/json", body.read_bytes())}
    assert load.requests > 5
    assert load.requests <= len(answering.asked) <= load.requests + 2, "one on each connection may be under way"
    assert 0 < load.median <= load.p99


@needs("wrk")
@pytest.mark.usefixtures("wrk")
@pytest.mark.parametrize(
    ("statuses", "message"),
    [
        ((204,), "the first request was answered with status 204"),
        ((302,), "the first request was answered with status 302"),
        ((503,), "the first request was answered with status 503"),
        ((200, 200, 500), r"\d+ of \d+ requests failed"),
    ],
)
def test_other_statuses_are_no_answers(body: Path, statuses: tuple[int, ...], message: str) -> None:
    with Answering(*statuses).port() as port, pytest.raises(wrk.LoadError, match=message):
        wrk.drive(port, body, 1, 1)


def test_nothing_listens(body: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(wrk.LoadError, match="the first request failed: ConnectionRefusedError"):
        wrk.drive(port, body, 1, 1)


@pytest.mark.usefixtures("wrk")
@needs("wrk")
def test_wrk_itself_fails(body: Path) -> None:
    with Answering(200).port() as port, pytest.raises(wrk.LoadError, match=r"wrk failed: .*connections"):
        wrk.drive(port, body, 0, 1)


def test_wrk_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(wrk.LoadError, match="wrk is not installed: apt-get install wrk"):
        wrk.require_wrk()


def test_slow_connections_go_on_sending() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        with wrk.slow_connections(listener.getsockname()[1], 3):
            silent, head, half = (stack.enter_context(listener.accept()[0]) for _ in range(3))
            for connection, end in ((head, b"x-slow:  "), (half, b"\r\n\r\n[ ")):
                received = b""
                while not received.endswith(end):
                    received += connection.recv(1_000)
                assert received.startswith(b"POST /predict HTTP/1.1\r\n")
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.recv(1)


def test_slow_connections_that_the_server_closes_are_an_error() -> None:
    closed, ended = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close_two() -> None:
            kept = [listener.accept()[0] for _ in range(4)]
            for connection in kept[:2]:
                connection.close()
            closed.set()
            ended.wait()
            for connection in kept[2:]:
                connection.close()

        thread = threading.Thread(target=close_two)
        thread.start()
        try:
            with (
                pytest.raises(wrk.LoadError, match="closed or answered 2 of 4 slow connections"),
                wrk.slow_connections(listener.getsockname()[1], 4),
            ):
                closed.wait()
        finally:
            ended.set()
            thread.join()


def test_a_scorer_answers_beside_slow_connections(server: Server, row: dict[str, Any]) -> None:
    with wrk.slow_connections(server.port, 30), server.client() as client:
        assert client.predict(row).status == 200


BUSY = """
import subprocess, sys, time
many = bytearray(60_000_000)
many[::4096] = b"x" * len(many[::4096])
del many
if len(sys.argv) > 1:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(child.stdout.readline().decode(), end="", flush=True)
while time.process_time() < 0.3: pass
print(time.process_time(), flush=True)
sys.stdin.read()
"""


def test_cpu_time_and_memory_of_a_process_and_its_children() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            taken = [float(process.stdout.readline()) for _ in range(2)]
            both = BenchServer(0, process.pid).processes()
            assert len(both) == 2
            assert wrk.cpu_seconds(both) == pytest.approx(sum(taken), abs=0.1)
            assert wrk.cpu_seconds(both[:1]) == pytest.approx(taken[1], abs=0.1)
            now, peak = (wrk.memory_bytes(both, name) for name in ("VmRSS", "VmHWM"))
            assert peak - now > 2 * 45_000_000
            assert wrk.memory_bytes(both[:1], "VmRSS") < now < 150_000_000
        finally:
            process.stdin.close()
            wait_until(lambda: process.poll() is not None, "its end")
