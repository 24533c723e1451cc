"""Requests as bytes, good or bad, and what a server answers to them byte for byte."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

from tests.support.servers import Server

TIMEOUT_SECONDS = 20


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
