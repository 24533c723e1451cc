"""NDJSON: a JSON object on each line. Scores a body while it arrives, some complete lines at a time."""

from __future__ import annotations

import codecs

import msgspec

from scorer.errors import MalformedBodyError, RowTooLargeError
from scorer.service.codec.results import SegmentResult
from scorer.service.codec.streaming import StreamingScorer


class NDJSONScorer(StreamingScorer):
    """Scores one request whose body is NDJSON. Blank lines are skipped, and so is a byte order mark."""

    _lines = 0
    """How many have been scored, blank ones included."""

    def feed(self, chunk: bytes) -> None:
        """As StreamingScorer.feed."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size < self._cut_at:
            return
        text = b"".join(self._chunks)
        end = text.rfind(b"\n") + 1
        if end:
            self._score(text[:end])
            self._chunks = [text[end:]]
            self._size = len(text) - end
            self._cut_at = self._segment_bytes
        elif self._size > self._max_row_bytes:
            raise RowTooLargeError(self._max_row_bytes)
        else:
            self._cut_at = 2 * self._size

    def finish(self) -> bytes:
        """As StreamingScorer.finish.

        Raises:
            MalformedBodyError: a line that is not one JSON value, or nested too deeply.
            BadRowsError, TooManyRowsError: as there.
        """
        self._score(b"".join(self._chunks), is_last=True)
        return self._join()

    def _score(self, text: bytes, is_last: bool = False) -> None:
        if not self._lines:
            text = text.removeprefix(codecs.BOM_UTF8)
        lines = text.split(b"\n")
        rows = [line for line in lines if line and not line.isspace()]
        if rows or (is_last and not self.rows):
            self._add(*self._score_rows(lines, rows))
        self._lines += len(lines) - 1

    def _score_rows(self, lines: list[bytes], rows: list[bytes]) -> tuple[SegmentResult, bytes]:
        segment = b"[%b]" % b",".join(rows)
        try:
            result = self._codec.answer(segment, self._format, self._max_rows)
        except MalformedBodyError:
            self._find_malformed(lines)
            raise
        if result.rows != len(rows):
            self._find_malformed(lines)
        return result, segment

    def _find_malformed(self, lines: list[bytes]) -> None:
        """Raises MalformedBodyError for the first line that is not one JSON value."""
        for number, line in enumerate(lines, self._lines + 1):
            try:
                _check(line.strip() or b"0")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise MalformedBodyError(f"the body is not NDJSON: line {number} is not a JSON value") from None


_check = msgspec.json.Decoder().decode
