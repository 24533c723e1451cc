"""A file that is read by requests for ranges of its bytes: few of them, and ahead of the reader.

A reader tells by `expect` which ranges it will read. Those that are near to each other are joined, long ones are cut,
and some of the pieces are asked for at the same time before the reader comes to them. A piece is forgotten when it has
been read. What a reader has not told of is asked for as it comes.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

PIECE_BYTES = 8 << 20
"""The largest request for what is expected: waiting for the first byte is a small part of its time."""

GAP_BYTES = 1 << 20
"""Between two ranges: as many bytes come in about the time that another request would wait."""

AHEAD_BYTES = 32 << 20
"""Held or asked for before the reader comes to them."""

REQUESTS = AHEAD_BYTES // PIECE_BYTES
"""At the same time."""

SINGLE_BYTES = 1 << 16
"""The smallest request for what is not expected. The end of a Parquet file has its directory."""

Fetch = Callable[[int, int], Any]
"""Gives the bytes from a start to an end, exclusive."""


@dataclass
class _Piece:
    """Bytes that are asked for at once.

    Attributes:
        start, end: where they are.
        unread: the ends of the ranges in it that have not been read.
        bytes: those that come; None before they are asked for, and after they were read.
    """

    start: int
    end: int
    unread: set[int] = field(default_factory=set)
    bytes: Future[Any] | None = None


class RangeFile(io.RawIOBase):
    """A file to read that can be sought."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        """Takes a file.

        Args:
            fetch: gives its bytes; called by several threads. What it raises, reading raises.
            size: in bytes.
        """
        self._fetch = fetch
        self._size = size
        self._position = 0
        self._pool = ThreadPoolExecutor(REQUESTS)
        self._pieces: list[_Piece] = []
        self._starts: list[int] = []
        self._next = 0
        self._held = 0
        self._single = (0, b"")

    def expect(self, ranges: Iterable[tuple[int, int]] | None = None) -> None:
        """Says what will be read, and in what order.

        Args:
            ranges: starts and ends, exclusive, each beyond the one before; default: all of the file.
        """
        self._pieces = _pieces([(0, self._size)] if ranges is None else ranges)
        self._starts = [piece.start for piece in self._pieces]
        self._next = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        begin, end = self._position, min(self._position + len(view), self._size)
        while self._position < end:
            data = self._read(self._position, end)
            at = self._position - begin
            view[at : at + len(data)] = data
            self._position += len(data)
        return max(0, end - begin)

    def close(self) -> None:
        if not self.closed:
            self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _read(self, start: int, end: int) -> memoryview:
        """The bytes from a start; at least one, and none beyond the end."""
        index = bisect_right(self._starts, start) - 1
        if index < 0 or start >= self._pieces[index].end:
            return self._read_single(start, end)
        piece = self._pieces[index]
        self._ask(piece)
        self._next = max(self._next, index + 1)
        self._ask_ahead()
        assert piece.bytes is not None
        data = memoryview(piece.bytes.result())[start - piece.start : end - piece.start]
        self._forget(piece, start, start + len(data))
        return data

    def _ask(self, piece: _Piece) -> None:
        if piece.bytes is None:
            piece.bytes = self._pool.submit(self._fetch, piece.start, piece.end)
            self._held += piece.end - piece.start

    def _ask_ahead(self) -> None:
        while self._next < len(self._pieces) and self._held < AHEAD_BYTES:
            self._ask(self._pieces[self._next])
            self._next += 1

    def _forget(self, piece: _Piece, start: int, end: int) -> None:
        piece.unread -= {each for each in piece.unread if start < each <= end}
        if not piece.unread:
            piece.bytes = None
            self._held -= piece.end - piece.start

    def _read_single(self, start: int, end: int) -> memoryview:
        at, data = self._single
        if not at <= start < at + len(data):
            at = min(start, max(0, self._size - SINGLE_BYTES))
            data = self._fetch(at, min(max(end, at + SINGLE_BYTES), self._size))
            self._single = (at, data)
        return memoryview(data)[start - at : end - at]


def _pieces(ranges: Iterable[tuple[int, int]]) -> list[_Piece]:
    pieces: list[_Piece] = []
    for start, end in ranges:
        for begin in range(start, end, PIECE_BYTES):
            stop = min(begin + PIECE_BYTES, end)
            last = pieces[-1] if pieces else None
            if last is None or begin - last.end > GAP_BYTES or stop - last.start > PIECE_BYTES:
                last = _Piece(begin, stop)
                pieces.append(last)
            last.end = stop
            last.unread.add(stop)
    return pieces
