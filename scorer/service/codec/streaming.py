"""A request body that arrives in chunks, answered while it arrives.

A batch is an array of rows. Wherever an element ends and the next begins (`}`, a comma, `{`) the array may be cut in
two that are both JSON. So rows are decoded, scored and encoded in segments of some hundred kilobytes: the work
overlaps with the transfer, stays in the processor's cache, holds the event loop for a few milliseconds at a time, and
neither the body nor its rows are ever in memory as a whole.

A cut may be wrong: inside a text, or in an array within a row. Then the segment before it ends in an open text or with
an open bracket, so it is no JSON, and decoding it fails; a segment that decodes proves that its cut was right. After a
failure twice as much is waited for; what cannot be cut in the end is decoded as one document, which says whether it is
JSON. Nothing is answered before all of the body is scored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from scorer.errors import PROBLEMS_SHOWN, BadRowsError, MalformedBodyError, Problem, RowTooLargeError
from scorer.scores import Scored
from scorer.service.codec.limits import UNLIMITED, Limits
from scorer.service.codec.rows import ResponseFormat, RowCodec, SegmentResult
from scorer.service.shadow import Sample

SEGMENT_BYTES = 1024 * 1024
"""Bytes that are waited for before a segment is cut off: about 500 rows of 100 inputs."""

_TRIES = 32
"""How many opening braces are looked at, from the end, for a place to cut; rows without objects in them need one."""

_BLANKS = b" \t\r\n"
_MOST_BLANKS = 1_000
"""Blanks that are looked past: a body full of them is not cut, and takes no longer than another."""

MAX_ROW_BYTES = 16 * 1024 * 1024
"""What may have to be in memory at a time because it cannot be cut: one row, as a rule. A body that is made so as not
to be cut could otherwise take fifty times its size."""


class StreamingScorer:
    """The answer to one request, in the making.

    Attributes:
        rows: how many have been scored.
        scored: what the model says of them, segment by segment.
        seconds: what decoding, scoring and encoding took.
    """

    def __init__(
        self, codec: RowCodec, style: ResponseFormat, limits: Limits = UNLIMITED, trial: Sample | None = None
    ) -> None:
        """Starts an answer.

        Args:
            codec: of the version that answers.
            style: how the rows are answered.
            limits: the most that is taken.
            trial: takes each segment and what was made of it, for a shadow; None where there is none.
        """
        self._codec = codec
        self._style = style
        self._limits = limits
        self._trial = trial
        self._chunks: list[bytes] = []
        self._size = 0
        self._wait_for = SEGMENT_BYTES
        self.rows = 0
        self.scored: list[Scored] = []
        self.seconds = [0.0, 0.0, 0.0]
        self._answers: list[bytes] = []
        self._problems: list[Problem] = []
        self._total = 0

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes of the body, and scores what is complete.

        Raises:
            TooManyRowsError, TooDeepError, NumberTooLongError: more than the most already.
            RowTooLargeError: more than MAX_ROW_BYTES that cannot be cut.
        """
        if not self._size:
            chunk = chunk.lstrip(_BLANKS)
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= self._wait_for:
            self._score_segment()

    def finish(self) -> bytes:
        """The answer to the body, now that all of it is there.

        Raises:
            MalformedBodyError: no JSON document.
            BadShapeError: neither an object nor an array.
            BadRowsError: cells that no rule can read, or rows that are no objects or hold none of the model's inputs.
            TooManyRowsError, TooDeepError, NumberTooLongError: more than the most.
        """
        text = b"".join(self._chunks)
        self._take(self._codec.answer(text, self._style, self._limits), text)
        if self._total:
            raise BadRowsError(self._problems, self._total)
        if len(self._answers) == 1:
            return self._answers[0]
        return _join(self._answers)

    def _score_segment(self) -> None:
        text = bytearray().join(self._chunks)
        comma = _last_cut(text)
        if comma is not None and self._score_up_to(text, comma):
            text[comma] = _OPEN
            self._chunks = [bytes(text[comma:])]
            self._size = len(text) - comma
            return
        if self._size > MAX_ROW_BYTES:
            raise RowTooLargeError(MAX_ROW_BYTES)
        self._wait_for = 2 * self._size  # so that looking again and again costs no more than reading once

    def _score_up_to(self, text: bytearray, comma: int) -> bool:
        """Scores a segment; or finds that its cut is wrong, or that it is no JSON, which is told apart in the end."""
        text[comma] = _CLOSE
        try:
            part = self._codec.answer(text, self._style, self._limits, comma + 1)
        except MalformedBodyError:
            return False
        self._take(part, text, comma + 1)
        self._wait_for = SEGMENT_BYTES
        return True

    def _take(self, part: SegmentResult, text: bytes | bytearray, end: int | None = None) -> None:
        if len(part.scored):
            self.scored.append(part.scored)
            self.seconds = [before + more for before, more in zip(self.seconds, part.seconds, strict=True)]
            if self._trial is not None:
                self._trial.append((bytes(text[:end]), part.scored))
        shown = PROBLEMS_SHOWN - len(self._problems)
        self._problems += [replace(problem, row=problem.row + self.rows) for problem in part.problems[:shown]]
        self._total += part.total
        self.rows += part.rows
        self._limits.check_rows(self.rows)
        if self._total:
            self._answers.clear()
        else:
            self._answers.append(part.answer)


_OPEN, _CLOSE, _COMMA, _BRACE = b"[],}"


def _join(arrays: Sequence[bytes]) -> bytes:
    """JSON arrays, none of them empty, as one; each byte is copied once."""
    pieces: list[bytes | memoryview] = []
    for array in arrays:
        pieces += (b"," if pieces else b"[", memoryview(array)[1:-1])
    return b"".join([*pieces, b"]"])


def _last_cut(text: bytearray) -> int | None:
    """The place of the last comma that looks like one between two rows of an array; None where there is none.

    Rows mostly begin with the same name, which tells them from objects within rows. Where they do not, any `},{` may be
    one; and where there is none at all the array holds no objects, and any comma that no name follows may be.
    """
    start = _ROW_START.match(text)
    for opening in filter(None, (start and start[1], b"{")):
        brace = len(text)
        for _ in range(_TRIES):
            brace = text.rfind(opening, 0, brace)
            if brace < 0:
                break
            comma = _before(text, brace)
            if text[comma] == _COMMA and text[_before(text, comma)] == _BRACE:
                return comma
    if text[:1] == b"[" and (last := _NO_NAME.search(text, max(0, len(text) - _MOST_BLANKS))):
        return last.start()
    return None


_ROW_START = re.compile(rb'\[[ \t\r\n]{0,1000}(\{[ \t\r\n]{0,100}"[^"\\]{1,200}")')
_NO_NAME = re.compile(rb",(?=[ \t\r\n]{0,100}[-0-9tfn\[{])")


def _before(text: bytearray, place: int) -> int:
    """The place of the last character before `place` that is not blank, or of a blank after more than _MOST_BLANKS."""
    window = bytes(text[max(0, place - _MOST_BLANKS) : place])
    return place - 1 - (len(window) - len(window.rstrip(_BLANKS))) if window.strip(_BLANKS) else place - 1
