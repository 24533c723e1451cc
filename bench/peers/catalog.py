"""The peers, and how each is started. Imports only the standard library: the peers have their own environment.

All take the same request bytes as this project, and none wraps its answer. Clients should not accept gzip: LitServe
would compress its answers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "bench" / ".venv-peers" / "bin" / "python"
"""The interpreter of the peers' environment, which has bench/peers/requirements.txt installed."""

HOST = "127.0.0.1"
PREDICT = "/predict"

TELEMETRY_OFF = {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "OTEL_SDK_DISABLED": "true"}


@dataclass(frozen=True, slots=True)
class Peer:
    """One server.

    Attributes:
        key: its letter.
        name: its software, for tables.
        arguments: its command line after the interpreter; run from ROOT.
        readiness: path that answers GET with `ready_status` once requests can be answered.
        ready_status: that status.
    """

    key: str
    name: str
    arguments: tuple[str, ...]
    readiness: str = "/readyz"
    ready_status: int = HTTPStatus.OK

    def argv(self, python: Path = PYTHON) -> list[str]:
        """Its command line."""
        return [str(python), *self.arguments]

    def environment(self, model: Path, port: int, scratch: Path) -> dict[str, str]:
        """Its environment: this process's, the two PEER_ variables, and no telemetry.

        Args:
            model: the coefficient file.
            port: the port to listen on, at HOST.
            scratch: a directory for files of the frameworks; BentoML would use the user's home.
        """
        own = {"PEER_MODEL": str(model.resolve()), "PEER_PORT": str(port)}
        directories = dict.fromkeys(("BENTOML_HOME", "TMPDIR"), str(scratch.resolve()))
        return {**os.environ, **TELEMETRY_OFF, **own, **directories}


PEERS = (
    Peer("a", "FastAPI, pandas, scikit-learn, statsmodels", ("-m", "bench.peers.fastapi_pandas")),
    Peer("b", "FastAPI, pydantic, numpy", ("-m", "bench.peers.fastapi_pydantic")),
    Peer("c", "FastAPI, orjson, numpy", ("-m", "bench.peers.fastapi_orjson")),
    Peer("d", "BentoML, numpy", ("-m", "bentoml", "serve", "bench.peers.bentoml_service:Predictor")),
    Peer("e", "LitServe, numpy", ("-m", "bench.peers.litserve_server")),
)
