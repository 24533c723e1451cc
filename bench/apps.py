"""python -m bench.apps floor | bare: minimal apps, which show how much time the scorer adds to its server."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

FLOOR_ROW_BYTES = 500
"""Size of the scorer's answer to one row, to within a few digits."""


async def floor(_scope: Any, receive: Any, send: Any) -> None:
    """The least work a service can do: reads the body and sends a fixed answer of the size of the scorer's."""
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    rows = max(1, size // FLOOR_BODY_BYTES)
    answer = b"x" * (FLOOR_ROW_BYTES * rows)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


FLOOR_BODY_BYTES = 1_800
"""Rough size of one row of the request: turns the body's size into a number of rows."""


async def readyz(_request: Request) -> JSONResponse:
    """Answers a readiness probe, as the scorer does."""
    return JSONResponse({"status": "ready", "numpy": numpy.__version__})


SETTINGS: dict[str, Any] = {
    "loop": "uvloop",
    "ws": "none",
    "lifespan": "off",
    "interface": "asgi3",
    "proxy_headers": False,
    "access_log": False,
    "server_header": False,
}
"""The scorer's own settings of uvicorn, but for the protocol class and the log."""


def serve(app: Any, http: Any = "httptools") -> None:
    """Serves an app at PEER_PORT with the scorer's own settings of uvicorn, but for the protocol class."""
    uvicorn.run(app, port=int(os.environ["PEER_PORT"]), http=http, log_level="warning", **SETTINGS)


def main() -> None:
    """Serves one of the apps."""
    serve(floor if sys.argv[1] == "floor" else Starlette(routes=[Route("/readyz", readyz)]))


if __name__ == "__main__":
    main()
