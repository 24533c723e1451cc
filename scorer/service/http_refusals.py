"""What a connection answers by itself, without its app: refusals, and the end of slow requests."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from time import monotonic
from typing import Any

import httptools
from starlette.responses import Response
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from scorer.errors import SlowBodyError
from scorer.service import http_head, problems

_BAD_TARGET = (UnicodeDecodeError, httptools.HttpParserInvalidURLError)
"""What is raised where a request target is taken apart."""


class RefusingProtocol(HttpToolsProtocol):
    """A connection that refuses requests, and upgrades. Its subclass has the parser's callbacks, which keep the first
    three attributes.

    Attributes:
        asks_for_upgrade: whether the last head asks for another protocol.
        idle_bytes: received since the last head was complete, or the last bytes of a body came.
        advanced: whether the data that are being parsed ended a head, or held bytes of a body.
        refusal: sent once the requests before it are answered.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self.parser = self.new_parser()
        self.url = b""
        self.asks_for_upgrade = False
        self.idle_bytes = 0
        self.advanced = False
        self.refusal: Response | None = None
        self._waits: tuple[object, float] = ((None, False), monotonic())  # for what of which cycle, and since when

    def parse_without_upgrade(self, rest: memoryview) -> None:
        """Parses the last head again without its Upgrade (RFC 9110, 7.8): the parser has skipped its body.

        Args:
            rest: what came after the head.
        """
        while self.asks_for_upgrade:
            self.asks_for_upgrade = False
            old, self.parser = self.parser, self.new_parser()
            head = (old.get_method(), self.url, old.get_http_version(), self.headers)
            self.parser.feed_data(http_head.without_upgrade(*head))
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]

    def new_parser(self) -> httptools.HttpRequestParser:
        """A parser that reads on after Connection: close, as uvicorn's does, and takes any version."""
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)
        return parser

    def end_if_slow(self, now: float, receive_seconds: float) -> None:
        """Ends a connection that sends too slowly, or is idle too long, counted from the first call that finds it so.

        Args:
            now: as time.monotonic() gives it.
            receive_seconds: how long a head or a body may take.
        """
        cycle: Any = self.cycle
        in_body = cycle is not None and cycle.more_body
        between = cycle is not None and not in_body and not self.idle_bytes  # nothing of a next request is there
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
            self.refuse(problems.of_scorer_error(SlowBodyError(receive_seconds)))
        elif self.idle_bytes:
            self.refuse(problems.of_status(HTTPStatus.REQUEST_TIMEOUT))
        else:
            self.transport.close()

    def status_of(self, error: httptools.HttpParserError, data: bytes) -> HTTPStatus:
        """The status that answers an error of the parser, or of one of its callbacks."""
        cause = error.__context__
        if isinstance(cause, http_head.RefusedError):
            return cause.status
        if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(cause, _BAD_TARGET):
            self.logger.error("A head could not be read", exc_info=cause)
            return HTTPStatus.INTERNAL_SERVER_ERROR
        begins_request = not self.advanced and self.idle_bytes == len(data)
        is_method = isinstance(error, httptools.HttpParserInvalidMethodError)
        if is_method and begins_request and http_head.is_request_line(data):
            return HTTPStatus.NOT_IMPLEMENTED  # RFC 9110, 9.1
        return HTTPStatus.BAD_REQUEST

    def refuse(self, answer: Response) -> None:
        """Answers the newest request without the app, after those before it (RFC 9112, 9.3.2), and closes."""
        if self.transport.is_closing() or self.refusal is not None:
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
            self.refusal = answer
        else:
            self.send_refusal(answer)

    def send_refusal(self, answer: Response) -> None:
        """Answers at once, and closes."""
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
