"""uvicorn's HTTP/1.1 connection, made strict: what the RFCs ask a server to refuse never reaches the app, and a request
that is too large or too slow is ended. All refusals are problem documents.

Which parts of uvicorn this relies on is listed in tests/service/test_uvicorn.py.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from time import monotonic
from typing import Any, cast

import httptools
from starlette.responses import Response
from uvicorn import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from scorer.errors import SlowBodyError
from scorer.service import http_head, problems
from scorer.service.http_watchdog import SlowConnectionWatchdog

_BAD_TARGET = (UnicodeDecodeError, httptools.HttpParserInvalidURLError)
"""What uvicorn raises when it takes a request target apart."""


class HTTPProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        max_header_bytes: int,
        watchdog: SlowConnectionWatchdog,
    ) -> None:
        """Makes a connection. uvicorn gives the first four arguments.

        Args:
            config: uvicorn's settings.
            server_state: what the connections of a server share.
            app_state: what the app shares with its requests.
            _loop: the event loop; None for the running one.
            max_header_bytes: largest head of a request: request line and headers.
            watchdog: ends slow connections; one for all connections of a process.
        """
        super().__init__(config, server_state, app_state, _loop)
        self.parser = self._new_parser()
        self.url = b""
        self._max_header_bytes = max_header_bytes
        self._watchdog = watchdog
        self._idle_bytes = 0  # received since the last head was complete, or the last bytes of a body came
        self._advanced = False  # whether the data that are being parsed ended a head, or held bytes of a body
        self._asks_for_upgrade = False
        self._checked: list[
            tuple[bytes, bytes]
        ] = []  # the header lines of the request that http_head.check_fields reads
        self._accepted: list[tuple[bytes, bytes]] | None = None  # those of the last HTTP/1.1 request: often the same
        self._refusal: Response | None = None  # sent once the requests before it are answered
        self._waits: tuple[object, float] = ((None, False), monotonic())  # for what of which cycle, and since when

    def connection_made(self, transport: Any) -> None:
        """As asyncio.Protocol."""
        super().connection_made(CoalescingTransport(transport))  # type: ignore[arg-type]
        self._watchdog.run(self.loop, cast(set[HTTPProtocol], self.connections))

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        if self._refusal is not None:
            return
        self._advanced = False
        self._idle_bytes += len(data)
        rest: memoryview | None = None
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                rest = memoryview(data)[upgrade.args[0] :]
            if rest is not None:
                self._parse_without_upgrade(rest)
        except httptools.HttpParserError as error:
            self._refuse(problems.of_status(self._status_of(error, data)))
            return
        if self._advanced:
            self._idle_bytes = 0
        elif self._idle_bytes > self._max_header_bytes:  # trailers and chunk extensions have no other limit
            self._refuse(problems.of_status(http_head.status_of_large_head(self.url, self._idle_bytes)))

    def _parse_without_upgrade(self, rest: memoryview) -> None:
        """Parses the last head again without its Upgrade (RFC 9110, 7.8): the parser has skipped its body.

        Args:
            rest: what came after the head.
        """
        while self._asks_for_upgrade:
            self._asks_for_upgrade = False
            old, self.parser = self.parser, self._new_parser()
            head = (old.get_method(), self.url, old.get_http_version(), self.headers)
            self.parser.feed_data(http_head.without_upgrade(*head))
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]

    def _new_parser(self) -> httptools.HttpRequestParser:
        """A parser that reads on after Connection: close, as uvicorn's does, and takes any version."""
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)
        return parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """As httptools' callback."""
        name = name.lower()
        if name in http_head.CHECKED:
            self._checked.append((name, value))
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """As httptools' callback: starts the app.

        Raises:
            RefusedError: the request must not reach it.
        """
        self._advanced = True
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":  # RFC 9110, 9.1
                raise http_head.RefusedError(HTTPStatus.NOT_IMPLEMENTED)
            self._asks_for_upgrade = True
            return
        self._check_head()
        super().on_headers_complete()
        self.headers = []  # trailers are not merged into the headers (RFC 9110, 6.5.1), and nothing reads them

    def _check_head(self) -> None:
        version = self.parser.get_http_version()
        if version != "1.1":
            http_head.check_version(version)
            http_head.check_fields(version, self._checked)
            self.expect_100_continue &= version != "1.0"  # RFC 9110, 10.1.1
        elif self._checked != self._accepted:
            http_head.check_fields(version, self._checked)
            self._accepted = self._checked
        if not self.url.startswith(b"/") or b"#" in self.url:
            self.url = http_head.checked_target(self.parser.get_method(), self.url)
        if self._idle_bytes > self._max_header_bytes:  # a head is no larger than all that has come
            http_head.check_size(self.url, self.headers, self._max_header_bytes)

    def on_body(self, body: bytes) -> None:
        """As httptools' callback; what comes after the answer is dropped."""
        self._advanced = True
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """As httptools' callback: all of a request is there, also of one that has been answered before."""
        self._checked = []
        if self._asks_for_upgrade:
            return
        self._advanced = True
        cycle = self.cycle
        cycle.more_body = False
        cycle.message_event.set()

    def on_response_complete(self) -> None:
        """As RequestResponseCycle's callback; unlike uvicorn's, it starts no timer: the watchdog sees what is idle."""
        self.transport.flush()  # type: ignore[attr-defined]
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal is not None:
            self._send_refusal(self._refusal)

    def end_if_slow(self, now: float, receive_seconds: float) -> None:
        """Ends a connection that sends too slowly, or is idle too long, counted from the first call that finds it so.

        Args:
            now: as time.monotonic() gives it.
            receive_seconds: how long a head or a body may take.
        """
        cycle: Any = self.cycle
        in_body = cycle is not None and cycle.more_body
        between = cycle is not None and not in_body and not self._idle_bytes  # nothing of a next request is there
        if between and not cycle.response_complete:
            self._waits = (None, now)
            return
        waits_for = (cycle, between)
        was_for, since = self._waits
        if was_for != waits_for:
            self._waits = (waits_for, now)
        elif now - since < (self.timeout_keep_alive if between else receive_seconds):
            return
        elif in_body:
            self._refuse(problems.of_scorer_error(SlowBodyError(receive_seconds)))
        elif self._idle_bytes:
            self._refuse(problems.of_status(HTTPStatus.REQUEST_TIMEOUT))
        else:
            self.transport.close()

    def _status_of(self, error: httptools.HttpParserError, data: bytes) -> HTTPStatus:
        """The status that answers an error of the parser, and of the callbacks above."""
        cause = error.__context__
        if isinstance(cause, http_head.RefusedError):
            return cause.status
        if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(cause, _BAD_TARGET):
            self.logger.error("A head could not be read", exc_info=cause)
            return HTTPStatus.INTERNAL_SERVER_ERROR
        begins_request = not self._advanced and self._idle_bytes == len(data)
        is_method = isinstance(error, httptools.HttpParserInvalidMethodError)
        if is_method and begins_request and http_head.is_request_line(data):
            return HTTPStatus.NOT_IMPLEMENTED  # RFC 9110, 9.1
        return HTTPStatus.BAD_REQUEST

    def _refuse(self, answer: Response) -> None:
        """Answers the newest request without the app, after those before it (RFC 9112, 9.3.2), and closes."""
        if self.transport.is_closing() or self._refusal is not None:
            return
        cycle: Any = self.cycle
        others_wait = cycle is not None and not cycle.response_complete
        if cycle is not None and cycle.more_body:  # the newest request is the one of this cycle
            if cycle.response_complete:
                self.transport.close()
                return
            others_wait = bool(self.pipeline)
            if others_wait:
                self.pipeline.popleft()
        if others_wait:
            self._refusal = answer
        else:
            self._send_refusal(answer)

    def _send_refusal(self, answer: Response) -> None:
        status = HTTPStatus(answer.status_code)
        headers = [
            *self.server_state.default_headers,
            *answer.raw_headers,
            problems.NO_SNIFFING,
            (b"connection", b"close"),
        ]
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(b"%b: %b" % header for header in headers)]
        content = b"" if self.parser.get_method() == b"HEAD" else bytes(answer.body)
        self.transport.write(b"\r\n".join([*lines, b"", content]))
        self.transport.close()


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
        """As asyncio.WriteTransport, but a head is kept until its body is written."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        elif data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/1.1 ") and not data.startswith(_CONTINUE):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Sends a head that has no body, as in an answer to HEAD."""
        if self._head is not None:
            self._transport.write(self._head)
            self._head = None

    def close(self) -> None:
        """As asyncio.BaseTransport."""
        self.flush()
        self._transport.close()


_CONTINUE = b"HTTP/1.1 100 "
