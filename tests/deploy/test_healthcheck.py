"""The image's probe, as the image runs it: without site-packages."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support import processes
from tests.support.paths import ROOT
from tests.support.servers import Server, free_port, running

PROBE = ROOT / "deploy" / "image" / "healthcheck.py"


def probe(environment: Mapping[str, str]) -> tuple[int, str]:
    """The probe's exit code and what it says."""
    command = [sys.executable, "-I", "-S", str(PROBE)]
    done = subprocess.run(command, env=processes.environment(environment), capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_ready(server: Server) -> None:
    assert probe({"SCORER_PORT": str(server.port)}) == (0, "ready\n")
    assert probe({"SCORER_PORT": str(server.port), "SCORER_HOST": "0.0.0.0"}) == (0, "ready\n")


def test_the_admin_port_is_asked_where_there_is_one() -> None:
    port = str(free_port())
    with running(environment={"SCORER_ADMIN_PORT": port}) as server:
        assert probe({"SCORER_PORT": str(server.port), "SCORER_ADMIN_PORT": port}) == (0, "ready\n")
        assert probe({"SCORER_PORT": str(server.port)}) == (1, "not ready: HTTP/1.1 404 Not Found\n")


def test_not_ready(tmp_path: Path) -> None:
    with running("--model", str(tmp_path)) as server:
        assert probe({"SCORER_PORT": str(server.port)}) == (1, "not ready: HTTP/1.1 503 Service Unavailable\n")


def test_nothing_listens() -> None:
    assert probe({"SCORER_PORT": str(free_port())}) == (1, "not ready: [Errno 111] Connection refused\n")


def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert probe({"SCORER_PORT": str(silent.getsockname()[1])}) == (1, "not ready: timed out\n")
