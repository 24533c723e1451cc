"""Accepts the connections of a server with several workers, and passes each to a worker that has the fewest.

Where workers accept from one socket themselves, the first that wakes takes what is waiting: two connections that come
at once are often one worker's, and a batch on each takes twice as long as it must.
"""

from __future__ import annotations

import logging
import mmap
import os
import resource
import socket
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from time import monotonic

MEMORY, CONNECTION = b"#", b"+"
"""What file descriptors are passed with: first the memory in which the worker counts the connections that are closed,
one unsigned integer of 8 bytes, and then connections."""

READY, LEAVING = b"r", b"l"
"""What a worker tells: that it takes connections, and that it takes no more."""

COUNT_BYTES = 8
PAUSE_SECONDS = 0.5
"""How long nothing is accepted after an error, or nothing passed to a worker whose channel is full."""

_OTHER_FILES = 100
"""How many of the files that a worker may open are left for others than connections."""


class _Worker:
    """A worker, as the distributor sees it.

    Attributes:
        ours, workers: the two ends of the channel. Both are open here, so that what the worker leaves in it stays.
        ended: a file descriptor that can be read once its process has ended; -1 before it has started.
        ready: whether it takes connections.
        turn: when a connection was last passed to it; a higher number is later.
        rests_until: nothing is passed to it before; as time.monotonic() gives it.
    """

    def __init__(self) -> None:
        self.ours, self.workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)
        memory = os.memfd_create("closed connections")
        os.ftruncate(memory, COUNT_BYTES)
        self._closed = memoryview(mmap.mmap(memory, COUNT_BYTES)).cast("Q")
        socket.send_fds(self.ours, [MEMORY], [memory])
        os.close(memory)
        self.ended = -1
        self.ready = False
        self.turn = 0
        self.rests_until = 0.0
        self._passed = 0

    @property
    def connections(self) -> int:
        """How many connections have been passed to it, and are not closed."""
        return self._passed - self._closed[0]

    def take(self, connection: socket.socket, turn: int) -> bool:
        """Passes a connection on, and closes it here; False where that is not possible now."""
        try:
            socket.send_fds(self.ours, [CONNECTION], [connection.fileno()])
        except OSError:
            self.rests_until = monotonic() + PAUSE_SECONDS
            return False
        connection.close()
        self._passed += 1
        self.turn = turn
        return True

    def close(self) -> Iterator[socket.socket]:
        """Closes the channel. Gives the connections that the worker has not taken from it."""
        self.workers.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                data, descriptors, _, _ = socket.recv_fds(self.workers, 1, 1)
                for descriptor in descriptors:
                    if data == CONNECTION:
                        yield socket.socket(fileno=descriptor)
                    else:
                        os.close(descriptor)
        self.ours.close()
        self.workers.close()
        if self.ended >= 0:
            os.close(self.ended)


class Distributor:
    """Passes connections to workers, in a thread of its own.

    A connection that a worker has not taken when it ends goes to another one. While no worker can take any, nothing is
    accepted: connections wait in their sockets' queues.
    """

    def __init__(self, listeners: Iterable[socket.socket]) -> None:
        """Starts the thread.

        Args:
            listeners: sockets that listen; it closes them.
        """
        self._listeners = list(listeners)
        for listener in self._listeners:
            listener.setblocking(False)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = sys.maxsize if limit == resource.RLIM_INFINITY else max(1, limit - _OTHER_FILES)
        self._selector = DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._selector.register(self._bell, EVENT_READ, lambda: self._bell.recv(1))
        self._starting: deque[_Worker] = deque()
        self._workers: list[_Worker] = []
        self._waiting: deque[socket.socket] = deque()
        self._accepting = self._accept_failed = False
        self._accepts_from = 0.0
        self._turns = count(1)
        self._ending = self._stopped = False
        self._thread = Thread(target=self._run, name="distributor", daemon=True)
        self._thread.start()

    def add_worker(self) -> socket.socket:
        """The channel of a new worker, over which it is passed connections once it says that it is ready."""
        worker = _Worker()
        self._starting.append(worker)
        return worker.workers

    def worker_started(self, sentinel: int) -> None:
        """Has the worker watched that was added before all others that have not started.

        Args:
            sentinel: a file descriptor that can be read once its process has ended.
        """
        worker = self._starting.popleft()
        worker.ended = os.dup(sentinel)
        self._workers.append(worker)
        for watched in (worker.ours, worker.ended):  # epoll takes them while the thread waits
            self._selector.register(watched, EVENT_READ, partial(self._listen_to, worker))

    def end_with_workers(self) -> None:
        """From now on the listeners are closed once no worker is left: who comes then is refused at once."""
        self._ending = True
        self._rope.send(b"!")

    def stop(self) -> None:
        """Closes everything."""
        self._stopped = True
        self._rope.send(b"!")
        self._thread.join()
        left = [connection for worker in (*self._workers, *self._starting) for connection in worker.close()]
        for each in (*self._listeners, *self._waiting, *left, self._bell, self._rope):
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stopped:
            self._accept_or_not()
            for key, _ in self._selector.select(None if self._accepting else PAUSE_SECONDS):
                key.data()
            while self._waiting and (worker := self._next_worker()):
                if worker.take(self._waiting[0], next(self._turns)):
                    self._waiting.popleft()

    def _accept_or_not(self) -> None:
        """Has the listeners watched only while there is a worker for what they accept."""
        accepting = not self._waiting and monotonic() >= self._accepts_from and self._next_worker() is not None
        if accepting != self._accepting:
            self._accepting = accepting
            for listener in self._listeners:
                if accepting:
                    self._selector.register(listener, EVENT_READ, partial(self._accept, listener))
                else:
                    self._selector.unregister(listener)
        if self._ending and not any(worker.ready for worker in self._workers):
            for left in (self._listeners, self._waiting):
                while left:
                    left.pop().close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._accepts_from = monotonic() + PAUSE_SECONDS
            if not self._accept_failed:
                reason = os.strerror(error.errno or 0).lower()
                _logger.error("Connections wait to be accepted, which is tried again: %s", reason)
            self._accept_failed = True
            return
        self._accept_failed = False
        worker = self._next_worker()
        if worker is None or not worker.take(connection, next(self._turns)):
            self._waiting.append(connection)

    def _next_worker(self) -> _Worker | None:
        """The worker with the fewest connections, in turn where several have; None if none can take any."""
        now = monotonic()
        free = (
            each for each in self._workers if each.ready and each.connections < self._most and each.rests_until <= now
        )
        return min(free, key=lambda worker: (worker.connections, worker.turn), default=None)

    def _listen_to(self, worker: _Worker) -> None:
        """Hears that a worker takes connections, or takes no more, or that its process has ended."""
        if worker not in self._workers:
            return
        with suppress(BlockingIOError):
            if worker.ours.recv(1) == READY:
                worker.ready = True
                return
        self._workers.remove(worker)
        self._selector.unregister(worker.ours)
        self._selector.unregister(worker.ended)
        self._waiting.extend(worker.close())


_logger = logging.getLogger("scorer.service")
