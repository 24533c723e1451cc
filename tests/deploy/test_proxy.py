"""A real nginx with the committed configuration in front of real scorers that come and go."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scorer import Scorer
from scorer.coefficients import CoefficientFile
from scorer.service.settings import Settings
from tests.support.paths import ROOT
from tests.support.requests import Requests
from tests.support.servers import Answer, Server, end, free_port, running, wait_until
from tests.support.skips import find, needs
from tests.support.stores import Store

PROXY = ROOT / "deploy" / "proxy"
CONFIG, UPSTREAM = PROXY / "nginx.conf", PROXY / "upstream.conf"
NGINX = find("nginx")
needs_nginx = needs("nginx")
pytestmark = pytest.mark.long

RESTARTS = 3
"""How often each instance is restarted, and how often it is killed."""


def replaced(pattern: str, new: str, text: str) -> str:
    """A text with the one thing that matches replaced."""
    result, times = re.subn(pattern, new, text)
    assert times == 1, f"{times} matches of {pattern}"
    return result


def configure(directory: Path, port: int, instances: list[int]) -> Path:
    """The committed files with other ports, in a directory that nginx can also write to."""
    servers = "".join(f"server 127.0.0.1:{instance} max_fails=0;" for instance in instances)
    upstream = replaced(r"(?s)\n    server .*max_fails=0;\n\n", f"\n{servers}\n\n", UPSTREAM.read_text())
    scratch = "".join(f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (directory / UPSTREAM.name).write_text(upstream + scratch)
    config = directory / CONFIG.name
    config.write_text(replaced(r"listen 8080;", f"listen 127.0.0.1:{port};", CONFIG.read_text()))
    return config


@contextmanager
def nginx(directory: Path, instances: list[int]) -> Iterator[Server]:
    """Runs nginx on a free loopback port until the block ends."""
    assert NGINX
    directory.mkdir()
    port = free_port()
    config = configure(directory, port, instances)
    user = "user root;" if os.geteuid() == 0 else ""  # workers of another user could not enter the directory
    main = f"daemon off; pid {directory}/pid; {user}"
    log = directory / "log"
    with log.open("w") as output:
        command = [NGINX, "-p", f"{directory}/", "-c", str(config), "-e", "stderr", "-g", main]
        process = subprocess.Popen(command, stdout=output, stderr=output, text=True)
        try:
            wait_until(lambda: process.poll() is not None or listens(port), "nginx")
            assert process.poll() is None, log.read_text()
            yield Server(process, port, "nginx")
        finally:
            end(process)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Instances:
    """Two scorers on ports that they keep, each to be ended and started again."""

    def __init__(self, stack: ExitStack, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self._stack = stack
        self._arguments = arguments
        self._environment = environment
        self.ports = [free_port() for _ in range(2)]
        self.servers = [self._start(port) for port in self.ports]

    def _start(self, port: int) -> Server:
        arguments = (*self._arguments, "--port", str(port))
        server = self._stack.enter_context(running(*arguments, environment=self._environment, measured=False))
        wait_until(lambda: self.get(server, "/readyz").status == 200, "an instance")
        return server

    @staticmethod
    def get(server: Server, path: str) -> Answer:
        with server.client() as client:
            return client.send("GET", path)

    def restart(self, index: int, number: int) -> int:
        """Ends an instance with a signal and starts it again. Returns its exit code."""
        code = self.servers[index].stop(number)
        self.servers[index] = self._start(self.ports[index])
        return code


def problem(answer: Answer) -> tuple[int, str, str, int]:
    document = answer.json()
    return answer.status, answer.headers["content-type"], document["type"], document["status"]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@needs_nginx
def test_the_committed_files_are_sound(tmp_path: Path) -> None:
    assert NGINX
    command = [NGINX, "-t", "-q", "-c", str(configure(tmp_path, 8080, [1313, 1314]))]
    main = ["-p", f"{tmp_path}/", "-e", "stderr", "-g", f"pid {tmp_path}/pid;"]
    done = subprocess.run([*command, *main], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_nginx
def test_restarts_and_kills_under_load_fail_no_request(
    versions: list[CoefficientFile], row: dict[str, Any], tmp_path: Path, stack: ExitStack
) -> None:
    store = Store(tmp_path / "store", *versions)
    store.point("1.0.0")
    instances = Instances(stack, "--model", str(store.path))
    proxy = stack.enter_context(nginx(tmp_path / "nginx", instances.ports))
    assert len(proxy.reports(2)) == 2, "both answer"
    with Requests(proxy, store, row) as requests:

        def wait_for_more() -> None:
            enough = requests.answered.total() + 40
            wait_until(lambda: requests.wrong or requests.answered.total() > enough, "more answers")

        for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
            for time in range(2 * RESTARTS):
                wait_for_more()
                assert instances.restart(time % 2, number) == code
        wait_for_more()
    assert requests.wrong == []
    assert set(requests.answered) == {"1.0.0"}
    for server in instances.servers:
        assert b'route="/predict",status="200"' in instances.get(server, "/metrics").body, "both answer in the end"


@needs_nginx
def test_what_clients_see(model: Scorer, row: dict[str, Any], tmp_path: Path, stack: ExitStack) -> None:
    instances = Instances(stack)
    proxy = stack.enter_context(nginx(tmp_path / "nginx", instances.ports))
    client = stack.enter_context(proxy.client())
    answer = client.send("POST", "/predict", row, {"x-request-id": "of-the-client"})
    assert (answer.json(), answer.headers["x-request-id"]) == (model.score(row).to_rows(), "of-the-client")
    assert answer.headers["server"] == "nginx"
    assert client.predict(row).headers["x-request-id"]
    packed = gzip.compress(json.dumps([row] * 2_000).encode())
    answer = client.send("POST", "/predict", packed, {"content-encoding": "gzip"})
    assert answer.json() == model.score([row] * 2_000).to_rows()
    assert client.send("GET", "/model").json()["version"] == model.file.version

    refused = client.predict({"x12": "no"})
    assert (problem(refused)[0], refused.json()["errors"][0]["code"]) == (422, "not_a_number")
    assert client.send("GET", "/predict").headers["allow"] == "POST"
    too_large = client.send("POST", "/predict", b" " * (Settings().max_body_bytes + 1))
    urn = "urn:coefficient-scorer:problem:body-too-large"
    assert problem(too_large) == (413, "application/problem+json", urn, 413)
    for path in ("/metrics", "/livez", "/readyz", "/%6detrics", "/predict/../metrics", "/nowhere"):
        assert problem(client.send("GET", path)) == (404, "application/problem+json", "about:blank", 404)
    large_head = client.send("GET", "/model", headers={"x-a": "a" * 20_000})
    assert problem(large_head) == (431, "application/problem+json", "about:blank", 431)

    for server in instances.servers:
        server.stop()
    with proxy.client() as other:
        down = other.predict(row)
    assert problem(down) == (503, "application/problem+json", "about:blank", 503)
    assert (down.headers["retry-after"], down.json()["detail"]) == ("1", "no instance of the scorer can be reached")


@needs_nginx
def test_the_largest_body_is_the_scorers(tmp_path: Path, stack: ExitStack) -> None:
    """A body of just SCORER_MAX_BODY_BYTES passes; a scorer that takes less says so itself."""
    instances = Instances(stack, environment={"SCORER_MAX_BODY_BYTES": "1000"})
    proxy = stack.enter_context(nginx(tmp_path / "nginx", instances.ports))
    client = stack.enter_context(proxy.client())
    refused = client.send("POST", "/predict", b" " * Settings().max_body_bytes)
    assert (refused.status, refused.json()["detail"]) == (
        413,
        "the request body is larger than the limit of 1,000 bytes",
    )
    overloaded = [problem(client.predict({}))[0] for _ in range(4)]
    assert overloaded == [422] * 4


def test_the_instances_listen_where_scorers_do_by_default() -> None:
    assert f"server 127.0.0.1:{Settings().port} " in UPSTREAM.read_text()
    assert f"client_max_body_size {Settings().max_body_bytes // 1024**2}m;" in CONFIG.read_text()
    assert f"client_header_timeout {Settings().receive_seconds:.0f}s;" in CONFIG.read_text()
