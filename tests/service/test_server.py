"""Starting and stopping, as a user does it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import scorer
from scorer.coefficients import CoefficientFile
from scorer.store.signing import PrivateKey
from tests.support.models import SHIPPED
from tests.support.servers import WAIT_SECONDS, Client, Server, accepts, running, wait_until
from tests.support.skips import NO_IPV6
from tests.support.stores import Store, make_keys

pytestmark = pytest.mark.long

SERVE = [sys.executable, "-m", "scorer", "serve"]


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a server that is expected not to start."""
    return subprocess.run(
        [*SERVE, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_start_say_what_is_served_and_stop(
    number: int, workers: str, row: dict[str, Any], model: scorer.Scorer
) -> None:
    with running("--workers", workers) as server:
        words = "1 worker" if workers == "1" else "2 workers"
        assert server.announced.startswith(
            f"serving glm-26 1.0.1 (sha256 {model.file.sha256[:12]}) at http://127.0.0.1:"
        )
        assert server.announced.endswith(f" with {words}; Ctrl-C stops\n")
        with server.client() as client:
            assert client.predict(row).status == 200
        assert server.stop(number) == 0
    assert "".join(server.output) == ""


def test_another_model_by_option_and_by_setting(small: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(small))
    by_option, by_setting = ["--model", str(path)], {"SCORER_MODEL": str(path)}
    for arguments, environment in ((by_option, {"SCORER_MODEL": str(SHIPPED)}), ([], by_setting)):
        with running(*arguments, "--workers", "2", environment=environment) as server, server.client() as client:
            answer = client.predict({"colour": "bright green"})
            assert (answer.headers["x-model-name"], answer.json()[0]["colour is bright green"]) == ("small", 1)
            assert b"training_range" not in client.send("GET", "/model").body  # its ends are training data


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason=NO_IPV6)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_ipv6_address(workers: str) -> None:
    with running("--host", "::1", "--workers", workers) as server:
        assert " at http://[::1]:" in server.announced
        with socket.create_connection(("::1", server.port)) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_the_access_log_is_there_when_asked_for() -> None:
    for share, lines in (("1", 1), ("0", 0)):
        with running(environment={"SCORER_ACCESS_LOG": share}) as server:
            with server.client() as client:
                client.send("GET", "/livez", headers={"x-request-id": "mine"})
            server.stop()
        pattern = re.compile(r"INFO: GET /livez 200, [\d.]+ ms, mine")
        assert len(list(filter(pattern.search, server.output))) == lines


def test_logs_for_machines(row: dict[str, Any], tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    environment = {"SCORER_LOG_FORMAT": "json", "SCORER_ACCESS_LOG": "1", "SCORER_REFRESH_SECONDS": "0.1"}
    with running("--model", str(store.path), environment=environment) as server:
        with server.client() as client:
            client.predict(row)
            trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            answer = client.send("GET", "/livez?key=secret", headers={"traceparent": trace})
        server.wait_for_line("/livez")
        server.stop()
    events = [json.loads(line) for line in (server.announced, *server.output)]
    assert all({"timestamp", "level", "logger", "message"} <= set(event) for event in events)
    assert (events[0]["source"], events[0]["port"], events[0]["workers"]) == (str(store.path), server.port, 1)
    assert any("no model yet" in event["message"] for event in events)
    last = next(event for event in events if event.get("path") == "/livez")
    assert (last["method"], last["status"], last["traceparent"]) == ("GET", 200, trace)
    assert last["request_id"] == answer.headers["x-request-id"]
    assert not any("secret" in line for line in server.output)


def test_request_ids(server: Server) -> None:
    with server.client() as client:
        made = [client.send("GET", "/livez").headers["x-request-id"] for _ in range(3)]
        assert len(set(made)) == 3
        assert client.send("GET", "/no", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
        assert client.predict([{"x12": []}]).headers["x-request-id"]
        for bad in ("two words", "x" * 200):
            assert client.send("GET", "/livez", headers={"x-request-id": bad}).headers["x-request-id"] != bad


@pytest.mark.parametrize("workers", ["1", "2"])
def test_draining(workers: str, row: dict[str, Any]) -> None:
    """After SIGTERM the server says not ready, answers all the same for a while, and exits with 0."""
    with running("--workers", workers, environment={"SCORER_DRAIN_SECONDS": "1"}) as server:
        with server.client() as client:
            assert client.send("GET", "/readyz").status == 200
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: client.send("GET", "/readyz").status == 503, "not ready")
            assert client.predict(row).status == 200
            with server.client() as newcomer:
                assert newcomer.predict(row).status == 200
        assert server.process.wait(WAIT_SECONDS) == 0
    assert "".join(server.output) == ""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_running_requests_finish(workers: str, row: dict[str, Any], model: scorer.Scorer) -> None:
    body = json.dumps(row).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
    with (
        running("--workers", workers) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        connection.sendall(head + body[:100])
        server.wait_for_reports(int(workers), bool, "all workers")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(server.port), "no new connections")
        connection.sendall(body[100:])
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == model.score(row).to_rows()
        assert server.process.wait(WAIT_SECONDS) == 0


def test_2_000_requests_under_repeated_kills_of_workers(row: dict[str, Any], model: scorer.Scorer) -> None:
    """Only what a worker is at when it is killed is lost, and another worker takes its place."""
    expected = model.score(row).to_rows()
    with running("--workers", "2", measured=False) as server:
        server.wait_for_reports(2, bool, "both workers")
        answered = lost = 0
        client = None
        kills = [200, 600, 1_000, 1_400, 1_800]
        while answered < 2_000:
            if kills and answered >= kills[0]:
                wait_until(lambda: len(workers_of(server)) == 2, "two workers")
                kill_a_worker(server)
                del kills[0]
            try:
                client = client or Client(server.port)
                assert client.predict(row).json() == expected
                answered += 1
            except (OSError, http.client.HTTPException):
                lost += 1
                if client:
                    client.close()
                client = None
        if client:
            client.close()
        server.wait_for_reports(2, bool, "both workers again")
    assert lost <= 5, "one for each kill"


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = serve("--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    reason = "address already in use; choose another with --port"
    assert done.stderr == f"scorer: SCORER_PORT: cannot listen on 127.0.0.1:{port}: {reason}\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--port", "http"], {}, "scorer: SCORER_PORT: expected a whole number, at least 0 and at most 65,535\n"),
        ([], {"SCORER_WORKERS": "many"}, "scorer: SCORER_WORKERS: expected a whole number, at least 0 and at most"),
        ([], {"SCORER_PROT": "1"}, "scorer: SCORER_PROT: no such setting; known are SCORER_MODEL,"),
        (["--host", "no such host"], {}, "scorer: SCORER_HOST: 'no such host' does not resolve"),
        (["--model", "nothing.json"], {}, "scorer: nothing.json: no such file or directory\n"),
        (["--model", "ftp://host"], {}, "scorer: SCORER_MODEL: ftp://host: unknown scheme ftp"),
        (["--model", "a.json"], {"SCORER_VERSION": "1.0.0"}, "scorer: SCORER_VERSION: needs a store, and SCORER_MODEL"),
        ([], {"SCORER_VERSION": "1.0.1@sha256:ab"}, "scorer: SCORER_VERSION: expected @sha256: and 64 lower-case hex"),
        ([], {"SCORER_SHADOW_VERSION": "../x"}, "scorer: SCORER_SHADOW_VERSION: expected VERSION or MODEL/VERSION, "),
        ([], {"SCORER_PUBLIC_KEY": "none.pem"}, "scorer: SCORER_PUBLIC_KEY: none.pem: no such file or directory\n"),
        ([], {"SCORER_SHADOW_SHARE": "2"}, "scorer: SCORER_SHADOW_SHARE: expected a number, above 0 and at most 1\n"),
    ],
)
def test_what_keeps_it_from_starting_is_one_clear_line(
    arguments: list[str], environment: dict[str, str], message: str
) -> None:
    done = serve(*arguments, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_bad_model_does_not_start(document: dict[str, Any], tmp_path: Path) -> None:
    document["terms"][0]["coefficient"] = 0.1
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))
    done = serve("--model", str(path), "--port", "0")
    assert done.returncode == 2
    assert "$.terms: edited since it was certified" in done.stderr


