"""The log line of a request."""

from __future__ import annotations

import logging
import random

from starlette.types import Scope

_log = logging.getLogger("scorer.access")


class RequestLog:
    """Writes a line for a share of the requests."""

    def __init__(self, share: float) -> None:
        """Makes a log.

        Args:
            share: of the requests, 0 to 1: each is logged with this probability.
        """
        self._share = share

    def write(self, scope: Scope, status: int, seconds: float, request_id: bytes) -> None:
        """Writes the line of a request, if it is among the share that gets one.

        Args:
            scope: of the request.
            status: of its answer; 0 where the client went away before it.
            seconds: what it took.
            request_id: as the answer names it.
        """
        if random.random() >= self._share:  # random() is below 1, so a share of 1 logs all and 0 none
            return
        line = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "milliseconds": round(seconds * 1e3, 3),
            "request_id": request_id.decode(),
        }
        for name, value in scope["headers"]:
            if name == b"traceparent":
                line["traceparent"] = value.decode("latin-1")[:55]
        _log.info("%(method)s %(path)s %(status)d, %(milliseconds).3f ms, %(request_id)s", line, extra=line)
