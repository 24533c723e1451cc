"""python -m bench.child COMMAND…: runs a command; prints its CPU and wall seconds and its peak memory as JSON.

A process of its own, that imports next to nothing: until a child has become another program, its memory is that of its
parent, and would be its peak.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> int:
    """Returns the exit code of the command."""
    began = time.perf_counter()
    pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "wall": wall, "peak_bytes": used.ru_maxrss * 1024}))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
