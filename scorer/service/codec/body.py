"""Request bodies: the content types and encodings that are read, and decompression within limits."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from scorer.errors import BodyTooLargeError, MalformedBodyError, UnsupportedBodyError

ENCODINGS = ("gzip", "deflate", "zstd")
"""Content encodings that are read."""

_STEP = 256 * 1024
"""Bytes that are decompressed at a time, so that a bomb is noticed before it has gone off."""

MAX_STREAMS = 10_000
"""gzip members or zstd frames in one body. Each begins with a new decompressor, 10 µs of time even where nothing is in
it, and an empty one has 9 bytes. bgzip, which writes the most of all, makes a member of 64 KiB: 4,000 of 256 MiB."""


class Decompressor(Protocol):
    """One compressed stream, as bz2, lzma and zstd have it."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after its end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most ``max_length`` bytes more; the rest comes with the next calls, which may pass no data."""


class _Zlib:
    """gzip and deflate in the shape of the others."""

    def __init__(self, window: int) -> None:
        self._stream: Any = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._stream.unused_data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return bytes(self._stream.decompress(self._stream.unconsumed_tail + data, max_length))


def _zstd() -> tuple[Callable[[], Any], type[Exception]]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdDecompressor, zstd.ZstdError


class BodyDecoder:
    """Decompresses a body while it arrives."""

    def __init__(self, encoding: bytes) -> None:
        """Raises UnsupportedBodyError if ``encoding``, a Content-Encoding header, is not one that is read."""
        name = encoding.decode("latin-1").strip().lower()
        self._name = name
        self._error: type[Exception] = zlib.error
        if name in ("gzip", "x-gzip"):
            self._make: Callable[[], Any] = lambda: _Zlib(zlib.MAX_WBITS + 16)
        elif name == "deflate":
            self._make = lambda: _Zlib(zlib.MAX_WBITS)
        elif name == "zstd":
            self._make, self._error = _zstd()
        else:
            raise UnsupportedBodyError(f"the content encoding is not read: expected one of {', '.join(ENCODINGS)}")
        self._stream: Decompressor = self._make()
        self._streams = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompresses some more bytes, into pieces of limited size.

        Raises:
            MalformedBodyError: they are not of this encoding.
            UnsupportedBodyError: more than MAX_STREAMS streams.
        """
        try:
            while data:
                if self._stream.eof:  # gzip and zstd may be several streams, one after the other
                    self._begin_another()
                piece = self._stream.decompress(data, _STEP)
                data = b""
                while piece:
                    yield piece
                    piece = b"" if self._stream.eof else self._stream.decompress(b"", _STEP)
                if self._stream.eof:
                    data = self._stream.unused_data
        except (self._error, EOFError):
            raise MalformedBodyError(f"the body is not {self._name}") from None

    def _begin_another(self) -> None:
        self._streams += 1
        if self._streams > MAX_STREAMS:
            raise UnsupportedBodyError(f"the body is {self._name} in more than {MAX_STREAMS:,} streams")
        self._stream = self._make()

    def finish(self) -> None:
        """Checks, at the end of the body, that it is complete.

        Raises:
            MalformedBodyError: a stream has not ended.
        """
        if not self._stream.eof:
            raise MalformedBodyError(f"the body is not {self._name}: it ends too early")


class BodyReader:
    """Takes a body chunk by chunk, and holds it to its limits."""

    def __init__(self, decoder: BodyDecoder | None, max_bytes: int, max_unpacked_bytes: int) -> None:
        """Starts a body.

        Args:
            decoder: of a compressed body, else None.
            max_bytes: the most bytes as they are sent.
            max_unpacked_bytes: the most bytes once they are decompressed.
        """
        self._decoder = decoder
        self._max_bytes = max_bytes
        self._max_unpacked_bytes = max_unpacked_bytes
        self._size = self._unpacked = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The next bytes of the body, decompressed.

        Raises:
            BodyTooLargeError: over a limit.
            MalformedBodyError, UnsupportedBodyError: as BodyDecoder.feed.
        """
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise BodyTooLargeError(self._max_bytes)
        if self._decoder is None:
            yield chunk
            return
        for piece in self._decoder.feed(chunk):
            self._unpacked += len(piece)
            if self._unpacked > self._max_unpacked_bytes:
                raise BodyTooLargeError(self._max_unpacked_bytes)
            yield piece

    def finish(self) -> None:
        """Raises MalformedBodyError if a compressed body is incomplete."""
        if self._decoder is not None:
            self._decoder.finish()
