"""python -m bench.parse FILE [--cpu]: seconds of orjson.loads alone for a body, in a process that does nothing else.

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
    """Prints the median, on the wall or of CPU time; freeing the result is part of the time, as in timeit."""
    path, *options = sys.argv[1:]
    clock = time.process_time if options == ["--cpu"] else time.perf_counter
    text = Path(path).read_bytes()
    taken = []
    for _ in range(TIMES):
        begin = clock()
        orjson.loads(text)
        taken.append(clock() - begin)
    print(median(taken))


if __name__ == "__main__":
    main()
