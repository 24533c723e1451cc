"""python -m bench.parse FILE: seconds that orjson.loads alone takes of a body, in a process that does nothing else.

In a process of its own, since the time depends on the heap: where much else is alive, memory stays mapped from one
parse to the next, and a part of the cost that a server has is not seen.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import orjson

TIMES = 5


def main() -> None:
    """Prints the median; the result is let go of within the time, as timeit does it."""
    text = Path(sys.argv[1]).read_bytes()
    taken = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        orjson.loads(text)
        taken.append(time.perf_counter() - begin)
    print(median(taken))


if __name__ == "__main__":
    main()
