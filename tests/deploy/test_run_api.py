"""run_api.sh as a user runs it, without Docker; tests/deploy/image.py runs it with Docker."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import scorer
from tests.support.servers import RUN_API, WAIT_SECONDS, Client, free_port, run_api, wait_until
from tests.support.skips import NO_DOCKER

pytestmark = pytest.mark.long


def run(*arguments: str, environment: Mapping[str, str] | None = None, script: Path = RUN_API) -> tuple[int, str, str]:
    """Runs the script to its end: exit code, output, errors."""
    done = subprocess.run(
        [script, *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_serves_and_ctrl_c_leaves_nothing_behind(model: scorer.Scorer) -> None:
    with run_api("--local") as (process, port, call):
        rows = json.loads(re.findall(r"--data '(.*)'", call)[0])
        client = Client(port)
        assert f"http://localhost:{port}/predict" in call
        assert client.predict(rows).json() == model.score(rows).to_rows()
        client.close()
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to everything that runs in it
        assert process.wait(WAIT_SECONDS) == 130
        wait_until(lambda: is_gone(process.pid), "the end of all that it started")


def test_sigterm_to_the_script_alone_leaves_nothing_behind() -> None:
    with run_api("--local") as (process, _, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 143
        wait_until(lambda: is_gone(process.pid), "the end of all that it started")


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("--local", "--port", str(port))
    assert (code, out) == (1, "")
    assert err == f"run_api.sh: port {port} is taken; choose another with --port\n"


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    """The model is never there: it says what the server says, and stops the server."""
    port = free_port()
    environment = {"SCORER_MODEL": str(tmp_path), "READY_SECONDS": "10", "PORT": str(port), "SCORER_WORKERS": "1"}
    code, _, err = run("--local", environment=environment)
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith("run_api.sh: not ready after 10 seconds: HTTP/1.1 503 Service Unavailable {")
    assert json.loads(last[last.index("{") :])["detail"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_server_that_does_not_start() -> None:
    code, _, err = run("--local", "--port", str(free_port()), environment={"SCORER_MODEL": "nothing.json"})
    assert code == 1
    assert err.splitlines()[-2:] == [
        "scorer: nothing.json: no such file or directory",
        "run_api.sh: the server ended before it was ready, with exit code 2",
    ]


def test_no_docker(tmp_path: Path) -> None:
    for program in ("bash", "dirname"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    message = "run_api.sh: Docker is not installed; ./run_api.sh --local serves without it\n"
    assert run(environment={"PATH": str(tmp_path)}) == (1, "", message)


@pytest.mark.skipif(not shutil.which("docker"), reason=NO_DOCKER)
def test_no_docker_engine() -> None:
    reason = "Docker is installed, but its engine cannot be reached"
    message = f"run_api.sh: {reason}; ./run_api.sh --local serves without it\n"
    assert run(environment={"DOCKER_HOST": "unix:///nowhere"}) == (1, "", message)


def test_no_stack(tmp_path: Path) -> None:
    script = Path(shutil.copy(RUN_API, tmp_path))
    assert run("--compose", script=script) == (1, "", "run_api.sh: deploy/compose.yaml is missing\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lokal"], "no such option: --lokal"),
        (["1313"], "no such option: 1313"),
        (["--port"], "--port needs a value"),
        (["--port", "http"], "--port: not a whole number: http"),
        (["--port", "65536"], "no port: 65536"),
        (["--port", "0"], "no port: 0"),
        (["--workers", "-1"], "--workers: not a whole number: -1"),
    ],
)
def test_a_wrong_option_is_told_with_the_usage(arguments: list[str], message: str) -> None:
    usage = run("--help")[1]
    assert run(*arguments) == (2, "", f"run_api.sh: {message}\n{usage}")


def test_help() -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    options = re.findall("--[a-z]+", "".join(re.findall(r"^ +(--[^)\n]+)\)", RUN_API.read_text(), re.MULTILINE)))
    assert {"--local", "--port"} < set(options)
    for option in options:
        assert f"\n  {option} " in out
