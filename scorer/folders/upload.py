"""A file that is sent while it is written, in parts, and appears when the last one is sent."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

PART_BYTES = 16 << 20
"""Of a part, but the last. S3 takes 10,000 of them."""

Put = Callable[[bytes | Iterator[bytes]], object]
"""Sends bytes, or parts as they come. If the iterator raises, it takes back what it has sent, and raises that."""


class _AbortedError(Exception):
    """Ends an upload that is not to appear."""


class Upload(io.RawIOBase):
    """A file to write. What is smaller than a part is sent at once, at the end."""

    def __init__(self, put: Put) -> None:
        """Takes what sends. A thread calls it if there are several parts."""
        self._put = put
        self._part = bytearray()
        self._parts: queue.Queue[bytes | BaseException | None] = queue.Queue(1)
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._ended = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._part += view
        if len(self._part) >= PART_BYTES:
            self._send_part()
        return len(view)

    def finish(self) -> None:
        """Sends the rest: the file appears.

        Raises:
            Exception: what sending raised.
        """
        if self._thread is None:
            self._put(bytes(self._part))
        else:
            self._parts.put(bytes(self._part))
            self._end(None)
        if self._error:
            raise self._error

    def abort(self) -> None:
        """Takes back what was sent."""
        if self._thread:
            self._end(_AbortedError())

    def _send_part(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run)
            self._thread.start()
        if self._error:
            raise self._error
        self._parts.put(bytes(self._part))
        self._part.clear()

    def _end(self, last: BaseException | None) -> None:
        assert self._thread is not None
        self._parts.put(last)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._put(self._iterate())
        except Exception as error:
            self._error = error
        while not self._ended:  # so that no writer waits for ever
            self._take()

    def _iterate(self) -> Iterator[bytes]:
        while (part := self._take()) is not None:
            if isinstance(part, BaseException):
                raise part
            yield part

    def _take(self) -> bytes | BaseException | None:
        part = self._parts.get()
        self._ended = not isinstance(part, bytes)
        return part
