"""Ends connections that send too slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from time import monotonic
from typing import Protocol


class Connection(Protocol):
    """A connection that can tell whether it is slow: scorer.service.http_protocol.HTTPProtocol."""

    def end_if_slow(self, now: float, receive_seconds: float) -> None:
        """Ends it if it has been waited for too long; ``now`` as time.monotonic() gives it."""


class SlowConnectionWatchdog:
    """Ends the connections of a process that send too slowly, or nothing.

    One timer serves all connections: a timer for each, as uvicorn has, would cost time with every request.
    """

    def __init__(self, receive_seconds: float) -> None:
        """Makes a watchdog; it can be pickled until it runs.

        Args:
            receive_seconds: how long a head may take to arrive, and then its body, and how long a new connection may
                send nothing; to within a second.
        """
        self._receive_seconds = receive_seconds
        self._timer: asyncio.TimerHandle | None = None

    def run(self, loop: asyncio.AbstractEventLoop, connections: Collection[Connection]) -> None:
        """Starts the timer, unless it runs; it goes on as long as there are connections."""
        if self._timer is None:
            self._look(loop, connections)

    def _look(self, loop: asyncio.AbstractEventLoop, connections: Collection[Connection]) -> None:
        now = monotonic()
        for connection in tuple(connections):
            connection.end_if_slow(now, self._receive_seconds)
        interval = min(1.0, self._receive_seconds / 4)
        self._timer = loop.call_later(interval, self._look, loop, connections) if connections else None
