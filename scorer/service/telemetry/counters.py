"""Counts of requests, rows and cells: those of a worker, and those that the other workers share.

The rows of a request are appended to a buffer, which is counted with numpy, many requests at a time: to count each row
by itself would cost several times as much as to score it. Each worker writes its counts to a file once a second, and
the worker that answers GET /metrics adds the files up. prometheus_client's multiprocess mode would write to shared
memory with every count, and cost several times more again.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from scorer.coefficients import CategoryInput, NumberInput
from scorer.scorer import Scorer
from scorer.scores import Scored, Scores, missing, unknown

REQUESTS_AT_A_TIME = 256
ROWS_AT_A_TIME = 10_000
WRITE_SECONDS = 1.0
FAR = 6.0
"""A number further than this from the scaler's mean, in the scaler's standard deviations, is counted as out of range
where the coefficient file does not give its range in training."""

STAGES = ("receive", "decode", "score", "encode")
BUCKETS = {
    "stage_seconds": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "batch_rows": (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0),
    "phat": tuple(round(0.05 * step, 2) for step in range(1, 20)),
}
"""Upper bounds of the histograms' buckets. Each histogram has one more bucket, without a bound."""

Key = tuple[str, ...]
"""The name of a metric, and the values of its labels."""

Snapshot = dict[str, Any]
"""pid, alive; counters and gauges: [[key, value], …]; histograms: [[key, counts by bucket, sum], …]."""

_log = logging.getLogger("scorer.service")


ScoredRequest = tuple[Scorer, Sequence[Scored], int, Sequence[float]]
"""The rows of a request that were scored: the scorer; the scores, segment by segment; how many rows, none for an empty
array; what each of the STAGES took."""


