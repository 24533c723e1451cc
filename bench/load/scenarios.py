"""Scenarios: calls of one row or many, in order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from bench.rows import Row

LARGEST_BATCH = 1_000
RANDOM_BATCHES = 200
REPEATS = 10
"""How often the batch of all rows is sent: a single time would not show how much times vary."""


class Bodies:
    """Request bodies. Each row is encoded once, and a body is assembled before its call's clock starts."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = [orjson.dumps(row) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, call: Call) -> bytes:
        """A call's body: one object, or an array."""
        if call.alone:
            return self._rows[call.rows[0]]
        return b"[" + b",".join([self._rows[row] for row in call.rows]) + b"]"


@dataclass(frozen=True, slots=True)
class Call:
    """One POST.

    Attributes:
        rows: indexes of the stand-in rows to send.
        alone: whether the only row is sent as an object instead of an array.
    """

    rows: Sequence[int]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way of sending the rows.

    Attributes:
        name: its name on the command line.
        about: its description, with {count} for the number of calls, {rows} for the number of rows, and {connections}.
        calls: the calls, in order.
        one_by_one: whether each call waits for the answer to the one before, on one connection.
    """

    name: str
    about: str
    calls: list[Call] = field(repr=False)
    one_by_one: bool = False


def scenarios(rows: int, largest: int, seed: int) -> Iterator[Scenario]:
    """All scenarios.

    Args:
        rows: number of stand-in rows.
        largest: most rows of a random batch.
        seed: seed of the random choices.
    """
    drawn = random.Random(seed)
    each = [Call([row], alone=True) for row in range(rows)]
    picked = [Call([row], alone=True) for row in drawn.choices(range(rows), k=rows)]
    sizes = [drawn.randint(1, largest) for _ in range(max(1, RANDOM_BATCHES * rows // 10_000))]
    batches = [Call(drawn.choices(range(rows), k=size)) for size in sizes]
    yield Scenario("singles", "{count} single rows, one by one", each, one_by_one=True)
    yield Scenario("parallel", "{count} single rows, on {connections} connections", each)
    yield Scenario("random", "{count} single rows picked at random, on {connections} connections", picked)
    yield Scenario("batches", "{count} batches of random sizes, {rows} rows, on {connections} connections", batches)
    yield Scenario("batch", "a batch of all rows, {count} times", [Call(range(rows))] * REPEATS, one_by_one=True)


NAMES = tuple(scenario.name for scenario in scenarios(1, 1, 0))
