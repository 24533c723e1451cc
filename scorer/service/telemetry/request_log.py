"""What every request has in common: its id, its place in the metrics, and its line in the log."""

from __future__ import annotations

import logging
import random
import re
import secrets
from collections.abc import Iterable
from itertools import count
from time import perf_counter
from typing import Any

from starlette.types import Message, Scope, Send

from scorer.service.holder import Holder
from scorer.service.settings import Settings
from scorer.service.telemetry.counters import Metrics

_log = logging.getLogger("scorer.access")
_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class Watched:
    """A request's way to send: notes the status, and adds the request's id to the answer."""

    __slots__ = ("_send", "began", "request_id", "scope", "status")

    def __init__(self, scope: Scope, send: Send, request_id: bytes) -> None:
        self.scope = scope
        self.request_id = request_id
        self.status = 0
        self.began = perf_counter()
        self._send = send

    async def __call__(self, message: Message) -> None:
        """As ASGI's send."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"].append((b"x-request-id", self.request_id))
        await self._send(message)


class Watch:
    """Counts and logs requests.

    Attributes:
        share: of the requests that are logged.
    """

    def __init__(self, holder: Holder, settings: Settings, metrics: Metrics | None, paths: Iterable[str]) -> None:
        """Starts watching.

        Args:
            holder: of the version that answers.
            settings: what share is logged.
            metrics: where requests are counted; None for nowhere.
            paths: of the app; requests to others are counted together.
        """
        self._holder = holder
        self._metrics = metrics
        self.share = settings.access_log
        self._paths = frozenset(paths)
        self._start = secrets.token_hex(8).encode() + b"-"
        self._numbers = count(1)

    def new_id(self) -> bytes:
        """A request id that no other request has."""
        return self._start + b"%x" % next(self._numbers)

    def begin(self, scope: Scope, send: Send) -> Watched:
        """Watches a request: its id is the one it came with, or a new one."""
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        return Watched(scope, send, given if is_id(given) else self.new_id())

    def end(self, watched: Watched) -> None:
        """Notes that a watched request has been answered, or that its client has gone (then its status is 0)."""
        if self._metrics:
            path = watched.scope["path"]
            served = self._holder.served
            version = served.scorer.file.version if served else ""
            self._metrics.count("requests", path if path in self._paths else "other", str(watched.status), version)
        self.log(watched.scope, watched.status, watched.began, watched.request_id)

    def log(self, scope: Scope, status: int, began: float, request_id: bytes) -> None:
        """Writes the line of a request, if it is among the share that gets one."""
        if self.share and random.random() < self.share:
            line = self._line(scope, status, began, request_id)
            _log.info("%(method)s %(path)s %(status)d, %(milliseconds).3f ms, %(request_id)s", line, extra=line)

    def _line(self, scope: Scope, status: int, began: float, request_id: bytes) -> dict[str, Any]:
        line = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "milliseconds": round((perf_counter() - began) * 1e3, 3),
            "request_id": request_id.decode(),
        }
        for name, value in scope["headers"]:
            if name == b"traceparent":
                line["traceparent"] = value.decode("latin-1")[:55]
        return line


def is_id(value: bytes) -> bool:
    """Whether a request's id can be taken over: up to 128 visible ASCII characters."""
    return _ID.fullmatch(value) is not None
