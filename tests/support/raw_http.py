"""Requests as bytes, good or bad, and what a server answers to them byte for byte."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.support.servers import Server

TIMEOUT_SECONDS = 20
ROW = b'{"x5":"monday"}'
CHUNKED = b"f\r\n" + ROW + b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class RawAnswer:
    """A response with its header lines as they came."""

    status: int
    phrase: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of the only header line of a name; None where there is none."""
        values = [value for other, value in self.headers if other == name]
        assert len(values) <= 1, f"{name} stands there {len(values)} times"
        return values[0] if values else None


def connect(server: Server) -> socket.socket:
    """A connection to a server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS)


def send(connection: socket.socket, data: bytes) -> None:
    """Sends all that the server takes before it closes."""
    with suppress(BrokenPipeError, ConnectionResetError):  # it has answered then, and the answer can still be read
        connection.sendall(data)


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass  # it closed while there was more to read
    return received


def exchange(server: Server, data: bytes, method: str = "GET") -> list[RawAnswer]:
    """Sends bytes on a connection of their own, and reads until the server closes.

    Args:
        server: who is asked.
        data: what is sent; a server that waits for more does so until its own time is over.
        method: HEAD if no answer has a body.
    """
    with connect(server) as connection:
        send(connection, data)
        return parse(read_to_end(connection), method)


def parse(data: bytes, method: str = "GET") -> list[RawAnswer]:
    """Takes responses apart; each says how long its body is."""
    answers = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end, f"no head of a response: {head[:100]!r}"
        line, *lines = head.decode("latin-1").split("\r\n")
        version, status, phrase = line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = [(name.lower(), value) for name, value in (text.split(": ", 1) for text in lines)]
        bodiless = method == "HEAD" or status in ("100", "304")
        length = 0 if bodiless else int(dict(headers)["content-length"])
        assert len(data) >= length, "the body is cut short"
        answers.append(RawAnswer(int(status), phrase, headers, data[:length]))
        data = data[length:]
    return answers


def post(
    *lines: str, body: bytes = ROW, method: str = "POST", target: str = "/predict", version: str = "HTTP/1.1"
) -> bytes:
    """A request with just these header lines, and Host unless one of them is."""
    named = [line.partition(":")[0] for line in lines]
    host = [] if "host" in named or "no-host" in named else ["host: x"]
    kept = [line for line in lines if line != "no-host"]
    return "\r\n".join([f"{method} {target} {version}", *host, *kept, "", ""]).encode("latin-1") + body


def get(*lines: str, target: str = "/livez", method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    """A request without a body."""
    return post(*lines, body=b"", method=method, target=target, version=version)


def sized(*lines: str, **more: Any) -> bytes:
    """A row with its length."""
    return post(*lines, f"content-length: {len(ROW)}", **more)


def chunked(*lines: str, body: bytes = CHUNKED, **more: Any) -> bytes:
    """A row in chunks."""
    return post(*lines, "transfer-encoding: chunked", body=body, **more)