def kill_a_worker(server: Server) -> None:
    os.kill(workers_of(server)[0], signal.SIGKILL)


def workers_of(server: Server) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_worker_that_is_started_anew_serves_what_the_others_do(document: dict[str, Any], tmp_path: Path) -> None:
    """The file is there when the server starts, and gone when a worker ends and another takes its place."""
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    with running("--model", str(path), "--workers", "2") as server:
        server.wait_for_reports(2, bool, "both workers")
        path.unlink()
        kill_a_worker(server)
        server.wait_for_line(r"serving glm-26 1\.0\.1 from the cache, trying again: .*model\.json: no such file")
        with server.client() as client:
            assert client.send("GET", "/readyz").status == 200
    assert not any("Traceback" in line for line in server.output)


def test_a_worker_that_cannot_start_stops_the_server(versions: list[CoefficientFile], tmp_path: Path) -> None:
    """A setting is fine when the server starts, and not when a worker is started anew."""
    private, public = make_keys(tmp_path)
    store = Store(tmp_path / "store", versions[0])
    store.write(f"{store.pointer('1.0.0').key}.sig", PrivateKey(private).sign(versions[0].to_bytes()))
    store.point("1.0.0")
    environment = {"SCORER_PUBLIC_KEY": str(public)}
    with running("--workers", "2", "--model", str(store.path), environment=environment) as server:
        server.wait_for_reports(2, bool, "both workers")
        public.unlink()
        kill_a_worker(server)
        server.process.wait(WAIT_SECONDS)
    assert any("SCORER_PUBLIC_KEY: " in line and "no such file" in line for line in server.output)
    assert not any("Traceback" in line for line in server.output)
