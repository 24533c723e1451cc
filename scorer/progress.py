"""What a person sees of a file that is being scored: a line that moves, and one at the end."""

from __future__ import annotations

import sys
from collections import Counter
from time import monotonic
from typing import BinaryIO

from scorer.errors import PROBLEMS_SHOWN
from scorer.scores import Scores


class Progress:
    """Counts scored rows, and shows on a terminal how many there are, how fast they come, and the time left."""

    def __init__(self, files: int, size: int, done: int = 0) -> None:
        """Begins to count.

        Args:
            files: how many will be read.
            size: of all of them in bytes; 0 if it is not known.
            done: how many files a run before has done.
        """
        self.rows = 0
        self.bad_rows = 0
        self._files = files
        self._size = size
        self._done = done
        self._file = 0
        self._source: BinaryIO | None = None
        self._read = 0  # bytes of the files before this one
        self._own_size = 0
        self._first_row = 0
        self._events = 0
        self._missing: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._start = monotonic()
        self._shown = 0.0
        self._terminal = sys.stderr.isatty()

    def begin(self, source: BinaryIO, size: int) -> None:
        """Begins with the next file.

        Args:
            source: what is read.
            size: in bytes; 0 if it is not known.
        """
        self._read += self._own_size
        self._file += 1
        self._source = source
        self._own_size = size
        self._first_row = self.rows

    @property
    def file_rows(self) -> int:
        """How many rows of this file were counted."""
        return self.rows - self._first_row

    def add(self, scores: Scores, rows: int, total: int | None) -> None:
        """Counts a batch; shows the count at most ten times a second.

        Args:
            scores: of its rows that are not bad.
            rows: how many rows it has.
            total: how many rows the file has, if it says so.
        """
        self.rows += rows
        self.bad_rows += rows - len(scores)
        self._events += int(scores.outcome.sum())
        self._missing.update(scores.missing)
        self._unknown.update(scores.unknown_levels)
        now = monotonic()
        if self._terminal and now - self._shown > 0.1:
            self._shown = now
            print(f"\r{self._line(now - self._start, total)}\033[K", end="", file=sys.stderr, flush=True)

    def _line(self, seconds: float, total: int | None) -> str:
        of = f"file {self._file:,} of {self._files:,}  " if self._files > 1 else ""
        rate = f"{of}{self.rows:,} rows  {self.rows / max(seconds, 1e-9):,.0f} rows/s"
        share = self._share(total)
        if not share:
            return rate
        left = round(seconds * (1 - share) / share)
        return f"{share:4.0%}  {rate}  {left // 60}:{left % 60:02} left"

    def _share(self, total: int | None) -> float | None:
        if total:  # by rows, where a format is not read from its beginning to its end
            own = min(1.0, self.file_rows / total)
        elif self._own_size and self._source:
            own = min(1.0, self._source.tell() / self._own_size)
        else:
            return None
        return (self._read + own * self._own_size) / self._size if self._files > 1 else own

    def clear(self) -> None:
        """Clears the progress line from the terminal."""
        if self._terminal and self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def summary(self) -> str:
        """One line: the numbers of rows, outcomes 1 and bad rows, and missing cells and unknown levels by input."""
        several = self._files + self._done > 1
        of = f" of {self._files:,} {'file' if self._files == 1 else 'files'}" if several else ""
        parts = [f"scored {self.rows - self.bad_rows:,} rows{of}: outcome 1 for {self._events:,}"]
        if self._done:
            parts.append(f"files left out, done before: {self._done:,}")
        if self.bad_rows:
            parts.append(f"bad rows, not scored: {self.bad_rows:,}")
        for words, counts in (("missing cells", self._missing), ("unknown levels", self._unknown)):
            if counts:
                listed = ", ".join(f"{field} {count:,}" for field, count in counts.most_common(PROBLEMS_SHOWN))
                parts.append(f"{words}: {listed}")
        return "; ".join(parts)
