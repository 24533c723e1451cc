"""python -m bench.parse FILE: CPU and wall seconds of orjson.loads alone for a body, in a process of its own.

The time depends on the heap: in a process with many other objects memory stays mapped from one parse to the next, which
hides a part of the cost that a server has.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import orjson

TIMES = 5


def main() -> None:
    """Prints the medians; freeing the result is part of the time, as in timeit."""
    text = Path(sys.argv[1]).read_bytes()
    clocks = time.process_time, time.perf_counter
    taken = []
    for _ in range(TIMES):
        begin = [clock() for clock in clocks]
        orjson.loads(text)
        taken.append([clock() - began for clock, began in zip(clocks, begin, strict=True)])
    print(*map(median, zip(*taken, strict=True)))


if __name__ == "__main__":
    main()
