"""What goes over a connection, byte for byte."""

from __future__ import annotations

import json
import socket
from typing import Any

from scorer import Scorer
from tests.support.servers import Server


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


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
