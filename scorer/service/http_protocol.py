"""uvicorn's HTTP protocol with a limit on the size of a request's head and on the time that head and body may take to
arrive, and with problem documents for what never becomes a request."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from time import monotonic
from typing import Any, ClassVar

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scorer.errors import SlowBodyError
from scorer.service import problems
from scorer.service.settings import Settings


class CoalescingTransport:
    """A transport that sends the head of an answer together with what follows it.

    uvicorn writes the two one after the other, and uvloop sends each at once. A process that is killed in between has
    begun an answer, so that no proxy may try the request elsewhere; and a system call is a tenth of a single row.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._transport, name)
        setattr(self, name, attribute)  # the next time it is found at once
        return attribute

    def write(self, data: bytes) -> None:
        """As asyncio.WriteTransport; a head is kept."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        elif data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/1.1 ") and not data.startswith(_CONTINUE):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Sends a head that nothing follows, as that of an answer to HEAD."""
        if self._head is not None:
            self._transport.write(self._head)
            self._head = None

    def close(self) -> None:
        """As asyncio.BaseTransport."""
        self.flush()
        self._transport.close()


_CONTINUE = b"HTTP/1.1 100 "


class Protocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        max_header_bytes: largest head of a request.
        receive_seconds: how long it may take to arrive, and then the body, and how long a new connection may send
            nothing; to within a second.
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
        super().connection_made(CoalescingTransport(transport))  # type: ignore[arg-type]
        self._head_bytes = 0
        self._ended_late = False  # the last data were the end of a body that had been refused already
        self._wait: tuple[object, float] = (None, monotonic())
        if Protocol._timer is None:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        HttpToolsProtocol.data_received(self, data)
        cycle: Any = self.cycle
        if cycle is None or (cycle.response_complete and not cycle.more_body):  # it was of a head that has not ended
            self._head_bytes += 0 if self._ended_late else len(data)
            self._ended_late = False
            if self._head_bytes > self.max_header_bytes:
                self._refuse(problems.of_status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        elif self._head_bytes:
            self._head_bytes = 0

    def on_message_complete(self) -> None:
        """As httptools' callback: all of a request is there, also of one that has been answered before."""
        cycle: Any = self.cycle
        cycle.more_body = False
        cycle.message_event.set()
        if cycle.response_complete:
            self._ended_late = True
            self.timeout_keep_alive_task = self.loop.call_later(  # anew, since the rest of the body has ended it
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """As RequestResponseCycle's callback."""
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn says what it says to everything)
        """Answers what is not HTTP."""
        self._refuse(problems.of_status(HTTPStatus.BAD_REQUEST))

    def _refuse(self, answer: Response) -> None:
        """Answers without the app, and closes."""
        if self.transport.is_closing():
            return
        status = HTTPStatus(answer.status_code)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [name + b": " + value for name, value in answer.raw_headers if name != b"connection"]
        self.transport.write(b"\r\n".join([*lines, b"connection: close", b"", bytes(answer.body)]))
        self.transport.close()

    def _watch(self) -> None:
        """Looks at all connections now and then: a timer for each would cost every request."""
        Protocol._timer = None
        now = monotonic()
        for connection in list(self.connections):
            if isinstance(connection, Protocol):
                connection._end_if_slow(now)
        if self.connections:
            Protocol._timer = self.loop.call_later(min(1.0, self.receive_seconds / 4), self._watch)

    def _end_if_slow(self, now: float) -> None:
        """Ends a connection that has been waited for too long, from the first look that finds it so."""
        cycle: Any = self.cycle
        in_body = cycle is not None and cycle.more_body
        answered = cycle is not None and cycle.response_complete
        if cycle is not None and not in_body and not self._head_bytes:
            self._wait = (cycle, now)  # a request is being answered; or none has begun, and uvicorn ends it in time
            return
        waits_for, since = self._wait
        if waits_for is not cycle:
            self._wait = (cycle, now)
        elif now - since < self.receive_seconds:
            return
        elif in_body and not answered:
            self._refuse(problems.of_scorer_error(SlowBodyError(self.receive_seconds)))
        elif self._head_bytes:
            self._refuse(problems.of_status(HTTPStatus.REQUEST_TIMEOUT))
        else:  # nothing has been sent, or the rest of a body that is refused already does not come
            self.transport.close()
