"""Scores a request whose body comes as columns, table by table while it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter

import msgspec

from scorer.errors import BadShapeError, TooManyRowsError
from scorer.service.codec.results import ResponseFormat
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.streaming import Sample, StreamingScorer
from scorer.service.codec.tables import Table


class TableScorer(StreamingScorer):
    """What the scorers of such bodies have in common."""

    def __init__(
        self,
        codec: RowCodec,
        response_format: ResponseFormat,
        max_rows: int,
        sample: Sample | None,
        sampled: Iterable[str],
    ) -> None:
        """Starts an answer.

        Args:
            codec, response_format, max_rows, sample: as for StreamingScorer.
            sampled: the names of the columns that the sample needs.
        """
        super().__init__(codec, response_format, max_rows, sample)
        self._known = codec.tables.known
        self._wanted = {*codec.tables.used, *sampled}

    def _choose(self, names: Sequence[str]) -> set[str]:
        """The columns that have to be read of those with these names: all that are used, or one that tells the length.

        Raises:
            BadShapeError: none of them is an input of the model.
        """
        known = [name for name in names if name in self._known]
        if not known:
            raise BadShapeError("none of the columns is an input of the model")
        chosen = self._wanted.intersection(names)
        return chosen if chosen & self._known else {*chosen, known[0]}

    def _check_rows(self, rows: int) -> None:
        if self.rows + rows > self._max_rows:
            raise TooManyRowsError(self._max_rows)

    def _score_table(self, table: Table, began: float) -> None:
        """Scores some rows.

        Args:
            table: their wanted columns.
            began: when their decoding began.
        """
        decoding = perf_counter() - began
        result = self._codec.tables.answer(table, self._format)
        self._add(msgspec.structs.replace(result, seconds=(decoding, *result.seconds[1:])), table)
