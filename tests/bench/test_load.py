"""The load scripts against real servers: one as a user starts it, and one between that spoils answers."""

from __future__ import annotations

import http.client
import json
import math
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

import scorer
from bench.load.__main__ import main
from bench.load.drive import poisson
from bench.load.scenarios import NAMES
from scorer.coefficients import CoefficientFile
from scorer.service import keys
from tests.support.between import between, make_certificate
from tests.support.paths import ROOT
from tests.support.processes import as_from_a_terminal
from tests.support.servers import WAIT_SECONDS, Server, running, wait_until
from tests.support.skips import PORT_TAKEN

pytestmark = pytest.mark.long


def load(server: Server | str, out: Path, *arguments: str) -> int:
    url = server if isinstance(server, str) else f"http://127.0.0.1:{server.port}"
    return main(["--url", url, "--rows", "120", "--largest", "40", "--out", str(out), *arguments])


def log_of(out: Path, name: str) -> dict[str, Any]:
    log: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    return log


def test_every_scenario(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(server, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == list(NAMES)
    for name in NAMES:
        log = log_of(tmp_path, name)
        summary, calls = log["summary"], log["calls"]
        count = {"batches": 2, "batch": 10}.get(name, 120)
        assert [summary["calls"], summary["right"], summary["errors"]] == [count, count, {}]
        assert {len(column) for column in calls.values()} == {count}
        assert sum(calls["rows"]) == summary["rows"]
        assert summary["latency"]["max"] == pytest.approx(max(calls["seconds"]), abs=1e-6)
        assert sorted(summary["latency"].values()) == list(summary["latency"].values())
        assert any(line.startswith(f"  {count} of {count} calls answered rightly in ") for line in lines)
        image = imread(tmp_path / f"{name}.png")
        assert image.shape[0] > 300
        assert image.shape[1] > 800
        assert 0.005 < (image[..., :3].min(axis=2) < 0.9).mean() < 0.5, "neither blank nor a blot"
    assert log_of(tmp_path, "singles")["calls"]["rows"] == [1] * 120
    assert log_of(tmp_path, "batch")["calls"]["rows"] == [120] * 10


def test_a_phat_off_by_one_bit_is_noticed(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = 0

    def spoil(_handler: BaseHTTPRequestHandler, body: bytes) -> bytes:
        nonlocal asked
        asked += 1
        rows = json.loads(body)
        if asked == 7:
            rows[0]["phat"] = math.nextafter(rows[0]["phat"], 1)
        return json.dumps(rows).encode()

    with between(server, spoil) as url:
        assert load(url, tmp_path, "singles") == 1
    shown = capsys.readouterr().out
    assert "  119 of 120 calls answered rightly" in shown
    assert "  1 × wrong answer\n" in shown
    assert re.search(r"the first wrong answer: row 6: phat is 0\.\d+ and should be 0\.\d+\n", shown)
    log = log_of(tmp_path, "singles")
    assert log["summary"]["errors"] == {"wrong answer": 1}
    assert [place for place, error in enumerate(log["calls"]["error"]) if error] == [6]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda body: body[:-2], "not JSON"),
        (lambda _: b"{}", "not an array of 1"),
        (lambda _: b"[[]]", "row 0: other keys, or in another order"),
        (lambda body: body.replace(b'"business_outcome":0', b'"business_outcome":false'), "business_outcome is False"),
        (lambda body: json.dumps([dict(sorted(json.loads(body)[0].items(), reverse=True))]).encode(), "another order"),
    ],
)
def test_other_wrong_answers_are_named(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any, words: str
) -> None:
    with between(server, lambda _handler, body: spoil(body)) as url:
        assert load(url, tmp_path, "singles", "--seed", "4") == 1
    assert words in capsys.readouterr().out