class Counters:
    """The counts of this worker."""

    def __init__(self, directory: str = "", gauges: Callable[[], dict[Key, float]] = dict) -> None:
        """Starts counting.

        Args:
            directory: where several workers share their counts; empty for one worker.
            gauges: gives the figures that others keep, by key.
        """
        self._gauges = gauges
        self._counters: Counter[Key] = Counter()
        self._requests: dict[tuple[str, int, str], int] = {}  # no Counter, which takes longer for each
        self._histograms: dict[Key, tuple[NDArray[np.int64], list[float]]] = {}
        self._scorer: Scorer | None = None
        self._records = bytearray()
        self._pack = Struct("0d").pack
        self._timings: list[tuple[float, ...]] = []
        self._segments: list[Scores] = []
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None
        self._path = Path(directory, f"{os.getpid()}-{time.time_ns()}.json") if directory else None
        self._failing = False
        self._left_out: set[Path] = set()
        if self._path:
            atexit.register(self.write)

    def request(self, route: str, status: int, version: str, scored: ScoredRequest | None) -> None:
        """Counts a request that has been answered.

        Args:
            route: the path, where the app has it.
            status: of the answer; 0 where the client went away before it.
            version: of the served model; empty before the first one is loaded.
            scored: the rows of a POST /predict that was answered with 200.
        """
        key = route, status, version
        self._requests[key] = self._requests.get(key, 0) + 1
        if scored is not None:
            self._scored(scored)
        if self._timer is None and self._path:
            self._write_again()

    def error(self, code: str) -> None:
        """Counts a problem by its code."""
        self._counters["errors", code] += 1

    def _scored(self, request: ScoredRequest) -> None:
        # Scores of single rows are kept as packed numbers. Kept as objects, they would stay alive by the hundred, and
        # new rows would be made in memory that is not in the CPU's cache: that would cost more than all the rest here.
        scorer, scored, rows, seconds = request
        if scorer is not self._scorer:
            self._count_waiting()
            self._scorer = scorer
            self._pack = Struct(f"{_FIXED + len(scorer.equation.inputs)}d").pack
        first = rows
        for segment in scored:
            if isinstance(segment, Scores):
                self._segments.append(segment)
                continue
            for outcome, phat, _, read, _ in segment:
                self._records += self._pack(first, *seconds, outcome, phat, *read)
                first = 0
        if first or not rows:
            self._timings.append((rows, *seconds))
        self._waiting += rows + ROWS_AT_A_TIME // REQUESTS_AT_A_TIME
        if self._waiting >= ROWS_AT_A_TIME:
            self._count_waiting()

    def snapshot(self) -> Snapshot:
        """The counts of this worker until now."""
        self._count_waiting()
        requests = [
            [("requests", route, str(status), version), count]
            for (route, status, version), count in self._requests.items()
        ]
        return {
            "pid": os.getpid(),
            "counters": [*requests, *([key, value] for key, value in self._counters.items())],
            "gauges": [[key, value] for key, value in self._gauges().items()],
            "histograms": [[key, counts.tolist(), total[0]] for key, (counts, total) in self._histograms.items()],
        }

    def all_snapshots(self) -> Iterator[Snapshot]:
        """The snapshots of all workers, this one first, each with whether the worker is `alive`.

        A file that cannot be read is left out, and logged once.
        """
        yield self.snapshot() | {"alive": True}
        for path in self._path.parent.glob("*.json") if self._path else ():
            if path == self._path:
                continue
            try:
                snapshot = orjson.loads(path.read_bytes())
                snapshot["alive"] = _runs(snapshot["pid"])
            except (OSError, ValueError, TypeError, KeyError) as error:
                if path not in self._left_out:
                    _log.warning("the counts in %s are left out: %s", path, error)
                self._left_out.add(path)
            else:
                yield snapshot

    def write(self) -> None:
        """Writes the counts for the other workers. Never raises: a failure is logged once until it is over."""
        if self._path is None:
            return
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_bytes(orjson.dumps(self.snapshot()))
            temporary.replace(self._path)
        except OSError as error:
            if not self._failing:
                reason = (error.strerror or str(error)).lower()
                _log.warning("this worker's counts cannot be shared, trying again: %s", reason)
            self._failing = True
        else:
            if self._failing:
                _log.info("this worker's counts are shared again")
            self._failing = False

    def _write_again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._write_again)
        self.write()

    def _count_waiting(self) -> None:
        scorer = self._scorer
        self._waiting = 0
        if scorer is None:
            return
        records = np.frombuffer(bytes(self._records)).reshape(-1, _FIXED + len(scorer.equation.inputs))
        _, _, _, _, _, outcome, phat, *read = records.T
        self._count_scores(scorer, phat, outcome, read)
        if self._segments:
            outcome, phat = (np.concatenate([getattr(each, name) for each in self._segments]) for name in _SCORED)
            columns = zip(*(each.read for each in self._segments), strict=True)
            self._count_scores(scorer, phat, outcome, map(np.concatenate, columns))
        first = records[records[:, 0] > 0, : 1 + len(STAGES)]
        rows, *stages = np.concatenate([first, np.array(self._timings).reshape(-1, 1 + len(STAGES))]).T
        self._observe(("batch_rows",), rows)
        for stage, seconds in zip(STAGES, stages, strict=True):
            self._observe(("stage_seconds", stage), seconds)
        del self._records[:], self._segments[:], self._timings[:]

    def _count_scores(
        self, scorer: Scorer, phat: NDArray[Any], outcome: NDArray[Any], read: Iterable[NDArray[Any]]
    ) -> None:
        version = scorer.file.version
        events = int(outcome.sum())
        self._counters["outcomes", version, "1"] += events
        self._counters["outcomes", version, "0"] += len(phat) - events
        self._counters["rows", version] += len(phat)
        self._observe(("phat", version), phat)
        for declared, values in zip(scorer.equation.inputs, read, strict=True):
            self._counters["input_missing", declared.name] += int(missing(declared, values).sum())
            if isinstance(declared, CategoryInput):
                self._counters["input_unknown_level", declared.name] += int(unknown(declared, values).sum())
            else:
                smallest, largest = _range(declared)
                outside = (values < smallest) | (values > largest)
                self._counters["input_out_of_range", declared.name] += int(outside.sum())

    def _observe(self, key: Key, values: NDArray[Any]) -> None:
        bounds = BUCKETS[key[0]]
        counts = np.bincount(np.searchsorted(bounds, values, side="left"), minlength=len(bounds) + 1)
        if key not in self._histograms:
            self._histograms[key] = (np.zeros(len(bounds) + 1, np.int64), [0.0])
        known, total = self._histograms[key]
        known += counts
        total[0] += float(values.sum())


_FIXED = 1 + len(STAGES) + 2
"""Numbers in a row's record before its inputs: rows and seconds of its request (0 rows in all but the request's first
record), outcome, phat."""

_SCORED = ("outcome", "phat")


def _range(declared: NumberInput) -> tuple[float, float]:
    if seen := declared.training_range:
        return seen.min, seen.max
    far = FAR * declared.scaler_scale
    return declared.scaler_mean - far, declared.scaler_mean + far


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
