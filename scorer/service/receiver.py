"""How a worker gets its connections: the supervisor's distributor passes them."""

from __future__ import annotations

import asyncio
import errno
import logging
import mmap
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvloop

from scorer.service.distributor import COUNT_BYTES, LEAVING, READY
from scorer.service.http_protocol import HTTPProtocol


class ReceivedConnection(HTTPProtocol):
    """A connection that tells when it is closed.

    Attributes:
        on_close: is called then.
    """

    on_close: Callable[[], None]

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio.Protocol."""
        super().connection_lost(exc)
        self.on_close()


class Loop(uvloop.Loop):
    """A loop whose servers are passed their connections, so that uvicorn starts and ends them like any other."""

    async def create_server(self, make: Callable[[], Any], *, sock: socket.socket, **_: Any) -> Any:  # type: ignore[override]
        """As asyncio's, but `sock` is a worker's channel.

        Args:
            make: makes a ReceivedConnection.
            sock: as Distributor.add_worker gives it.
        """
        return Receiver(self, make, sock)


class Receiver:
    """Takes connections from a channel. In uvicorn's eyes it is an asyncio.Server."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, make: Callable[[], ReceivedConnection], channel: socket.socket
    ) -> None:
        """Says that this worker is ready.

        Args:
            loop: the running loop.
            make: makes a connection.
            channel: as Distributor.add_worker gives it; whoever gives it closes it.
        """
        self._loop, self._make, self._channel = loop, make, channel
        _, (memory,), _, _ = socket.recv_fds(channel, 1, 1)
        self._closed = memoryview(mmap.mmap(memory, COUNT_BYTES)).cast("Q")
        os.close(memory)
        self._open = True
        self._full = False
        self._tasks: set[asyncio.Task[Any]] = set()
        loop.add_reader(channel, self._receive)
        channel.send(READY)

    def close(self) -> None:
        """As asyncio.Server: takes no more. What is on its way goes to other workers."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._channel)
            with suppress(BrokenPipeError):  # the supervisor has ended
                self._channel.send(LEAVING)

    async def wait_closed(self) -> None:
        """As asyncio.Server; uvicorn has waited for the connections before."""

    def _receive(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        except ConnectionResetError:
            data = b""
        if not data:  # the supervisor has ended without ending its workers
            self.close()
            signal.raise_signal(signal.SIGTERM)
        elif descriptors:
            self._full = False
            connection = socket.socket(fileno=descriptors[0])
            task = self._loop.create_task(self._loop.connect_accepted_socket(self._make_connection, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._count_closed()
            if not self._full:
                _logger.error("A connection was lost: %s", os.strerror(errno.EMFILE).lower())
            self._full = True

    def _make_connection(self) -> ReceivedConnection:
        connection = self._make()
        connection.on_close = self._count_closed
        return connection

    def _count_closed(self) -> None:
        self._closed[0] += 1


_logger = logging.getLogger("scorer.service")
