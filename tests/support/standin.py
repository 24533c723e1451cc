"""Stand-in data for tests, written once for all processes of a run."""

from __future__ import annotations

import csv
import fcntl
from dataclasses import dataclass
from pathlib import Path

from export import standin
from scorer import Scorer

ROWS = 40_000
SEED = 3


@dataclass(frozen=True)
class StandIn:
    """Stand-in data of the notebook's size: 40,000 training rows, 10,000 test rows."""

    train: Path
    test: Path
    rows: list[dict[str, str | None]]
    """The test rows as texts, empty ones as None."""


def shared(directory: Path, scorer: Scorer) -> StandIn:
    """The data in a directory that several processes share: the first that asks writes it, and the others wait.

    Args:
        directory: made by the caller.
        scorer: the model that y is drawn from.
    """
    target = directory / "standin"
    with (directory / "standin.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            partial = directory / "standin.partial"
            standin.write(ROWS, SEED, partial, scorer)
            partial.rename(target)
    train, test = target / "train.csv", target / "test.csv"
    with test.open(newline="") as file:
        rows = [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]
    return StandIn(train, test, rows)
