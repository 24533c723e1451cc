"""What a measurement reports besides its figures: the machine, its progress, and why a program failed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "msgspec", "orjson", "starlette", "uvicorn", "uvloop", "httptools")


def machine() -> dict[str, Any]:
    """The machine and the versions of the libraries."""
    return {
        "processor": processor(),
        "cpus": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


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
