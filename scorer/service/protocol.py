"""uvicorn's HTTP protocol with a limit on the size of a request's head and on the time it may take, and with problem
documents for what never becomes a request."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from time import monotonic
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scorer.service.problems import MEDIA_TYPE
from scorer.service.settings import Settings


class Protocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        max_header_bytes: largest head of a request.
        receive_seconds: how long it may take to arrive, and how long a new connection may send nothing.
    """

    max_header_bytes: ClassVar[int] = Settings().max_header_bytes
    receive_seconds: ClassVar[float] = Settings().receive_seconds
    _timer: ClassVar[asyncio.TimerHandle | None] = None

    @classmethod
    def configure(cls, settings: Settings) -> None:
        """Sets the limits of all connections of this process."""
        cls.max_header_bytes = settings.max_header_bytes
        cls.receive_seconds = settings.receive_seconds

    def connection_made(self, transport: Any) -> None:
        """As asyncio.Protocol."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._head_began: float | None = monotonic()
        if Protocol._timer is None:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        before: Any = self.cycle  # None before the first request
        if before and not before.response_complete:
            super().data_received(data)  # of a body, which Predict limits
            return
        if self._head_began is None:
            self._head_began = monotonic()
        self._head_bytes += len(data)
        super().data_received(data)
        if self.cycle is not before:
            self._head_bytes, self._head_began = 0, None
        elif self._head_bytes > self.max_header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str = "") -> None:
        if self.transport.is_closing():
            return
        document = {"type": "about:blank", "title": status.phrase, "status": status.value}
        body = orjson.dumps(document | ({"detail": detail} if detail else {}))
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _watch(self) -> None:
        """Looks at all connections now and then: a timer for each would cost every request."""
        Protocol._timer = None
        latest = monotonic() - self.receive_seconds
        for connection in list(self.connections):
            if isinstance(connection, Protocol):
                connection._end_if_it_began_before(latest)
        if self.connections:
            Protocol._timer = self.loop.call_later(min(1.0, self.receive_seconds / 4), self._watch)

    def _end_if_it_began_before(self, latest: float) -> None:
        if self._head_began is None or self._head_began > latest:
            return
        if self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()
