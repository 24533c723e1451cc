"""CPU time of this process and all that it has started: a JVM, and the Python workers that the JVM starts.

Read from /proc/PID/stat: utime and stime, and of children that have ended cutime and cstime. A worker that ends is thus
counted by the daemon that forked it. The clock ticks in hundredths of a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class _Process(NamedTuple):
    name: str
    parent: int
    seconds: float


class Taken(NamedTuple):
    """CPU seconds.

    Attributes:
        jvm: of JVMs.
        python: of all else, which is Python.
    """

    jvm: float
    python: float

    def since(self, before: Taken) -> Taken:
        """What was taken since then."""
        return Taken(self.jvm - before.jvm, self.python - before.python)


def taken(root: int) -> Taken:
    """CPU time so far of a process and all that descend from it (Linux)."""
    every = dict(_processes())
    own = [process for pid, process in every.items() if _descends(pid, root, every)]
    jvm = sum(process.seconds for process in own if process.name == "java")
    return Taken(jvm, sum(process.seconds for process in own) - jvm)


def _descends(pid: int, root: int, every: dict[int, _Process]) -> bool:
    while pid != root:
        if pid not in every:
            return False
        pid = every[pid].parent
    return True


def _processes() -> Iterator[tuple[int, _Process]]:
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            head, _, rest = path.read_text().rpartition(")")
            fields = rest.split()
            ticks = sum(int(field) for field in fields[11:15])
            yield int(path.parent.name), _Process(head.partition("(")[2], int(fields[1]), ticks / _TICKS)
