"""What a worker counts, and what all workers have counted together.

A request only appends to lists. They are counted a few hundred rows at a time, with numpy: counting each row by itself
would cost several times what scoring it does. prometheus_client's own multiprocess mode writes to shared memory with
every count, and so would cost several times that again. Here each worker writes what it has counted to a file of its
own once a second, and whichever worker is scraped adds them up.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from scorer.coefficients import CategoryInput
from scorer.scorer import Scorer
from scorer.scores import RowScore, Scored, Scores

ROWS_AT_A_TIME = 256
WRITE_SECONDS = 1.0
FAR = 6.0
"""A number this many of the scaler's standard deviations from its mean is counted as out of range. The coefficient file
does not hold the range of the training data."""

STAGES = ("receive", "decode", "score", "encode")
BUCKETS = {
    "stage_seconds": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "batch_rows": (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0),
    "phat": tuple(round(0.05 * step, 2) for step in range(1, 20)),
}
"""Upper bounds of the histograms' buckets; one more has no bound."""

Key = tuple[str, ...]
"""A metric's name and the values of its labels."""

Snapshot = dict[str, Any]
"""pid, alive; counters and gauges: [[key, value], …]; histograms: [[key, counts by bucket, sum], …]."""


class Metrics:
    """What this worker has counted.

    Attributes:
        gauges: gives what others keep count of, by key.
    """

    def __init__(self, directory: str = "") -> None:
        """Starts counting.

        Args:
            directory: where workers share what they count; empty where there is one alone.
        """
        self.gauges: Callable[[], dict[Key, float]] = dict
        self._counters: Counter[Key] = Counter()
        self._histograms: dict[Key, tuple[NDArray[np.int64], list[float]]] = {}
        self._timings: list[tuple[float, ...]] = []
        self._scored: list[tuple[Scorer, Scored]] = []
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None
        self._path = Path(directory, f"{os.getpid()}-{time.time_ns()}.json") if directory else None
        if self._path:
            atexit.register(self.write)

    def count(self, *key: str, by: float = 1) -> None:
        """Adds to a counter."""
        self._counters[key] += by  # type: ignore[assignment]
        if self._path and self._timer is None:
            self._write_again()

    def answered(self, scorer: Scorer, scored: Sequence[Scored], rows: int, seconds: Sequence[float]) -> None:
        """Counts a request that was answered.

        Args:
            scorer: that answered it.
            scored: what it said, segment by segment.
            rows: how many they were.
            seconds: what each of the STAGES took.
        """
        self._timings.append((rows, *seconds))
        for segment in scored:
            self._scored.append((scorer, segment))
        self._waiting += rows
        if self._waiting >= ROWS_AT_A_TIME:
            self._count_waiting()

    def snapshot(self) -> Snapshot:
        """All that has been counted until now."""
        self._count_waiting()
        return {
            "pid": os.getpid(),
            "counters": [[key, value] for key, value in self._counters.items()],
            "gauges": [[key, value] for key, value in self.gauges().items()],
            "histograms": [[key, counts.tolist(), total[0]] for key, (counts, total) in self._histograms.items()],
        }

    def all_snapshots(self) -> Iterator[Snapshot]:
        """This worker's snapshot, and those that the others have written, with whether they still run."""
        yield self.snapshot() | {"alive": True}
        for path in self._path.parent.glob("*.json") if self._path else ():
            if path != self._path:
                snapshot = orjson.loads(path.read_bytes())
                yield snapshot | {"alive": _runs(snapshot["pid"])}

    def _write_again(self) -> None:
        self.write()
        self._timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._write_again)

    def write(self) -> None:
        """Shares what has been counted until now with the other workers."""
        if self._path and self._path.parent.is_dir():
            temporary = self._path.with_suffix(".tmp")
            temporary.write_bytes(orjson.dumps(self.snapshot()))
            temporary.replace(self._path)

    def _count_waiting(self) -> None:
        timings, scored = self._timings, self._scored
        self._timings, self._scored, self._waiting = [], [], 0
        if timings:
            rows, *stages = np.array(timings).T
            self._observe(("batch_rows",), rows)
            for stage, seconds in zip(STAGES, stages, strict=True):
                self._observe(("stage_seconds", stage), seconds)
        by_scorer: dict[int, tuple[Scorer, list[RowScore]]] = {}
        for scorer, segment in scored:
            if isinstance(segment, Scores):
                self._count_scores(scorer, segment.phat, segment.outcome, segment.read)
            else:
                by_scorer.setdefault(id(scorer), (scorer, []))[1].extend(segment)
        for scorer, row_scores in by_scorer.values():
            outcomes, phats, _, read = zip(*row_scores, strict=True) if row_scores else ((), (), (), ())
            columns = [np.array(column) for column in zip(*read, strict=True)]
            self._count_scores(scorer, np.array(phats), np.array(outcomes), columns)

    def _count_scores(
        self, scorer: Scorer, phat: NDArray[Any], outcome: NDArray[Any], read: Sequence[NDArray[Any]]
    ) -> None:
        version = scorer.file.version
        events = int(outcome.sum())
        self._counters["outcomes", version, "1"] += events
        self._counters["outcomes", version, "0"] += len(phat) - events
        self._counters["rows", version] += len(phat)
        self._observe(("phat", version), phat)
        for declared, values in zip(scorer.equation.inputs, read, strict=True):
            if isinstance(declared, CategoryInput):
                self._counters["input_missing", declared.name] += int((values == declared.missing_code).sum())
                self._counters["input_unknown_level", declared.name] += int((values == declared.unknown_code).sum())
            else:
                self._counters["input_missing", declared.name] += int(np.isnan(values).sum())
                far = np.abs(values - declared.scaler_mean) > FAR * declared.scaler_scale
                self._counters["input_out_of_range", declared.name] += int(far.sum())

    def _observe(self, key: Key, values: NDArray[Any]) -> None:
        bounds = BUCKETS[key[0]]
        counts = np.bincount(np.searchsorted(bounds, values, side="left"), minlength=len(bounds) + 1)
        if key not in self._histograms:
            self._histograms[key] = (np.zeros(len(bounds) + 1, np.int64), [0.0])
        known, total = self._histograms[key]
        known += counts
        total[0] += float(values.sum())


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
