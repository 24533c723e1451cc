"""The shadow version: it scores a share of the requests that another version has answered, and answers none.

It scores after the answer has been sent, so no request waits for it; and in the event loop, a segment at a time, so
that other requests come in between.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import numpy as np

from scorer.errors import BadRowsError, ScorerError
from scorer.scorer import Scorer
from scorer.scores import Scored, Scores
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.streaming import Sample
from scorer.service.codec.tables import Table

_log = logging.getLogger("scorer.service")


class Shadow:
    """Compares a second version with the one that answers.

    Attributes:
        scorer: of the second version.
        used: the names of the inputs that it uses.
        difference: the sum of |Δphat| of all rows that both have scored.
    """

    def __init__(self, scorer: Scorer, share: float) -> None:
        """Starts with nothing compared.

        Args:
            scorer: of the second version.
            share: of the requests that are scored with it, above 0 and up to 1.
        """
        self.scorer = scorer
        self._codec = RowCodec(scorer)
        self.used = self._codec.tables.used
        self._share = share
        self._requests = self._rows = self._failed = self._flipped = 0
        self._largest = self.difference = 0.0

    def sample(self) -> Sample | None:
        """For a request among the share: a list, to be filled with its segments and their scores. Else None."""
        return [] if random.random() < self._share else None

    async def compare(self, sample: Sample) -> None:
        """Scores an answered request, and notes how the second version differs. Never raises."""
        try:
            for body, scored in sample:
                self._compare(body, scored)
                await asyncio.sleep(0)
        except ScorerError:  # the second version has inputs of other kinds, say
            self._failed += 1
        except Exception:
            _log.exception("the shadow version failed")
            self._failed += 1
        self._requests += 1

    def _compare(self, body: bytes | Table, scored: Scored) -> None:
        codec = self._codec
        if isinstance(body, bytes):
            result = codec.answer(body, codec.default_format)
        else:
            result = codec.tables.answer(body, codec.default_format)
        if result.total:
            raise BadRowsError.of(result.problems, result.total)
        first, second = _columns(scored), _columns(result.scored)
        moved = np.abs(first[0] - second[0])
        self._rows += len(moved)
        self._largest = max(self._largest, float(moved.max(initial=0.0)))
        self.difference += float(moved.sum())
        self._flipped += int(np.count_nonzero(first[1] != second[1]))

    def report(self) -> dict[str, Any]:
        """Which version, and how it differs: counts, the largest and the mean |Δphat|, outcomes flipped."""
        file = self.scorer.file
        return {
            "name": file.model,
            "version": file.version,
            "sha256": file.sha256,
            "share": self._share,
            "requests": self._requests,
            "requests_failed": self._failed,
            "rows": self._rows,
            "largest_difference": self._largest,
            "mean_difference": self.difference / self._rows if self._rows else 0.0,
            "outcomes_flipped": self._flipped,
        }


def _columns(scored: Scored) -> tuple[Any, Any]:
    """phat and outcome, shape (n,) each."""
    if isinstance(scored, Scores):
        return scored.phat, scored.outcome
    return np.array([row.phat for row in scored]), np.array([row.outcome for row in scored])
