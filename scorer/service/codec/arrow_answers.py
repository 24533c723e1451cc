"""Scores → an Arrow stream: outcome as int64, phat and numbers as float64, dummies as int8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from scorer.coefficients import CategoryInput
from scorer.errors import Problem
from scorer.scorer import Scorer
from scorer.scores import RowScore, Scores
from scorer.service.codec.answers import ERROR, answer_names
from scorer.service.codec.encoder import describe

CLOSING = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""The end of a stream."""

_PROBLEM = pa.struct([(name, pa.string()) for name in ("field", "code", "message")])


class ArrowEncoder:
    """A record batch for each batch of rows.

    Attributes:
        opening: the schema's message.
    """

    columns_only = True
    is_array = False

    def __init__(self, scorer: Scorer, variables: bool = True, report: bool = False) -> None:
        self._names = answer_names(scorer, variables)
        outcome = scorer.file.outcome.name
        categories = {each.name for each in scorer.equation.inputs if isinstance(each, CategoryInput)}
        dummies = {term.variable for term in scorer.file.terms if term.input in categories}
        types = [
            pa.int64() if name == outcome else pa.int8() if name in dummies else pa.float64() for name in self._names
        ]
        fields = list(zip(self._names, types, strict=True))
        self._schema = pa.schema([*fields, (ERROR, _PROBLEM)] if report else fields)
        self._report = report
        self.opening = self._schema.serialize().to_pybytes()

    def encode(self, scores: Scores) -> bytes:
        """As Encoder's method."""
        return self._batch(self._columns(scores), [None] * len(scores) if self._report else ())

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """Never called: it needs columns."""
        raise NotImplementedError

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """As Encoder's method: null in the columns of bad rows, and a column of the problems, null for good rows."""
        good = np.array([problem is None for problem in errors], np.bool_)
        places = pa.array(np.cumsum(good) - 1, mask=~good)
        return self._batch((column.take(places) for column in self._columns(scores)), errors)

    def _columns(self, scores: Scores) -> Iterator[Any]:
        columns = scores.columns()
        return (pa.array(columns[name]) for name in self._names)

    def _batch(self, columns: Iterator[Any], errors: Sequence[Problem | None]) -> bytes:
        arrays = list(columns)
        if self._report:
            arrays.append(pa.array([problem and describe(problem) for problem in errors], _PROBLEM))
        serialized: bytes = pa.record_batch(arrays, schema=self._schema).serialize().to_pybytes()
        return serialized
