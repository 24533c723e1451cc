"""Real servers for tests: on loopback, on a free port, stopped at the end. And a client that keeps its connection."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bench.peers.running import free_port as reserve_port
from tests.support import processes
from tests.support.paths import ROOT

_ADDRESS = re.compile(r" at http://\S+:(\d+) ")
RUN_API = ROOT / "run_api.sh"
_held = ExitStack()
WAIT_SECONDS = 120
"""Until a test gives up on what never comes; far more than anything takes on a busy machine."""


@dataclass
class Answer:
    """A response, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """One keep-alive connection.

    Attributes:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Sends a request; a body that is neither bytes nor chunks of them is sent as JSON."""
        if body is not None and not isinstance(body, bytes | Iterator):
            body = json.dumps(body).encode()
        self._connection.request(method, path, body, dict(headers or {}))
        response = self._connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def predict(self, body: Any) -> Answer:
        """POST /predict."""
        return self.send("POST", "/predict", body, {"content-type": "application/json"})

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


@dataclass
class Server:
    """A server process that has said where it listens."""

    process: subprocess.Popen[str]
    port: int
    announced: str
    output: list[str] = field(default_factory=list)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A connection to the server."""
        client = Client(self.port)
        try:
            yield client
        finally:
            client.close()

    def wait_for_line(self, pattern: str) -> str:
        """Waits for a line of output that holds a regular expression."""
        found = wait_until(lambda: next((line for line in self.output if re.search(pattern, line)), None), pattern)
        return str(found)

    def reports(self, workers: int) -> dict[int, dict[str, Any]]:
        """What each worker says under `serving` in GET /model, by its pid; those that are ready."""
        reports: dict[int, dict[str, Any]] = {}
        with ExitStack() as open_ones:  # a new connection goes to a worker with the fewest
            for _ in range(20 * workers):
                answer = open_ones.enter_context(self.client()).send("GET", "/model")
                if answer.status == HTTPStatus.OK:
                    report = answer.json()["serving"]
                    if report["current"]:  # told a moment after the model is served
                        reports[report["pid"]] = report
                if len(reports) == workers:
                    break
        return reports

    def wait_for_reports(self, workers: int, condition: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Waits until every worker's report is as it should be."""

        def all_are() -> bool:
            reports = self.reports(workers)
            return len(reports) == workers and all(map(condition, reports.values()))

        wait_until(all_are, what)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end. Returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_SECONDS)


def free_port() -> int:
    """A port on loopback that nothing listens on, and that no other process is given until this one ends."""
    return _held.enter_context(reserve_port())


def accepts(port: int) -> bool:
    """Whether something on loopback takes connections at a port."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str) -> bool:
    """Whether a server on loopback answers GET with 200."""
    try:
        with closing(Client(port)) as client:
            return client.send("GET", path).status == HTTPStatus.OK
    except OSError:
        return False


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Waits until a condition gives something that is true, and returns that."""
    until = time.monotonic() + WAIT_SECONDS
    while not (result := condition()):
        assert time.monotonic() < until, f"waited {WAIT_SECONDS} seconds for {what}"
        time.sleep(0.005)
    return result


def end(process: subprocess.Popen[Any]) -> None:
    """Ends a process, at once if it does not end by itself."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    measured: bool = True,
    python: str = sys.executable,
    cwd: str | None = None,
) -> Iterator[Server]:
    """Runs `python -m scorer serve` on a free port until the block ends.

    Args:
        arguments: more of them for serve; one worker unless they or the environment say otherwise.
        environment: SCORER_* settings. Others of this process are not passed on.
        measured: as in `processes.environment`.
        python: the interpreter.
        cwd: where it runs.
    """
    process = subprocess.Popen(
        [python, "-m", "scorer", "serve", "--port", "0", *arguments],
        env=processes.environment({"SCORER_WORKERS": "1", **(environment or {})}, measured=measured),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killer = threading.Timer(WAIT_SECONDS, process.kill)
    killer.start()
    try:
        server = _announced(process)
        killer.cancel()
        reader = threading.Thread(target=server.output.extend, args=(process.stdout,))
        reader.start()
        yield server
    finally:
        killer.cancel()
        end(process)
        if "reader" in locals():
            reader.join()
        if process.stdout is not None:
            process.stdout.close()


def _announced(process: subprocess.Popen[str]) -> Server:
    """The server that a process says it is, in its first line."""
    assert process.stdout is not None
    announced = process.stdout.readline()
    match = _ADDRESS.search(announced)
    assert match, f"the server did not start: {announced}{process.stdout.read()}"
    return Server(process, int(match[1]), announced)


@contextmanager
def run_api(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Runs run_api.sh on a free port, in a process group of its own, until the block ends.

    Returns:
        Its process, the port, and the call that it says to try, once it is ready.
    """
    port = free_port()
    process = subprocess.Popen(
        [RUN_API, *arguments, "--port", str(port), "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=processes.as_from_a_terminal,
    )
    assert process.stdout is not None
    try:
        said = ""
        while "--data" not in said:
            line = process.stdout.readline()
            assert line, f"it ended before it was ready: {said}"
            said += line
        yield process, port, said[said.index("  curl") :]
    finally:
        end(process)
        process.stdout.close()
