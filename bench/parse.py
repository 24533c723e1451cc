"""python -m bench.parse FILE: seconds of orjson.loads alone for a body, in a process that does nothing else.

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
    """Prints the median; freeing the result is part of the time, as in timeit."""
    text = Path(sys.argv[1]).read_bytes()
    taken = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        orjson.loads(text)
        taken.append(time.perf_counter() - begin)
    print(median(taken))


if __name__ == "__main__":
    main()
