"""What a measurement reports besides its figures: machine, version, progress, and why a program failed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from bench.peers.catalog import ROOT
from scorer.version import __version__

LIBRARIES = ("numpy", "msgspec", "orjson", "starlette", "uvicorn", "uvloop", "httptools")


def machine(libraries: Sequence[str] = LIBRARIES) -> dict[str, Any]:
    """The machine and the versions of the libraries."""
    return {
        "processor": processor(),
        "cpus": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
    }


def made() -> dict[str, str]:
    """What was measured, when, and where: the package's version, the git revision, the date, the processor.

    The revision ends in -dirty where files that are measured differ from it.
    """
    try:
        revision = _git("rev-parse", "--short=12", "HEAD") or "unknown"
        changed = _git("diff", "--name-only", "HEAD", "--", "scorer", "coefficients", "examples")
    except OSError:  # there is no git, or none that this user may run
        revision, changed = "unknown", ""
    dirty = "-dirty" if changed else ""
    return {
        "version": __version__,
        "revision": revision + dirty,
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
    }


def _git(*arguments: str) -> str:
    """The output of git; empty if it fails, as outside of a repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


class CPUTimes(NamedTuple):
    """CPU-seconds of the whole machine since it started.

    Attributes:
        busy: of all processes and the kernel.
        stolen: of other machines on the same host, while this one had something to do.
        total: with the idle ones.
    """

    busy: float
    stolen: float
    total: float


def cpu_times() -> CPUTimes:
    """The CPU time of the whole machine (Linux)."""
    ticks = [int(field) / _TICKS for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, stolen, total = ticks[3] + ticks[4], ticks[7], sum(ticks)
    return CPUTimes(total - idle - stolen, stolen, total)


_TICKS = os.sysconf("SC_CLK_TCK")


def processor(described: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, or its architecture where Linux does not name it, as on ARM."""
    lines = described.read_text().splitlines() if described.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def complaint(error: subprocess.CalledProcessError) -> str:
    """The end of what a program wrote on stderr before it failed."""
    written: str | bytes = error.stderr or ""
    text = written.decode(errors="replace") if isinstance(written, bytes) else written
    return text.strip()[-2_000:]


def say(text: str) -> None:
    """Prints progress on stderr: stdout is for the table."""
    print(text, file=sys.stderr, flush=True)
