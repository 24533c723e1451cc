"""Scores a request body while it arrives, segment by segment.

A batch is an array of rows. Wherever a row ends and the next begins (`}`, a comma, `{`) the array may be cut in two
that are both JSON. So rows are decoded, scored and encoded in segments of about a megabyte: the work overlaps with the
transfer, stays in the processor's cache, holds the event loop for a few milliseconds at a time, and neither the body
nor its rows are ever in memory as a whole.

A cut may be wrong: inside a text, or in an array within a row. Then the segment before it ends in an open text or with
an open bracket, so it is no JSON, and decoding it fails; a segment that decodes proves that its cut was right. After a
failure the next try waits until twice as much has arrived; what cannot be cut in the end is decoded as one document,
which says whether it is JSON. Nothing is answered before all of the body is scored.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scorer.errors import PROBLEMS_SHOWN, BadRowsError, MalformedBodyError, Problem, RowTooLargeError, TooManyRowsError
from scorer.scores import Scored
from scorer.service.codec.results import ResponseFormat, SegmentResult
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.tables import Table

SEGMENT_BYTES = 1024 * 1024
"""Bytes that have to be there before a segment is cut off: about 500 rows of 100 inputs."""

_TRIES = 32
"""How many opening braces are tried, from the end, for a cut; rows without objects in them need one."""

_BLANKS = b" \t\r\n"
_MOST_BLANKS = 1_000
"""Blanks that are skipped at a cut: a body full of them is not cut, and takes no longer than another."""

MAX_ROW_BYTES = 16 * 1024 * 1024
"""The most that may have to be in memory because it cannot be cut: one row, as a rule. A body that is made so as not
to be cut could otherwise take fifty times its size."""

Segment = bytes | memoryview | Table
"""A part of a body: the JSON of some rows, or columns."""

Sample = list[tuple[bytes | Table, Scored]]
"""The segments of a request, each with its scores: what another version is compared on."""


class StreamingScorer:
    """Scores one request.

    Attributes:
        rows: how many have been scored.
        scored: their scores, segment by segment.
        unknown: how many of their cells have a level that the model does not know.
        seconds: what decoding, scoring and encoding took.
    """

    def __init__(
        self,
        codec: RowCodec,
        response_format: ResponseFormat,
        max_rows: int = sys.maxsize,
        sample: Sample | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        max_row_bytes: int = MAX_ROW_BYTES,
    ) -> None:
        """Starts an answer.

        Args:
            codec: of the version that answers.
            response_format: how the rows are answered.
            max_rows: the most rows that are accepted.
            sample: filled with each segment and its scores; None where no shadow version wants them.
            segment_bytes: bytes that have to be there before a segment is cut off.
            max_row_bytes: bytes that may be in memory because they cannot be cut.
        """
        self._codec = codec
        self._format = response_format
        self._max_rows = max_rows
        self._sample = sample
        self._segment_bytes = segment_bytes
        self._max_row_bytes = max_row_bytes
        self._chunks: list[bytes] = []
        self._size = 0
        self._cut_at = segment_bytes
        self.rows = self.unknown = 0
        self.scored: list[Scored] = []
        self.seconds: Sequence[float] = (0.0, 0.0, 0.0)
        self._answers: list[bytes] = []
        self._problems: list[Problem] = []
        self._total = 0

    @property
    def held_bytes(self) -> int:
        """How much of the body is in memory: what has arrived and is not scored yet."""
        return self._size

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes of the body, and scores what is complete.

        Raises:
            TooManyRowsError: more rows than are accepted, already.
            RowTooLargeError: more bytes than may be in memory, and they cannot be cut.
        """
        if not self._size:
            chunk = chunk.lstrip(_BLANKS)
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= self._cut_at:
            self._score_segment()

    def finish(self) -> bytes:
        """The answer to the body, now that all of it is there.

        Raises:
            MalformedBodyError: not JSON, or nested too deeply.
            BadShapeError: neither an object nor an array.
            BadRowsError: cells that cannot be scored, or rows that are no objects or hold none of the model's inputs.
            TooManyRowsError: more rows than are accepted.
        """
        text = b"".join(self._chunks)
        self._add(self._codec.answer(text, self._format, self._max_rows), text)
        return self._join()

    def _join(self) -> bytes:
        if self._total:
            raise BadRowsError.of(self._problems, self._total)
        return self._format.join(self._answers)

    def _score_segment(self) -> None:
        text = bytearray().join(self._chunks)
        comma = _last_cut(text)
        if comma is not None and self._score_up_to(text, comma):
            text[comma] = _OPEN
            self._chunks = [bytes(text[comma:])]
            self._size = len(text) - comma
            self._cut_at = self._segment_bytes
            return
        if self._size > self._max_row_bytes and not _COLUMNS.match(text):
            raise RowTooLargeError(self._max_row_bytes)
        self._cut_at = 2 * self._size  # so that all tries together read no more than a few times the body

    def _score_up_to(self, text: bytearray, comma: int) -> bool:
        """Scores a segment. False where its cut is wrong, or it is no JSON: the end of the body tells which."""
        text[comma] = _CLOSE
        try:
            with memoryview(text) as view, view[: comma + 1] as segment:
                result = self._codec.answer(segment, self._format, self._max_rows)
                if not result.rows:
                    return False  # a comma before the first row
                self._add(result, segment)
        except MalformedBodyError:
            return False
        return True

    def _add(self, result: SegmentResult, segment: Segment) -> None:
        if len(result.scored):
            self.scored.append(result.scored)
            self.seconds = [before + more for before, more in zip(self.seconds, result.seconds, strict=True)]
            if self._sample is not None:
                self._sample.append((segment if isinstance(segment, Mapping) else bytes(segment), result.scored))
        shown = PROBLEMS_SHOWN - len(self._problems)
        self._problems += [replace(problem, row=problem.row + self.rows) for problem in result.problems[:shown]]
        self._total += result.total
        self._format = result.response_format or self._format
        self.rows += result.rows
        self.unknown += result.unknown
        if self.rows > self._max_rows:
            raise TooManyRowsError(self._max_rows)
        if self._total:
            self._answers.clear()
        else:
            self._answers.append(result.answer)


_OPEN, _CLOSE, _COMMA, _BRACE = b"[],}"


def _last_cut(text: bytearray) -> int | None:
    """The index of the last comma that seems to stand between two rows of an array, or None.

    Rows mostly begin with the same name, which tells them from objects within rows. Where they do not, any `},{` may be
    a cut. An array without any `},{` holds no objects: there any comma that no name follows may be a cut.
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


_COLUMNS = re.compile(rb'[ \t\r\n]{0,1000}\{[ \t\r\n]{0,100}"[^"\\]{1,200}"[ \t\r\n]{0,100}:[ \t\r\n]{0,100}\[')
"""The beginning of a document of columns, which is decoded whole: a list in a cell takes no memory there."""
_ROW_START = re.compile(rb'\[[ \t\r\n]{0,1000}(\{[ \t\r\n]{0,100}"[^"\\]{1,200}")')
_NO_NAME = re.compile(rb",(?=[ \t\r\n]{0,100}[-0-9tfn\[{])")


def _before(text: bytearray, index: int) -> int:
    """The index of the last character before `index` that is not blank, or of a blank after more than _MOST_BLANKS."""
    window = bytes(text[max(0, index - _MOST_BLANKS) : index])
    return index - 1 - (len(window) - len(window.rstrip(_BLANKS))) if window.strip(_BLANKS) else index - 1
