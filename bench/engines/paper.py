"""On paper: how long a billion rows take on many cores, and what is full first.

Measured are the CPU seconds and bytes of a row, on one machine. All else is an assumption, with its source. Cores are
alike and as fast as the measured ones; what TLS and the store's client take of a CPU is not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ROWS = 1_000_000_000
CORES = (16, 64, 256)

TASK_BYTES = 128 * 2**20
"""Of a task's share of the input: Spark's default of spark.sql.files.maxPartitionBytes (Spark's documentation, page
"Performance Tuning"). The same for whoever splits rows into files."""
NETWORK_BITS = 10e9 / 32
"""A second and core, each way: m5.8xlarge has 32 vCPUs and 10 Gbit/s (Amazon's EC2 User Guide, page "Amazon EC2
instance network bandwidth")."""
STREAM_BYTES = 85e6
"""A second, of one request at a time: "85-90 MB/s" (Amazon's S3 User Guide, page "Performance design patterns")."""
PREFIX_GETS, PREFIX_PUTS = 5_500, 3_500
"""Requests a second on one prefix (Amazon's S3 User Guide, page "Best practices design patterns: optimizing Amazon S3
performance")."""
TASK_REQUESTS = 2
"""Beside those for columns: the size and the footer of a file."""


@dataclass(frozen=True, slots=True)
class Way:
    """What a row costs.

    Attributes:
        cpu: CPU seconds.
        read: bytes of the input that are read.
        written: bytes of its scores.
        columns: how many are read, one request each for a row group.
        group: rows of a row group.
    """

    cpu: float
    read: float
    written: float
    columns: int
    group: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that a billion rows keep each resource busy; that of the largest is full.

    Attributes:
        cpu: the cores, with those that wait for the last tasks.
        network: the nodes' network, in or out.
        streams: each core's one request at a time.
        requests: one prefix of the store.
    """

    cpu: float
    network: float
    streams: float
    requests: float

    @property
    def first(self) -> str:
        """What is full first."""
        busy = {
            "CPU": self.cpu,
            "network": self.network,
            "store, a stream": self.streams,
            "store, requests": self.requests,
        }
        return max(busy, key=busy.__getitem__)

    @property
    def least(self) -> float:
        """Seconds if all overlaps."""
        return max(self.cpu, self.network, self.streams, self.requests)

    @property
    def most(self) -> float:
        """Seconds if a core waits for what it reads."""
        return max(self.cpu + max(self.network, self.streams), self.requests)


def tasks(way: Way) -> int:
    """How many tasks a billion rows are."""
    return math.ceil(ROWS * way.read / TASK_BYTES)


def estimate(way: Way, cores: int) -> Estimate:
    """What a billion rows take on so many cores."""
    waves = math.ceil(tasks(way) / cores)
    return Estimate(
        cpu=waves * ROWS * way.cpu / tasks(way),
        network=ROWS * max(way.read, way.written) * 8 / (cores * NETWORK_BITS),
        streams=ROWS * way.read / (cores * STREAM_BYTES),
        requests=max(_gets(way) / PREFIX_GETS, tasks(way) / PREFIX_PUTS),
    )


def cores_of_a_prefix(way: Way) -> float:
    """Cores that make as many requests as one prefix of the store answers, where nothing else keeps them waiting."""
    return way.cpu * ROWS / max(_gets(way) / PREFIX_GETS, tasks(way) / PREFIX_PUTS)


def _gets(way: Way) -> float:
    return ROWS / way.group * way.columns + TASK_REQUESTS * tasks(way)
