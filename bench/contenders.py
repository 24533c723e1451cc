"""The servers that are measured: the scorer, the floor, the bare app, and the peers."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from bench.peers.catalog import PEERS, PYTHON, Peer

OWN = Path(sys.executable)
"""The interpreter of the project's environment."""

LARGEST_BODY = 1024**3


@dataclass(frozen=True, slots=True)
class Own(Peer):
    """The scorer itself, started as a user starts it.

    Attributes:
        workers: number of processes.
        refresh_seconds: time between two polls of its store.
    """

    workers: int = 1
    refresh_seconds: float = 10.0

    def environment(self, model: Path, port: int, scratch: Path) -> dict[str, str]:
        """Its environment variables; the limit on bodies is raised for batches of 100,000 rows."""
        del scratch
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCORER_")},
            "SCORER_MODEL": str(model.resolve()),
            "SCORER_PORT": str(port),
            "SCORER_WORKERS": str(self.workers),
            "SCORER_MAX_BODY_BYTES": str(LARGEST_BODY),
            "SCORER_REFRESH_SECONDS": str(self.refresh_seconds),
        }


SCORER = Own("scorer", "this scorer", ("-m", "scorer", "serve"))
TWO_WORKERS = Own("scorer, 2 workers", "this scorer, 2 workers", ("-m", "scorer", "serve"), workers=2)
SWAPPING = Own("scorer, swapping", "this scorer, its model swapped", ("-m", "scorer", "serve"), refresh_seconds=0.05)
FLOOR = Peer("floor", "bare ASGI app, fixed answer", ("-m", "bench.apps", "floor"), readiness="/")
BARE = Peer("bare", "bare Starlette app that imports numpy", ("-m", "bench.apps", "bare"))


@dataclass(frozen=True, slots=True)
class Tiny(Peer):
    """examples/tiny_app.py on uvicorn's command line, with the scorer's loop and parser. It has no readiness probe."""

    def environment(self, model: Path, port: int, scratch: Path) -> dict[str, str]:
        """Its environment: the model, and what uvicorn's command line reads from there."""
        del scratch
        uvicorn = {
            "LOOP": "uvloop",
            "HTTP": "httptools",
            "ACCESS_LOG": "false",
            "LOG_LEVEL": "warning",
            "PORT": str(port),
        }
        own = {f"UVICORN_{name}": value for name, value in uvicorn.items()}
        return {**os.environ, **own, "SCORER_MODEL": str(model.resolve())}


TINY = Tiny(
    "tiny",
    "tiny app: Starlette, orjson and the library",
    ("-m", "uvicorn", "--app-dir", "examples", "tiny_app:app"),
    readiness="/predict",
    ready_status=HTTPStatus.METHOD_NOT_ALLOWED,
)


def python_of(contender: Peer) -> Path:
    """The interpreter that a contender runs on."""
    return PYTHON if contender in PEERS else OWN
