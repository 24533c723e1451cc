"""Scores a request whose body is an Arrow stream, some record batches at a time while it arrives.

Such a body may be made by anybody. Messages are cut by arrow_messages, which refuses what pyarrow would decompress;
pyarrow gets whole messages, and what it makes of them is validated in full before a cell is read.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pyarrow as pa

from scorer.arrow_checks import holds_cells, safe, shared_bytes
from scorer.errors import BadShapeError, BodyTooLargeError
from scorer.service.codec.arrow_messages import Message, MessageCutter, malformed
from scorer.service.codec.table_scorer import TableScorer

SEGMENT_BYTES = 8 * 1024 * 1024
"""Bytes of record batches that are scored together, in a few milliseconds: they are read much faster than JSON."""

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""The most of the texts that are scored together, once they are written out: cells of views, dictionaries and runs may
share bytes, so that a small body may hold any amount."""

_MANY_CHUNKS = 3
"""Batches that are scored together are copied into one if they are more: each chunk has a price."""


class _Feed:
    """The file that pyarrow reads from: the messages that are complete. They are given without a copy."""

    closed = False

    def __init__(self) -> None:
        self._messages: list[memoryview] = []

    def add(self, message: memoryview) -> None:
        self._messages.append(message)

    def read(self, size: int) -> memoryview:
        """The next bytes. pyarrow reads the parts of a message, and never over its end."""
        if not self._messages:
            return memoryview(b"")
        found = self._messages[0][:size]
        self._messages[0] = self._messages[0][size:]
        if not self._messages[0]:
            del self._messages[0]
        return found


class ArrowScorer(TableScorer):
    """Scores one request whose body is an Arrow stream."""

    def __init__(self, *arguments: Any) -> None:
        """Takes what TableScorer takes."""
        super().__init__(*arguments)
        self._cutter = MessageCutter()
        self._feed = _Feed()
        self._reader: Any = None
        self._names: list[str] = []
        self._batches: list[Any] = []
        self._waiting_rows = self._waiting_bytes = self._waiting_texts = 0
        self._began = perf_counter()

    @property
    def held_bytes(self) -> int:
        """How much of the body is in memory and is not scored yet."""
        return self._cutter.held + self._waiting_bytes

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes of the body, and scores what is complete.

        Raises:
            MalformedBodyError: not an Arrow stream, or one that is not valid.
            UnsupportedBodyError: too many messages, too large metadata, or compressed buffers.
            BadShapeError: none of the columns is an input, or one is given twice.
            BodyTooLargeError: texts that share bytes are too large once they are written out.
            TooManyRowsError: more rows than are accepted, already.
        """
        for message in self._cutter.feed(chunk):
            self._take(message)

    def finish(self) -> bytes:
        """The answer to the body, now that all of it is there. Raises what `feed` raises, too."""
        self._cutter.finish()
        if self._batches or not self.rows:
            self._score()
        return self._join()

    def _take(self, message: Message) -> None:
        self._began = self._began if self._waiting_bytes else perf_counter()
        self._waiting_bytes += len(message.data)
        self._feed.add(message.data)
        if message.is_schema:
            self._open(message.data)
        elif message.is_batch:
            self._read()

    def _open(self, schema_message: memoryview) -> None:
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(schema_message))
            names = schema.names
        except Exception:  # whatever pyarrow makes of nonsense
            raise malformed("its schema is not valid") from None
        chosen = self._choose(names)
        columns = [index for index, name in enumerate(names) if name in chosen]
        if len(columns) > len(chosen):
            repeated = next(name for name in names if name in chosen and names.count(name) > 1)
            raise BadShapeError(f"column {repeated} is given twice")
        for index in columns:
            if not holds_cells(schema.field(index).type):
                raise BadShapeError(f"column {names[index]} has an Arrow type that holds neither numbers nor texts")
        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=columns)
        try:
            self._reader = pa.ipc.open_stream(pa.PythonFile(self._feed, "r"), options=options)
            self._names = [names[index] for index in columns]
        except Exception:
            raise malformed("its schema is not valid") from None

    def _read(self) -> None:
        """Reads a record batch, with the dictionaries before it."""
        try:
            batch = self._reader.read_next_batch()
            rows = batch.num_rows
        except Exception:
            raise malformed("a record batch or a dictionary is not valid") from None
        self._check_rows(self._waiting_rows + rows)  # before anything is made of each row
        try:
            batch.validate()
            self._waiting_texts += sum(map(shared_bytes, batch.columns))
            if self._waiting_texts > MAX_TEXT_BYTES:  # all of them are read when they are validated
                raise BodyTooLargeError(MAX_TEXT_BYTES)
            batch.validate(full=True)
            columns = [safe(column) for column in batch.columns]
            self._batches.append(pa.record_batch(columns, names=self._names))
        except BodyTooLargeError:
            raise
        except Exception:
            raise malformed("a record batch or a dictionary is not valid") from None
        self._waiting_rows += rows
        if self._waiting_bytes >= SEGMENT_BYTES:
            self._score()

    def _score(self) -> None:
        batches, self._batches = self._batches, []
        self._waiting_rows = self._waiting_bytes = self._waiting_texts = 0
        try:
            self._score_table(self._columns(batches), self._began)
        except (pa.ArrowException, ArithmeticError, ValueError):  # a column that pyarrow validates and cannot convert
            raise BadShapeError("a column has an Arrow type, or decimals, that cannot be read") from None

    def _columns(self, batches: list[Any]) -> dict[str, Any]:
        if not batches:
            return {name: [] for name in self._names}
        table = pa.Table.from_batches(batches)
        if len(batches) > _MANY_CHUNKS:
            table = table.combine_chunks()
        return dict(zip(self._names, table.columns, strict=True))
