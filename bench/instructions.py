"""python -m bench.instructions: the instructions of a single row, which other work on the machine cannot change.

valgrind counts the instructions of bench/in_memory.py in user mode; what the kernel does for a socket is not among
them. A process that answers TIMES more rows than another takes so many more; divided by TIMES, that is the figure of a
row: what starting and ending take is in both.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson

import scorer
from bench.machine import complaint
from bench.peers.catalog import ROOT
from bench.rows import SEED, stand_in

PARTS = {
    "scorer": "the scorer, from the bytes of a request to those of its answer",
    "floor": "the floor: uvicorn with an app that sends a fixed answer",
    "answer": "decoding, scoring and encoding, without HTTP",
    "score": "scoring alone",
    "encode": "encoding alone",
    "count": "metrics alone",
}
"""What is counted, as bench/in_memory.py names it, and in words."""

FEW = 100
TIMES = 1_000
"""A multiple of the rows after which counters are added up, so that each row has its share."""

NO_VALGRIND = "valgrind is not installed: apt-get install valgrind"
_REFS = re.compile(r"I\s+refs:\s+([\d,]+)")


def main() -> int:
    """Prints a table. Returns the exit code: 2, with a line on stderr, if nothing can be counted."""
    try:
        print(table(measure()))
    except OSError as error:
        print(f"bench.instructions: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"bench.instructions: {complaint(error)}", file=sys.stderr)
        return 2
    return 0


def measure(times: int = TIMES, parts: Sequence[str] = tuple(PARTS)) -> dict[str, float]:
    """The instructions of a single row, by the name of the part.

    Args:
        times: how many rows the mean is taken of.
        parts: which of PARTS to count.

    Raises:
        FileNotFoundError: valgrind is not installed.
        subprocess.CalledProcessError: a program failed.
    """
    with tempfile.TemporaryDirectory() as directory:
        body = Path(directory, "row.json")
        _, rows = stand_in(4, SEED, Path(directory), scorer.load())
        body.write_bytes(orjson.dumps(rows[0]))
        return {part: (_count(part, FEW + times, body) - _count(part, FEW, body)) / times for part in parts}


def _count(part: str, times: int, body: Path) -> int:
    """Instructions of a process that does a part so many times."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise FileNotFoundError(NO_VALGRIND)
    counted = [valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command = [*counted, sys.executable, "-m", "bench.in_memory", part, str(times), str(body)]
    fixed = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **fixed}, check=True, capture_output=True, text=True)
    found = _REFS.search(done.stderr)
    if found is None:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return int(found[1].replace(",", ""))


def table(figures: dict[str, float]) -> str:
    """The figures as a Markdown table."""
    lines = [f"| {PARTS[part]} | {figure:,.0f} |" for part, figure in figures.items()]
    return "\n".join(["| instructions of a single row | |", "|---|---|", *lines])


if __name__ == "__main__":
    sys.exit(main())
