"""deploy/smoke.sh against real servers: right ones, some that are not ready, and some that are no scorers at all."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

import scorer
from scorer.service import keys
from tests.deploy.test_proxy import Instances, needs_nginx, nginx
from tests.support.between import between, make_certificate
from tests.support.models import SMALL
from tests.support.servers import WAIT_SECONDS, Server, free_port, running
from tests.support.skips import needs
from tests.support.smoke import SMOKE, smoke

pytestmark = [pytest.mark.long, needs("curl")]

CHECKS = 8
"""Of a server that needs no API key and answers probes."""


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def test_a_scorer_is_ok(server: Server, model: scorer.Scorer) -> None:
    run = smoke(address(server))
    assert (run.code, run.failed, run.ok, run.errors) == (0, [], CHECKS, "")
    file = model.file
    assert f"ok      GET /model: {file.model} {file.version}, sha256 {file.sha256}\n" in run.output
    assert run.output.endswith(f"smoke.sh: {address(server)}: ok\n")


def test_it_fits_another_model(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    with running("--model", str(path)) as server:
        run = smoke(address(server) + "/")
    assert (run.code, run.ok) == (0, CHECKS)
    assert "ok      POST /predict: a row without values has p 0.8519528019683106\n" in run.output


def test_api_keys(tmp_path: Path) -> None:
    key, file = keys.new_key(), tmp_path / "api-keys"
    file.write_text(keys.file_line("operator", key) + "\n")
    with running(environment={"SCORER_API_KEYS_FILE": str(file)}) as server:
        known, none, unknown = (smoke(address(server), key=each) for each in (key, "", keys.new_key()))
    assert (known.code, known.ok) == (0, CHECKS + 1)
    for run in (none, unknown):
        assert run.code == 1
        assert run.failed[0].startswith("GET /model: 401 application/problem+json: {")
        assert "set API_KEY" in run.output


def test_a_server_that_needs_no_key_fails_where_one_is_given(server: Server) -> None:
    run = smoke(address(server), key="not-asked-for")
    assert run.code == 1
    (failed,) = run.failed
    assert failed.startswith("POST /predict: a call without the API key is refused: 200 application/json: [{")


def commands() -> list[bytes]:
    """The arguments of all processes, as everybody on the machine can read them."""
    read = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            read.append(path.read_bytes())
    return read


def test_nobody_reads_the_key_in_the_list_of_processes() -> None:
    """It waits for an answer that does not come, so its curl is there to be seen."""
    key = keys.new_key()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [SMOKE, url], env={**os.environ, "API_KEY": key}, stdout=subprocess.PIPE, start_new_session=True
        )
        try:
            silent.accept()[0].close()  # GET /readyz, without the key
            with silent.accept()[0] as connection:
                received = connection.recv(65_536)
                seen = commands()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=WAIT_SECONDS)
    assert f"authorization: Bearer {key}\r\n".encode() in received
    assert any(b"curl" in line and f"{url}/model".encode() in line for line in seen)
    assert not any(key.encode() in line for line in seen)


def test_a_server_that_is_not_ready(tmp_path: Path) -> None:
    with running("--model", str(tmp_path)) as server:
        run = smoke(address(server), "--wait", "1")
    assert run.code == 1
    assert [failed.partition(":")[0] for failed in run.failed] == ["GET /readyz", "GET /model"]
    assert all(": 503 application/problem+json: {" in failed for failed in run.failed)


def test_it_waits_for_a_server_that_starts() -> None:
    port = free_port()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(smoke, f"http://127.0.0.1:{port}", "--wait", str(WAIT_SECONDS))
        with running("--port", str(port)):
            assert waiting.result().code == 0


def test_nothing_listens() -> None:
    run = smoke(f"http://127.0.0.1:{free_port()}")
    assert run.code == 1
    assert len(run.failed) == 2
    assert all(": no answer: curl: (7) " in failed for failed in run.failed)


def test_probes_on_a_port_of_their_own() -> None:
    with running(environment={"SCORER_ADMIN_PORT": str(free_port())}) as server:
        run = smoke(address(server), "--wait", str(WAIT_SECONDS))
    assert (run.code, run.ok) == (0, CHECKS - 1)
    assert run.output.startswith("skipped GET /readyz: ")


@needs_nginx
def test_behind_the_committed_proxy_and_with_nothing_behind_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        instances = Instances(stack)
        proxy = stack.enter_context(nginx(tmp_path / "nginx", instances.ports))
        assert (smoke(address(proxy)).code, smoke(address(proxy)).ok) == (0, CHECKS - 1)
        for instance in instances.servers:
            instance.stop()
        down = smoke(address(proxy))
    assert down.code == 1
    assert down.failed[0].startswith("GET /model: 503 application/problem+json: {")


def test_tls_and_a_path_in_front(server: Server, tmp_path: Path) -> None:
    make_certificate(tmp_path / "tls.pem")
    with between(server, lambda _handler, body: body, tmp_path / "tls.pem") as url:
        assert url.startswith("https://")
        assert url.endswith("/models")
        refused = smoke(url)
        trusted = smoke(url, "--", "--cacert", str(tmp_path / "tls.pem"))
    assert refused.code == 1
    assert "no answer: curl: (60) SSL certificate" in refused.failed[0]
    assert (trusted.code, trusted.ok) == (0, CHECKS)


@pytest.mark.parametrize(
    ("pattern", "new", "failed"),
    [
        (rb"^\[\{", b"<html>", "POST /predict: 200 application/json: <html>"),
        (rb'"phat":0\.\d+', b'"phat":1.5', "POST /predict: 200 application/json: [{"),
        (rb'"phat":0\.\d+', b'"phat":null', "POST /predict: 200 application/json: [{"),
        (rb'"business_outcome":0', b'"business_outcome":2', "POST /predict: 200 application/json: [{"),
        (
            rb"(?<=\},\{)(.*)99994",
            rb"\g<1>99995",
            "POST /predict: a batch of 3 has other bytes than",
        ),
    ],
)
def test_a_wrong_answer_is_shown(server: Server, pattern: bytes, new: bytes, failed: str) -> None:
    with between(server, lambda _handler, body: re.sub(pattern, new, body, count=1)) as url:
        run = smoke(url)
    assert run.code == 1
    (shown,) = run.failed
    assert shown.startswith(failed)


def test_answers_that_end_early(server: Server) -> None:
    with between(server, lambda _handler, _body: None) as url:
        run = smoke(url)
    assert run.failed == ["POST /predict: no answer: curl: (52) Empty reply from server"]


def test_a_model_that_get_model_does_not_name(server: Server) -> None:
    with between(server, lambda _handler, body: body, headers={"x-model-version": "9.9.9"}) as url:
        run = smoke(url)
    (failed,) = run.failed
    assert failed.startswith("POST /predict: scored by glm-26 9.9.9, sha256 ")


def test_what_is_no_problem_document(server: Server) -> None:
    """Proxies that put pages of their own in the place of refusals."""
    with between(server, lambda _handler, body: body, headers={"content-type": "text/html"}) as url:
        run = smoke(url)
    not_json, no_input = run.failed
    assert not_json.startswith("POST /predict: a body that is not JSON is refused: 400 text/html: {")
    assert no_input.startswith("POST /predict: a row that has none of the inputs is refused: 422 text/html: {")


def test_where_a_proxy_sends_callers_on(server: Server) -> None:
    with between(server, lambda _handler, body: body, headers={"location": "https://elsewhere.example.com/"}) as url:
        run = smoke(url.removesuffix("/models") + "/nowhere")
    assert run.code == 1
    assert run.failed[0].startswith("GET /model: 404 application/problem+json, to https://elsewhere.example.com/: {")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no URL"),
        (["localhost:1313"], "not an address of http or https: localhost:1313"),
        (["ftp://localhost"], "not an address of http or https: ftp://localhost"),
        (["http://localhost?a"], "not an address of http or https: http://localhost?a"),
        (["http://a", "http://b"], "more than one URL: http://b"),
        (["--key"], "no such option: --key"),
        (["--wait"], "--wait needs a value"),
        (["--wait", "soon"], "--wait: not a whole number: soon"),
        (["http://a", "--timeout", "0"], "--timeout: not above 0: 0"),
    ],
)
def test_a_wrong_option_is_told_with_the_usage(arguments: list[str], message: str) -> None:
    run = smoke(*arguments)
    assert (run.code, run.output, run.errors) == (2, "", f"smoke.sh: {message}\n{smoke('--help').output}")


def test_a_key_that_is_none_is_not_shown() -> None:
    run = smoke("http://localhost", key='a" --insecure')
    assert run.code == 2
    assert run.errors.startswith("smoke.sh: API_KEY: not an API key\n")
