"""An HTTP/1.1 client that uses little CPU time: a slow client measures itself (docs/performance.md)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

CONNECT_SECONDS = 10.0
LOST = "connection lost"


class TargetError(Exception):
    """A server that cannot be used; the message is one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response.

    Attributes:
        status: the HTTP status; 0 if the connection was lost.
        sha256: the coefficient file's hash, from the response's headers; empty if absent.
        body: the body's bytes.
    """

    status: int
    sha256: str
    body: bytes


class Connection(asyncio.Protocol):
    """One keep-alive connection, which takes one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parts: list[bytes] = []
        self._sha256 = b""
        self._closed = asyncio.Event()
        self.open = False

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Sends a request. Returns a future of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._parts, self._sha256 = [], b""
        if self._transport is None or not self.open:
            self._end(0)
        else:
            self._transport.write(request)
        return self._answer

    async def close(self) -> None:
        """Closes the connection, and waits until it is closed: the event loop must not end before."""
        self._shut()
        await self._closed.wait()

    def _shut(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()  # close would wait for a server that does not read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        # uvloop's transports are not instances of asyncio's classes.
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._shut()

    def connection_lost(self, _exception: Exception | None) -> None:
        """Called by the event loop."""
        self.open = False
        self._closed.set()
        self._end(0)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if name.lower() == b"x-model-sha256":
            self._sha256 = value

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._end(self._parser.get_status_code())
        if not self._parser.should_keep_alive():
            self._shut()

    def _end(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, self._sha256.decode("latin-1"), b"".join(self._parts)))


class Target:
    """The server that requests are sent to."""

    def __init__(self, url: str, key: str = "") -> None:
        """Parses a URL.

        Args:
            url: http or https, with host, port, and a path if the API is below one.
            key: an API key, if the server asks for one.

        Raises:
            TargetError: the URL is not valid.
        """
        self.url = url.rstrip("/")
        try:
            parts = urlsplit(self.url)
            self._port = parts.port or {"http": 80, "https": 443}[parts.scheme]
            host = parts.hostname
        except (ValueError, KeyError):
            host = None
        if not host or parts.query or parts.fragment or parts.username is not None:
            raise TargetError(f"{url} is no URL of a server, such as http://127.0.0.1:1313")
        self._host = host
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._path = parts.path
        self._headers = f"host: {parts.netloc}\r\n" + (f"authorization: Bearer {key}\r\n" if key else "")

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The bytes of a request."""
        head = f"{method} {self._path}{path} HTTP/1.1\r\n{self._headers}"
        return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    async def connect(self) -> Connection:
        """Opens a connection.

        Raises:
            TargetError: the connection cannot be opened.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._tls)
        except TimeoutError:
            raise TargetError(f"{self.url}: no connection within {CONNECT_SECONDS:.0f} seconds") from None
        except OSError as error:
            refused = isinstance(error, ConnectionRefusedError)
            raise TargetError(f"{self.url}: {'connection refused' if refused else error}") from None
        return connection
