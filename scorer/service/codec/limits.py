"""What a body may hold beside what JSON allows: how many rows, how deep, how long its numbers.

The decoder skips what the model does not use, and says nothing of it. So depth and length are looked for in the text,
in two steps. The first one costs a batch about a fiftieth of its time: it counts opening brackets, and hops from quote
to quote to see that they are near each other. It never misses anything; where it is in doubt the second one reads the
text again, without the texts in it.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np

from scorer.errors import NumberTooLongError, TooDeepError, TooManyRowsError

_IN_NUMBERS = b"+-.0123456789Ee"
_IS_IN_NUMBER = bytes(b"1"[0] if byte in _IN_NUMBERS else b"0"[0] for byte in range(256))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


class Limits(NamedTuple):
    """The most that is taken of each.

    Attributes:
        max_rows: rows.
        max_depth: objects and arrays within each other, the outermost counted.
        max_number_length: characters of a JSON number, sign, point and exponent counted.
    """

    max_rows: int = sys.maxsize
    max_depth: int = sys.maxsize
    max_number_length: int = sys.maxsize

    def check_rows(self, rows: int) -> None:
        """Looks at a number of rows.

        Raises:
            TooManyRowsError: more than the most.
        """
        if rows > self.max_rows:
            raise TooManyRowsError(self.max_rows)

    def check(self, text: bytes | bytearray, end: int, rows: int) -> None:
        """Looks at a document that has been decoded.

        Args:
            text: what holds it, from its start.
            end: where in the text it ends.
            rows: how many objects it holds at the least, none of them within another one.

        Raises:
            TooDeepError: deeper than the most.
            NumberTooLongError: a number is longer than the most.
        """
        if (end > 2 * self.max_depth and _may_be_deeper(self.max_depth, text, end, rows)) or (
            end > self.max_number_length and _may_be_longer(self.max_number_length, text, end)
        ):
            self._look(_without_texts(text[:end]))

    def _look(self, bare: bytes) -> None:
        steps = np.frombuffer(bare.translate(_STEPS, _NO_BRACKETS), np.int8)
        if steps.cumsum(dtype=np.int32).max(initial=0) > self.max_depth:
            raise TooDeepError(self.max_depth)
        if b"1" * (self.max_number_length + 1) in bare.translate(_IS_IN_NUMBER):
            raise NumberTooLongError(self.max_number_length)


UNLIMITED = Limits()


def _may_be_deeper(depth: int, text: bytes | bytearray, end: int, rows: int) -> bool:
    """Whether there are more opening brackets than such a depth needs: each row but one has one that is not counted."""
    if rows == 1 and b"[" not in text and text.rfind(b"{") == 0:
        return False  # a single row, as most are
    left = depth + max(rows - 1, 0)
    place = text.find(b"[", 0, end)
    while place >= 0 and left >= 0:
        left -= 1
        place = text.find(b"[", place + 1, end)
    return left < 0 or int(np.count_nonzero(np.frombuffer(text, np.uint8, end) == ord("{"))) > left


def _may_be_longer(length: int, text: bytes | bytearray, end: int) -> bool:
    """Whether there are so many bytes without a quote among them that all may be a number's."""
    place = 0
    while end - place > length:
        quote = text.rfind(b'"', place, place + length)
        if quote < 0:
            return True
        place = quote + 1
    return False


def _without_texts(text: bytes | bytearray) -> bytes:
    """JSON with blanks in the place of what its texts hold."""
    text = text.replace(rb"\\", b"").replace(rb"\"", b"")  # then a quote begins or ends a text
    characters = np.frombuffer(text, np.uint8)
    in_text = np.cumsum(characters == ord('"'), dtype=np.uint8) & 1
    return np.where(in_text, np.uint8(ord(" ")), characters).tobytes()
