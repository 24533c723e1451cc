"""Request bodies: what they may be, and how they are taken apart again where they are compressed."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from scorer.errors import MalformedBodyError, UnsupportedBodyError

Headers = Sequence[tuple[bytes, bytes]]

ENCODINGS = ("gzip", "deflate", "zstd")
"""Content encodings that are read."""

_FORM = "application/x-www-form-urlencoded"
"""What curl --data says of any body: people forget the header, so it is taken for JSON and has to be it."""

_STEP = 256 * 1024
"""Bytes that are decompressed at a time, so that a bomb is noticed before it has gone off."""

MAX_STREAMS = 10_000
"""gzip members or zstd frames in one body. Each begins with a new decompressor, 10 µs of time even where nothing is in
it, and an empty one has 9 bytes. bgzip, which writes the most of all, makes a member of 64 KiB: 4,000 of 256 MiB."""


def check_type(value: bytes) -> None:
    """Looks at a content type.

    Args:
        value: of the header; empty where there is none.

    Raises:
        UnsupportedBodyError: it is not JSON's, and not the one that curl sends unasked.
    """
    kind = value.decode("latin-1").partition(";")[0].strip().lower()
    if kind in ("", "application/json", _FORM) or (kind.startswith("application/") and kind.endswith("+json")):
        return
    raise UnsupportedBodyError("the content type is not JSON's: expected application/json")


class Decompressor(Protocol):
    """One compressed stream, as bz2, lzma and zstd have it."""

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end."""

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most so many bytes more of what the stream holds; those that wait are got with no more data."""


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
    """A body that arrives compressed."""

    def __init__(self, encoding: bytes) -> None:
        """Starts a body.

        Args:
            encoding: the header's value.

        Raises:
            UnsupportedBodyError: an encoding that is not read.
        """
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
        """What some more bytes hold, in pieces of limited size.

        Raises:
            MalformedBodyError: they are not of this encoding.
            UnsupportedBodyError: they are in more than MAX_STREAMS streams.
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
        """Says that nothing more comes.

        Raises:
            MalformedBodyError: a stream has not come to its end.
        """
        if not self._stream.eof:
            raise MalformedBodyError(f"the body is not {self._name}: it ends too early")
