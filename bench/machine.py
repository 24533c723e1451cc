"""What a measurement reports besides its figures: the machine and its progress."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "msgspec", "orjson", "starlette", "uvicorn", "uvloop", "httptools")


def machine() -> dict[str, Any]:
    """The machine and the versions of the libraries."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cpus": len(names),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def say(text: str) -> None:
    """Prints progress on stderr: stdout is for the table."""
    print(text, file=sys.stderr, flush=True)
