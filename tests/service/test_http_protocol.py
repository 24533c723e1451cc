"""What goes over a connection, byte for byte."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from functools import partial
from typing import Any

import pytest
import uvicorn

from scorer import Scorer
from scorer.service.app import create_app
from scorer.service.holder import Holder
from scorer.service.http_protocol import HTTPProtocol
from scorer.service.http_watchdog import SlowConnectionWatchdog
from tests.support.raw_http import connect, parse, read_to_end, send
from tests.support.servers import Server, running


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *lines, "", ""]).encode()


def test_head_and_body_of_an_answer_are_sent_at_once(server: Server, row: dict[str, Any], model: Scorer) -> None:
    """A server that is killed has then either answered or not begun to, so that a proxy may ask another one."""
    body = json.dumps(row).encode()
    with connect(server) as connection:
        for _ in range(200):
            connection.sendall(head("POST", "/predict", f"content-length: {len(body)}") + body)
            _, _, answer = connection.recv(65536).partition(b"\r\n\r\n")
            assert json.loads(answer) == model.score(row).to_rows()


def test_an_answer_without_a_body_does_not_wait_for_one(server: Server) -> None:
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(head("HEAD", "/livez"))
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            assert received.endswith(b"\r\n\r\n")


def test_a_client_that_waits_to_be_told_to_continue_is_told(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(head("POST", "/predict", "content-length: 15", "expect: 100-continue"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'{"x5":"monday"}')
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_that_are_sent_before_the_answers_are_answered_in_order(server: Server) -> None:
    with connect(server) as connection:
        requests = [head("HEAD", "/livez"), head("GET", "/nowhere"), head("GET", "/livez", "connection: close")]
        connection.sendall(b"".join(requests))
        received = b""
        while data := connection.recv(65536):
            received += data
    assert [int(answer[:3]) for answer in received.split(b"HTTP/1.1 ")[1:]] == [200, 404, 200]


@pytest.mark.parametrize("size", [997, 65_536, 1_000_000])
def test_bodies_that_come_in_pieces_end_where_their_length_says(size: int, server: Server, model: Scorer) -> None:
    """Wherever the pieces are cut: the next request may begin in the last one of a body."""
    rows = [{"x5": "monday", "x91": number / 1_000, "unused": "a" * 90} for number in range(2_000)]
    body = json.dumps(rows).encode()
    request = head("POST", "/predict", f"content-length: {len(body)}") + body
    other = b'{"x5":"friday"}'
    last = head("POST", "/predict", "content-length: 15", "connection: close") + other
    sent = request + head("GET", "/livez") + request + last
    with connect(server) as connection:

        def send_pieces() -> None:
            for start in range(0, len(sent), size):
                connection.sendall(sent[start : start + size])

        sender = threading.Thread(target=send_pieces)
        sender.start()
        answers = parse(read_to_end(connection))
        sender.join()
    assert [answer.status for answer in answers] == [200] * 4
    assert json.loads(answers[0].body) == json.loads(answers[2].body) == model.score(rows).to_rows()
    assert json.loads(answers[3].body) == model.score(json.loads(other)).to_rows()


def test_each_worker_has_the_limits_of_the_settings() -> None:
    """They come to it with uvicorn's pickled Config."""
    environment = {"SCORER_MAX_HEADER_BYTES": "1024", "SCORER_RECEIVE_SECONDS": "0.4"}
    with running("--workers", "2", environment=environment) as server:
        server.wait_for_reports(2, lambda _report: True, "two workers")
        for _ in range(10):  # whichever worker is awake takes a new connection
            with connect(server) as large, connect(server) as silent:
                send(large, head("GET", "/livez", f"a: {'b' * 2_000}"))
                assert [answer.status for answer in parse(read_to_end(large))] == [431]
                assert read_to_end(silent) == b""


class Faulty(HTTPProtocol):
    """A connection with a fault in one of its callbacks."""

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: ARG002 (as httptools calls it)
        raise ZeroDivisionError("a fault")


def test_a_fault_of_the_program_is_no_fault_of_the_client(caplog: pytest.LogCaptureFixture) -> None:
    """The parser gives the errors of callbacks back as errors of what it parses."""
    connection = partial(Faulty, max_header_bytes=1_024, watchdog=SlowConnectionWatchdog(20))
    config = uvicorn.Config(
        create_app(Holder()),
        http=connection,  # type: ignore[arg-type]
        lifespan="off",
        log_config=None,
        ws="none",
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            send(client, head("GET", "/livez"))
            answers = parse(read_to_end(client))
        finally:
            server.should_exit = True
            thread.join()
    assert [answer.status for answer in answers] == [500]
    assert "ZeroDivisionError: a fault" in caplog.text
