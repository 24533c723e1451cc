"""uvicorn's HTTP/1.1 connection, made strict: what the RFCs ask a server to refuse never reaches the app, and a request
that is too large or too slow is ended. All refusals are problem documents.

Which parts of uvicorn this relies on is listed in tests/service/test_uvicorn.py.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from scorer.service import http_head, problems
from scorer.service.http_refusals import RefusingProtocol
from scorer.service.http_tasks import go_on
from scorer.service.http_transport import CoalescingTransport
from scorer.service.http_watchdog import SlowConnectionWatchdog

ASGI = {"version": "3.0", "spec_version": "2.3"}
WHOLE_ANSWER = "http.response.whole"
EXTENSIONS: dict[str, dict[str, str]] = {WHOLE_ANSWER: {}}
"""Of ASGI: an answer of status 200 may be sent as one message of headers and body. Nothing checks the headers."""
CLOSE = (b"connection", b"close")
_HASH = ord("#")  # Python looks for a byte in bytes many times faster than for bytes
READ_AHEAD = 256 * 1024
"""Bytes of a body that are read before the app takes them: as many as uvloop reads at once."""


class HTTPProtocol(RefusingProtocol):
    """One connection."""

    cycle: Cycle

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
        """Makes a connection. uvicorn gives the first four arguments, as to its own.

        Args:
            config, server_state, app_state, _loop: as for uvicorn's HttpToolsProtocol.
            max_header_bytes: largest head of a request: request line and headers.
            watchdog: ends slow connections; one for all connections of a process.
        """
        super().__init__(config, server_state, app_state, _loop)
        self._max_header_bytes = max_header_bytes
        self._watchdog = watchdog
        self._checked: list[tuple[bytes, bytes]] = []  # the header lines that http_head.check_fields reads
        self._accepted: list[tuple[bytes, bytes]] | None = None  # those of the last HTTP/1.1 request: often the same
        self._target = (b"", "", b"", b"")  # of the last request, as it came and taken apart: often the same
        self._scope: dict[str, Any] = {}  # what is the same for all requests
        self._event = asyncio.Event()  # of all requests but those that wait for the answers of others
        self._body_left = 0  # bytes of a body that the parser does not see
        self._new: Cycle | None = None  # its app is to be started once the data that are there are parsed

    def connection_made(self, transport: Any) -> None:
        """As asyncio.Protocol."""
        super().connection_made(CoalescingTransport(transport))  # type: ignore[arg-type]
        address = {"server": self.server, "client": self.client, "scheme": self.scheme}
        self._scope |= {"type": "http", "asgi": ASGI, "root_path": "", "extensions": EXTENSIONS, **address}
        self._watchdog.run(self.loop, cast(set[HTTPProtocol], self.connections))

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        if self.refusal is not None:
            return
        self.advanced = False
        self.idle_bytes += len(data)
        if self._body_left:
            data = self._take_body(data)
        if data:
            self._parse(data)
        else:
            self.idle_bytes = 0
        if self._new is not None:
            self._start(self._new)

    def _take_body(self, data: bytes) -> bytes:
        """Hands on what comes of a body of known length, past the parser, which would copy it. Returns the rest."""
        body, rest = data[: self._body_left], data[self._body_left :]  # one of them is empty as a rule: no copy
        self._body_left -= len(body)
        self.on_body(body)
        if not self._body_left:
            self.parser = self.new_parser()  # the old one would wait for the body
            self.on_message_complete()
        return rest

    def _parse(self, data: bytes) -> None:
        rest: memoryview | None = None
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                rest = memoryview(data)[upgrade.args[0] :]
            if rest is not None:
                self.parse_without_upgrade(rest)
        except httptools.HttpParserError as error:
            self.refuse(problems.of_status(self.status_of(error, data)))
            return
        if self.advanced:
            self.idle_bytes = 0
        elif self.idle_bytes > self._max_header_bytes:  # trailers and chunk extensions have no other limit
            self.refuse(problems.of_status(http_head.status_of_large_head(self.url, self.idle_bytes)))

    def _start(self, cycle: Cycle) -> None:
        """Starts the app: without a task where all of the body is there, until it has to wait."""
        self._new = None
        if cycle.more_body:
            self._start_asgi_task(cycle, self.app)
            length = http_head.content_length(cycle.scope["headers"])
            if length is not None:  # then it can be over no limit that the head does not show
                self._body_left = length - cycle.received
                cycle.wakes_up = READ_AHEAD
            return
        running = cycle.run_asgi(self.app)
        try:
            waits_for = running.send(None)
        except StopIteration:
            return
        task = self.loop.create_task(go_on(running, waits_for))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def on_message_begin(self) -> None:
        """As httptools' callback."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._checked = []

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
        self.advanced = True
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":  # RFC 9110, 9.1
                raise http_head.RefusedError(HTTPStatus.NOT_IMPLEMENTED)
            self.asks_for_upgrade = True
            return
        version = self.parser.get_http_version()
        self._check_head(version)
        if self.url != self._target[0]:
            self._target = self.url, *http_head.split_target(self.url)
        scope = self._scope.copy()
        _, scope["path"], scope["raw_path"], scope["query_string"] = self._target
        scope["http_version"] = version
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["headers"] = self.headers
        self.headers = []  # trailers are not merged into the headers (RFC 9110, 6.5.1), and nothing reads them
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        before: Cycle | None = self.cycle
        if before is None or before.response_complete:
            self._event.clear()
            self.cycle = self._new = Cycle(self, scope, keep_alive, self._event)
        else:
            self.cycle = Cycle(self, scope, keep_alive, asyncio.Event())
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _check_head(self, version: str) -> None:
        if version != "1.1":
            http_head.check_version(version)
            http_head.check_fields(version, self._checked)
            self.expect_100_continue &= version != "1.0"  # RFC 9110, 10.1.1
        elif self._checked != self._accepted:
            http_head.check_fields(version, self._checked)
            self._accepted = self._checked
        if not self.url.startswith(b"/") or _HASH in self.url:
            self.url = http_head.checked_target(self.parser.get_method(), self.url)
        if self.idle_bytes > self._max_header_bytes:  # a head is no larger than all that has come
            http_head.check_size(self.url, self.headers, self._max_header_bytes)

    def on_body(self, body: bytes) -> None:
        """As httptools' callback; what comes after the answer is dropped."""
        self.advanced = True
        self.cycle.take(body)

    def on_message_complete(self) -> None:
        """As httptools' callback: all of a request is there, also of one that has been answered before."""
        if self.asks_for_upgrade:
            return
        self.advanced = True
        cycle = self.cycle
        cycle.more_body = False
        cycle.message_event.set()

    def on_response_complete(self) -> None:
        """As RequestResponseCycle's callback; unlike uvicorn's, it starts no timer: the watchdog sees what is idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.refusal is not None:
            self.send_refusal(self.refusal)


class Cycle(RequestResponseCycle):
    """One request of a connection: what its app receives and sends."""

    def __init__(self, connection: HTTPProtocol, scope: Any, keep_alive: bool, event: asyncio.Event) -> None:
        super().__init__(
            scope,
            connection.transport,
            connection.flow,
            connection.logger,
            connection.access_logger,
            connection.access_log,
            connection.server_state.default_headers,
            event,
            connection.expect_100_continue,
            keep_alive,
            connection.on_response_complete,
        )
        self.received = 0  # bytes of the body
        self.wakes_up = 0  # how many of them, not received by the app, wake it up
        self._pieces: list[bytes] = []  # those that the app has not received
        self._held = 0

    def take(self, body: bytes) -> None:
        """Takes the next bytes of the body."""
        self.received += len(body)
        if self.response_complete:
            return
        self._pieces.append(body)
        self._held += len(body)
        if self._held >= READ_AHEAD:
            self.flow.pause_reading()
        if self._held >= self.wakes_up:
            self.message_event.set()

    async def receive(self) -> Any:
        """As ASGI's receive, but a body's bytes are given as they came, and not copied."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.message_event.is_set() and not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            await self.message_event.wait()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0) if self._pieces else b""
        more = self.more_body or bool(self._pieces)
        if not self._pieces:
            self.message_event.clear()
            self._held = 0
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: Any) -> None:
        """As ASGI's send, and takes whole answers."""
        if message["type"] != WHOLE_ANSWER:
            await super().send(message)
            if self.response_complete:
                self.transport.flush()  # type: ignore[attr-defined]
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        headers = [*self.default_headers, *message["headers"]]
        if not self.keep_alive:
            headers.append(CLOSE)
        lines = [b"HTTP/1.1 200 OK", *map(b": ".join, headers), b"\r\n"]
        self.response_started = self.response_complete = True
        self.transport.writelines((b"\r\n".join(lines), message["body"]))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
