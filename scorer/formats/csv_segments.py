"""Cuts the bytes of CSV between rows, however they arrive, and tells which segments every CSV reader reads alike."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEGMENT_BYTES = 1 << 20
"""Bytes that are cut at a time: enough to spread the cost of a call, little enough to be held several times."""

MAX_ROW_BYTES = 16 << 20
"""No row is longer: so a quote that never closes does not fill the memory."""

_COMMA, _LINE_FEED, _RETURN, _QUOTE = b',\n\r"'
_BESIDE_QUOTES = np.isin(np.arange(256), [_COMMA, _LINE_FEED, _RETURN, _QUOTE])

# A quoted field, or its beginning if the bytes end in it. A quote that does not begin a field is an ordinary character.
_QUOTED = re.compile(rb'(?<![^,\r\n])"[^"]*+(?:""[^"]*+)*+("?)')


@dataclass(frozen=True, slots=True)
class Segment:
    """Some whole rows.

    Attributes:
        data: their bytes.
        plain: whether all CSV readers agree on them: UTF-8; quotes around whole fields only, and doubled within; no
            field longer than csv.field_size_limit(). (The numbers of fields may still be wrong.)
        lines: how many lines end in them, by a line feed, a carriage return, or both.
    """

    data: memoryview
    plain: bool
    lines: int


class Cutter:
    """Takes chunks of bytes that end anywhere, and gives segments that end with a row. A byte order mark at the
    beginning is left out."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._enough = max(SEGMENT_BYTES, len(codecs.BOM_UTF8))
        self._begun = False

    @property
    def held(self) -> int:
        """How many bytes wait for the end of their row."""
        return self._size

    def add(self, chunk: bytes) -> Iterator[Segment]:
        """Takes a chunk; gives the segments that are complete."""
        for start in range(0, len(chunk), SEGMENT_BYTES):
            piece = chunk[start : start + SEGMENT_BYTES]
            self._held.append(piece)
            self._size += len(piece)
            if self._size >= self._enough:
                data = self._take()
                marks = _Quotes(data)
                cut = marks.last_row_end()
                self._hold(data[cut:])
                # Bytes without an end of a row are looked at again when they have doubled, so each is seen a few times.
                self._enough = max(SEGMENT_BYTES, 2 * self._size)
                if cut:
                    yield Segment(memoryview(data)[:cut], marks.plain, _count_lines(data, cut))

    def rest(self) -> Segment:
        """What is left when no chunk will follow. It may be empty, and its last row may lack a line end."""
        data = self._take()
        marks = _Quotes(data)
        return Segment(memoryview(data), marks.plain and not marks.open, _count_lines(data, len(data)))

    def _take(self) -> bytes:
        data = b"".join(self._held)
        self._hold(b"")
        if not self._begun:
            self._begun = True
            return data.removeprefix(codecs.BOM_UTF8)
        return data

    def _hold(self, data: bytes) -> None:
        self._held = [data]
        self._size = len(data)


class _Quotes:
    """Where fields are quoted in bytes that begin with a row."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        array = np.frombuffer(data, np.uint8)
        self._places = np.flatnonzero(array == _QUOTE) if b'"' in data else np.empty(0, np.intp)
        around_fields, longest = _around_fields(array, self._places)
        if not around_fields:
            self._places = np.array(list(_borders(data)), np.intp)
        limit = csv.field_size_limit()
        self.plain = around_fields and longest <= limit and not _has_long_run(data, limit) and _is_text(data)

    @property
    def open(self) -> bool:
        """Whether the bytes end within a quoted field."""
        return bool(len(self._places) % 2)

    def last_row_end(self) -> int:
        """How many bytes there are up to the last line end outside of quotes, which is included; 0 without one."""
        end = len(self._data)
        while True:
            # A carriage return at the very end may be half of a line end.
            last_return = self._data.rfind(b"\r", 0, min(end, len(self._data) - 1))
            cut = max(self._data.rfind(b"\n", max(last_return, 0), end), last_return) + 1
            quotes_before = int(np.searchsorted(self._places, cut))
            if quotes_before % 2 == 0:
                return cut
            end = int(self._places[quotes_before - 1])


def _around_fields(array: NDArray[np.uint8], quotes: NDArray[Any]) -> tuple[bool, int]:
    """Whether each quote begins or ends a field, or is one of two within, and the size of the longest quoted field."""
    first, second = quotes[0::2], quotes[1::2]
    before = array[first - 1]
    if len(first) and first[0] == 0:
        before[0] = _LINE_FEED
    after = array[np.minimum(second + 1, len(array) - 1)]  # at the very end: the quote itself
    if not (_BESIDE_QUOTES[before].all() and _BESIDE_QUOTES[after].all()):
        return False, 0
    after[second == len(array) - 1] = _LINE_FEED
    ends = second[after != _QUOTE]
    sizes = ends - first[before != _QUOTE][: len(ends)]
    return True, int(sizes.max(initial=0))


def _borders(data: bytes) -> Iterator[int]:
    for quoted in _QUOTED.finditer(data):
        yield quoted.start()
        if quoted[1]:
            yield quoted.end() - 1


def _has_long_run(data: bytes, limit: int) -> bool:
    """Whether there may be more than `limit` bytes without a comma or a line feed among them."""
    step = limit // 2  # such bytes hold a whole step
    starts = range(0, len(data) - step + 1, step) if len(data) > limit else ()
    return any(data.find(b",", start, start + step) < 0 > data.find(b"\n", start, start + step) for start in starts)


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _count_lines(data: bytes, end: int) -> int:
    feeds = int(np.count_nonzero(np.frombuffer(data, np.uint8, end) == _LINE_FEED)) if end else 0
    if data.find(b"\r", 0, end) < 0:
        return feeds
    return feeds + data.count(b"\r", 0, end) - data.count(b"\r\n", 0, end)