def test_tls(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificate(tmp_path / "tls.pem")
    with between(server, lambda _handler, body: body, tmp_path / "tls.pem") as url:
        assert load(url, tmp_path, "parallel") == 2
        assert "self-signed certificate" in capsys.readouterr().err
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.pem"))
        assert load(url, tmp_path, "parallel") == 0


def test_errors_are_counted_by_kind(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A connection that is lost is opened again; an answer that does not come ends with the scenario's time."""
    asked = 0
    ended = threading.Event()

    def spoil(_handler: BaseHTTPRequestHandler, body: bytes) -> bytes | None:
        nonlocal asked
        asked += 1
        if asked == 50:
            ended.wait(WAIT_SECONDS)
        return None if asked in (3, 5) else body

    with between(server, spoil) as url:
        assert load(url, tmp_path, "singles", "--seconds", "3") == 1
        ended.set()
    assert "  ended early: its time was over; 70 calls were not sent\n" in capsys.readouterr().out
    summary = log_of(tmp_path, "singles")["summary"]
    assert summary["errors"] == {"connection lost": 2, "not answered in time": 1}
    assert summary["right"] == 47
    with running(environment={"SCORER_MAX_ROWS": "20"}) as strict:
        assert load(strict, tmp_path, "batch") == 1
    assert log_of(tmp_path, "batch")["summary"]["errors"] == {"status 422 too-many-rows": 10}


def test_a_server_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert load(url, tmp_path, "singles") == 2
    assert capsys.readouterr().err == f"load: {url}: connection refused\n"


def test_arrivals_at_a_rate(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(server, tmp_path, "parallel", "singles", "--rate", "2000") == 0
    assert "on 8 connections, 2000 calls a second\n" in capsys.readouterr().out
    calls = log_of(tmp_path, "parallel")["calls"]
    assert calls["begin"] == pytest.approx(list(islice(poisson(2000, 13), 120)), abs=1e-6)
    assert min(calls["late"]) >= 0
    assert all(late < seconds for late, seconds in zip(calls["late"], calls["seconds"], strict=True))
    one_by_one = log_of(tmp_path, "singles")
    assert (one_by_one["rate"], set(one_by_one["calls"]["late"])) == (None, {0})


def test_poisson_arrivals() -> None:
    dues = list(islice(poisson(50.0, 1), 20_000))
    gaps = [b - a for a, b in zip([0.0, *dues], dues, strict=False)]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert mean == pytest.approx(1 / 50, rel=0.03)
    assert spread == pytest.approx(mean, rel=0.05)


def test_ctrl_c_prints_what_was_measured(server: Server, tmp_path: Path) -> None:
    def requests() -> int:
        with server.client() as client:
            text = client.send("GET", "/metrics").body.decode()
        return sum(
            int(float(count)) for count in re.findall(r'^scorer_requests_total\{route="/predict".* (\S+)$', text, re.M)
        )

    before = requests()
    options = ["--rows", "1200", "--rate", "30", "--url", f"http://127.0.0.1:{server.port}", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "bench.load", "parallel", "batches", *options]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_from_a_terminal,
    ) as process:
        try:
            wait_until(lambda: requests() > before + 5, "some requests")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=WAIT_SECONDS)
        finally:
            process.kill()
    assert (process.returncode, err) == (130, "")
    assert "ended early: Ctrl-C; " in out
    assert "batches" not in out
    summary = log_of(tmp_path, "parallel")["summary"]
    assert summary["interrupted"]
    assert summary["right"] >= 5
    assert (tmp_path / "parallel.png").exists()


def test_an_api_key(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.new_key()
    (tmp_path / "keys").write_text(keys.file_line("load", key) + "\n")
    with running(environment={"SCORER_API_KEYS_FILE": str(tmp_path / "keys")}) as server:
        assert load(server, tmp_path, "singles") == 2
        assert capsys.readouterr().err.endswith(": GET /model answered 401: give an API key in LOAD_KEY\n")
        assert load(server, tmp_path, "singles", "--key", key) == 0
        monkeypatch.setenv("LOAD_KEY", key)
        assert load(server, tmp_path, "singles") == 0
    assert key not in "".join(path.read_text() for path in tmp_path.glob("*.json"))


def test_another_model(versions: list[CoefficientFile], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "1.1.0.json"
    path.write_bytes(versions[1].to_bytes())
    with running("--model", str(path)) as server:
        assert load(server, tmp_path, "batch") == 2
        err = capsys.readouterr().err
        assert load(server, tmp_path, "batch", "--model", str(path)) == 0
    files = (scorer.load().file, versions[1])
    mine, theirs = (f"{file.model} {file.version} (sha256 {file.sha256[:12]})" for file in files)
    assert err.endswith(f" serves {theirs}, and the library has {mine}; name the file with --model\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "localhost:1313"], "localhost:1313 is no URL of a server, such as http://127.0.0.1:1313"),
        (["--url", "http://x?y"], "http://x?y is no URL of a server, such as http://127.0.0.1:1313"),
        (["none"], "no scenario is called none; there are singles, parallel, random, batches, batch"),
        (["--model", "none.json"], "none.json: no such file or directory"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"load: {message}\n"


def test_every_scenario_is_documented() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    for name in NAMES:
        assert f"| `{name}` |" in page


def test_something_else_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        assert load(f"http://127.0.0.1:{listener.getsockname()[1]}", tmp_path) == 2
        thread.join()
    assert "GET /model answered nothing" in capsys.readouterr().err


def test_nothing_listens_on_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", 1313, timeout=5)) as connection:
        try:
            connection.connect()
        except OSError:
            assert main([]) == 2
            refused = "load: http://127.0.0.1:1313: connection refused; `make run` starts one there\n"
            assert capsys.readouterr().err == refused
        else:
            pytest.skip(PORT_TAKEN)
