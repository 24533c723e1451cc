"""python -m bench.rungs decode | route | requests | connection: servers between the tiny app and the service.

Each has one part of the service more than the one before (bench/additions.py).
"""

from __future__ import annotations

import os
import sys
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

import scorer
from bench.apps import serve
from bench.peers.catalog import PREDICT
from scorer.service.app import create_app
from scorer.service.codec.rows import RowCodec
from scorer.service.holder import Holder
from scorer.service.http_protocol import HTTPProtocol
from scorer.service.http_watchdog import SlowConnectionWatchdog
from scorer.service.settings import Settings

RUNGS = ("decode", "route", "requests", "connection")


def decode(model: scorer.Scorer) -> Starlette:
    """The tiny app with the codec of the service, instead of orjson, dicts and whole columns."""
    codec = RowCodec(model)

    async def predict(request: Request) -> Response:
        answer = codec.answer(await request.body(), codec.default_format).answer
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route(PREDICT, predict, methods=["POST"])])


def route(model: scorer.Scorer) -> Any:
    """The same without Starlette: an ASGI function for the one path."""
    codec = RowCodec(model)

    async def predict(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED)(scope, receive, send)
            return
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        answer = codec.answer(b"".join(parts), codec.default_format).answer
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return predict


def main() -> None:
    """Serves one of them at PEER_PORT."""
    name = sys.argv[1]
    model = scorer.load(os.environ["PEER_MODEL"])
    settings = Settings(metrics=False)
    if name in ("decode", "route"):
        app = {"decode": decode, "route": route}[name](model)
    else:
        app = create_app(Holder(model), settings)
    http: Any = "httptools"
    if name == "connection":
        watchdog = SlowConnectionWatchdog(settings.receive_seconds)
        http = partial(HTTPProtocol, max_header_bytes=settings.max_header_bytes, watchdog=watchdog)
    serve(app, http)


if __name__ == "__main__":
    main()
