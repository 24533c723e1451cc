"""Cuts the bytes of an Arrow stream between its messages, and reads of each what must be known before pyarrow reads it.

The stream is made of encapsulated messages: 0xFFFFFFFF, the size of the metadata (int32), the metadata (a flatbuffer),
and a body whose size the metadata tells. Sources: Columnar.rst ("Encapsulated message format") and Message.fbs of
Apache Arrow; internals.md of FlatBuffers for tables and their vtables.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from scorer.errors import MalformedBodyError, UnsupportedBodyError

MAX_METADATA_BYTES = 4 * 1024 * 1024
"""The most of one message: tens of thousands of columns."""

MAX_MESSAGES = 10_000
"""The most in one body. Each takes tens of microseconds, even where nothing is in it."""

_PREFIX = struct.Struct("<Ii")
_CONTINUATION = 0xFFFFFFFF
_SCHEMA, _DICTIONARY_BATCH, _RECORD_BATCH = 1, 2, 3
"""Of Message.fbs: the union MessageHeader. Tensors are no tables."""
_ALIGNMENT = 8


class Message(NamedTuple):
    """One message.

    Attributes:
        is_schema, is_batch: what it is; a dictionary where it is neither.
        data: all of it, prefix included.
    """

    is_schema: bool
    is_batch: bool
    data: memoryview


class MessageCutter:
    """Takes a stream in chunks that end anywhere, and gives its messages.

    Attributes:
        held: how many bytes wait for the end of their message.
    """

    def __init__(self) -> None:
        self.held = 0
        self._chunks: list[bytes] = []
        self._needed = _PREFIX.size
        self._message: tuple[int, int] | None = None  # kind and size, once the metadata is read
        self._messages = 0
        self._ended = False

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Takes a chunk; gives the messages that are complete.

        Raises:
            MalformedBodyError: not an Arrow stream.
            UnsupportedBodyError: too many messages, too large metadata, or compressed buffers.
        """
        self._chunks.append(chunk)
        self.held += len(chunk)
        while self.held >= self._needed and not self._ended:
            data = memoryview(b"".join(self._chunks))
            start = 0
            while len(data) - start >= self._needed and not self._ended:
                if (message := self._next(data[start:])) is not None:
                    yield message
                    start += len(message.data)
                elif self._ended:
                    start += _PREFIX.size
            self._chunks = [bytes(data[start:])]  # what follows begins at an aligned address again
            self.held -= start
        if self._ended and self.held:
            raise malformed("it goes on after its end")

    def finish(self) -> None:
        """Raises MalformedBodyError if the stream ends within a message, or holds none."""
        if self.held or not self._messages:
            raise malformed("it ends too early")

    def _next(self, data: memoryview) -> Message | None:
        """The message at the beginning of bytes, if `_needed` tells no more that some are missing."""
        if self._message is None and self._needed == _PREFIX.size:
            marker, size = _PREFIX.unpack_from(data)
            if marker != _CONTINUATION or size < 0 or size % _ALIGNMENT:
                raise malformed()
            if size > MAX_METADATA_BYTES:
                raise UnsupportedBodyError(f"an Arrow message has more than {MAX_METADATA_BYTES:,} bytes of metadata")
            self._ended = size == 0
            self._needed += size
            return None
        if self._message is None:
            kind, body = _read(bytes(data[_PREFIX.size : self._needed]))
            self._message = kind, self._needed + body
            self._needed += body
            self._count(kind)
            return None
        kind, size = self._message
        self._message = None
        self._needed = _PREFIX.size
        return Message(kind == _SCHEMA, kind == _RECORD_BATCH, data[:size])

    def _count(self, kind: int) -> None:
        if (kind == _SCHEMA) is not (self._messages == 0):
            raise malformed("its first message, and no other, has to be a schema")
        self._messages += 1
        if self._messages > MAX_MESSAGES:
            raise UnsupportedBodyError(f"the body is an Arrow stream of more than {MAX_MESSAGES:,} messages")


def malformed(reason: str = "") -> MalformedBodyError:
    """The error for what is no Arrow stream."""
    return MalformedBodyError("the body is not an Arrow stream" + (f": {reason}" if reason else ""))


def _read(metadata: bytes) -> tuple[int, int]:
    """The kind of a message, and the size of its body."""
    try:
        message = _Table.root(metadata)
        kind, size = message.number("<B", 1), message.number("<q", 3)
        header = message.table(2)
        batch = header.table(1) if kind == _DICTIONARY_BATCH else header
        compressed = kind in (_DICTIONARY_BATCH, _RECORD_BATCH) and batch.place(3)
    except (struct.error, _OutsideError):
        raise malformed() from None
    if kind not in (_SCHEMA, _DICTIONARY_BATCH, _RECORD_BATCH) or size < 0 or size % _ALIGNMENT:
        raise malformed()
    if compressed:  # their sizes are told within them, and pyarrow allocates what they tell
        raise UnsupportedBodyError(
            "the buffers of the Arrow stream are compressed: send them as they are, and compress the whole body "
            "(content-encoding: zstd or gzip)"
        )
    return kind, size


class _OutsideError(Exception):
    """A place outside of the flatbuffer."""


class _Table:
    """A table of a flatbuffer: its fields are found by its vtable, and one that is 0 there is absent."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._fields = start - self._read("<i", start)
        self._size = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        """The table that the buffer begins with."""
        return cls(data, struct.unpack_from("<I", data)[0])

    def place(self, field: int) -> int:
        """Where a field is; 0 if it is absent."""
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return 0
        offset = self._read("<H", self._fields + entry)
        return offset and self._start + offset

    def number(self, kind: str, field: int) -> int:
        """A number; 0 if it is absent."""
        place = self.place(field)
        return self._read(kind, place) if place else 0

    def table(self, field: int) -> _Table:
        """A table within this one."""
        place = self.place(field)
        if not place:
            raise _OutsideError
        return _Table(self._data, place + self._read("<I", place))

    def _read(self, kind: str, place: int) -> int:
        if place < 0:  # unpack_from would count from the end
            raise _OutsideError
        value: int = struct.unpack_from(kind, self._data, place)[0]
        return value
