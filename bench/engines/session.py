"""A Spark session in a process of its own: started, told what to do, and ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bench.peers.catalog import ROOT

COMPLAINT = 2_000
"""Characters of what a session wrote that are shown if it fails."""


class EngineError(Exception):
    """An engine cannot be measured. The message is for the user."""


class Split(NamedTuple):
    """What some work took, in seconds.

    Attributes:
        cpu: CPU time of the session, JVM and Python workers included.
        wall: from its start to its end.
        jvm: the JVM's part of `cpu`.
        python: the other part.
    """

    cpu: float
    wall: float
    jvm: float
    python: float


class Session:
    """A session that waits for work."""

    def __init__(self, process: subprocess.Popen[str], written: Path) -> None:
        self._process, self._written = process, written

    def take(self, way: str, rows: Path, settings: Mapping[str, str] | None = None, out: Path | None = None) -> Split:
        """Takes rows through Spark.

        Args:
            way: one of ways.WAYS.
            rows: a directory of Parquet files.
            settings: of the session, for this alone.
            out: a directory for the rows that come of it; if None they go to Spark's noop sink, which costs nothing.

        Raises:
            EngineError: the session has ended.
        """
        told = {"way": way, "rows": str(rows), "settings": dict(settings or {}), "out": str(out or "")}
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):  # what it wrote says why
            self._process.stdin.write(json.dumps(told) + "\n")
            self._process.stdin.flush()
        if not (answer := self._process.stdout.readline()):
            self._process.wait()
            raise EngineError(f"Spark ended: {self._written.read_text(errors='replace').strip()[-COMPLAINT:]}")
        return Split(**json.loads(answer))


@contextmanager
def session(directory: Path, cpus: int, settings: Mapping[str, str] | None = None) -> Iterator[Session]:
    """A session, ended on leaving.

    Args:
        directory: for what it writes; it is made.
        cpus: how many CPUs it may run on, and tasks at a time.
        settings: of the session.
    """
    directory.mkdir()
    written = directory / "written.txt"
    command = [
        sys.executable,
        "-m",
        "bench.engines.driver",
        str(cpus),
        str(directory),
        json.dumps(dict(settings or {})),
    ]
    pipe = subprocess.PIPE
    with (
        written.open("w") as complaints,
        subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=complaints, text=True) as process,
    ):
        yield Session(process, written)
