"""The app factory: takes a holder of a scorer, gives an ASGI app. Endpoints translate; the scorer computes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scorer.errors import BodyTooLargeError, NotReadyError, ScorerError
from scorer.scorer import Scorer
from scorer.service import documents, problems
from scorer.service.rows import RowCodec

THREAD_BYTES = 256 * 1024
"""Bodies from this size on are scored in a thread, so that the event loop goes on answering probes and single rows."""

_log = logging.getLogger("scorer.service")


class Served:
    """A scorer with all that is made from it once: its codec, the headers that name it, and its documents."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.codec = RowCodec(scorer)
        file = scorer.file
        self.headers = [
            (b"content-type", b"application/json"),
            (b"x-model-name", file.model.encode()),
            (b"x-model-version", file.version.encode()),
            (b"x-model-sha256", file.sha256.encode()),
        ]
        self.model_document = orjson.dumps(documents.model(scorer))
        self.openapi_document = orjson.dumps(documents.openapi(scorer))

    def answer(self, body: bytes) -> bytes:
        """A request body → the response body.

        Raises:
            MalformedBodyError, BadShapeError, BadRowsError.
        """
        return self.codec.encode(self.scorer.score_cells(self.codec.decode(body)))


class Holder:
    """Holds what is served, or None while no certified model is loaded. Setting `served` is the whole swap."""

    def __init__(self, scorer: Scorer | None = None) -> None:
        self.served = None if scorer is None else Served(scorer)

    def require(self) -> Served:
        """What is served.

        Raises:
            NotReadyError: nothing yet.
        """
        if self.served is None:
            raise NotReadyError
        return self.served


class Predict:
    """POST /predict, as a plain ASGI app: Starlette's Request and Response objects would cost a quarter of its rate."""

    def __init__(self, holder: Holder, max_body_bytes: int) -> None:
        self._holder = holder
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            served = self._holder.require()
            body = await read_body(scope, receive, self._max_body_bytes)
            if len(body) < THREAD_BYTES:
                answer = served.answer(body)
            else:
                answer = await asyncio.to_thread(served.answer, body)
        except ScorerError as error:
            await problems.of_scorer_error(error)(scope, receive, send)
            return
        except ClientGoneError:
            return
        except Exception:
            _log.exception("POST /predict failed")
            await problems.of_fault()(scope, receive, send)
            return
        headers = [*served.headers, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class ClientGoneError(Exception):
    """The client closed the connection before its body was read."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole request body.

    Args:
        scope: of the request; its content-length is looked at before anything is read.
        receive: of the request.
        limit: in bytes.

    Raises:
        BodyTooLargeError: as soon as that is known.
        ClientGoneError: the client is gone.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:
            raise BodyTooLargeError(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def create_app(holder: Holder, max_body_bytes: int) -> Starlette:
    """The ASGI app.

    Args:
        holder: of the scorer that answers; it may be filled, or filled anew, while the app runs.
        max_body_bytes: largest request body.
    """

    async def model(_request: Request) -> Response:
        return _json(holder.require().model_document)

    async def openapi(_request: Request) -> Response:
        return _json(holder.require().openapi_document)

    async def livez(_request: Request) -> Response:
        return _json(orjson.dumps({"status": "alive"}))

    async def readyz(_request: Request) -> Response:
        file = holder.require().scorer.file
        return _json(orjson.dumps({"status": "ready", "model": file.model, "version": file.version}))

    routes: list[Any] = [
        Route("/predict", Predict(holder, max_body_bytes), methods=["POST"]),
        Route("/model", model),
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/openapi.json", openapi),
    ]
    app = Starlette(routes=routes, exception_handlers=problems.HANDLERS)
    app.router.redirect_slashes = False  # a redirected POST would lose its body in most clients
    return app


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
