"""The app factory: takes a holder of a scorer, gives an ASGI app. Endpoints translate; the scorer computes."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scorer.errors import BodyTooLargeError, ScorerError
from scorer.service import problems
from scorer.service.batches import Batch
from scorer.service.holder import Holder
from scorer.service.rows import RowCodec
from scorer.service.shadow import Trial

PREDICT = "/predict"

_log = logging.getLogger("scorer.service")


class Predict:
    """POST /predict, as a plain ASGI app without Starlette's Request and Response objects."""

    def __init__(self, holder: Holder, max_body_bytes: int) -> None:
        self._holder = holder
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            served = self._holder.require()
            shadow = self._holder.shadow
            trial = shadow.sample() if shadow else None
            answer = await self._answer(served.codec, scope, receive, trial)
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
        if shadow and trial is not None:
            await shadow.compare(trial)

    async def _answer(self, codec: RowCodec, scope: Scope, receive: Receive, trial: Trial | None) -> bytes:
        """Reads the body and answers it.

        Raises:
            BodyTooLargeError: as soon as that is known.
            ClientGoneError: the client closed the connection before its body was read.
            MalformedBodyError, BadShapeError, BadRowsError: as Batch.
        """
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._limit:
                raise BodyTooLargeError(self._limit)
        batch: Batch | None = None
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._limit:
                raise BodyTooLargeError(self._limit)
            more = message.get("more_body", False)
            if batch is None:
                if not more:
                    part = codec.answer(chunk)
                    if trial is not None:
                        trial.append((chunk, part.scored))
                    return part.require()
                batch = Batch(codec, trial)
            batch.feed(chunk)
            if not more:
                return batch.finish()


class ClientGoneError(Exception):
    """The client closed the connection before its body was read."""


class Service:
    """The ASGI app: POST /predict goes straight to its endpoint, everything else through Starlette.

    Starlette's middleware and routing would take a quarter of the single-row rate. The endpoint answers its own errors.
    """

    def __init__(self, predict: Predict, others: Starlette) -> None:
        self._predict = predict
        self._others = others
        self.routes = others.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PREDICT and scope["method"] == "POST":
            await self._predict(scope, receive, send)
        else:
            await self._others(scope, receive, send)


def create_app(holder: Holder, max_body_bytes: int) -> Service:
    """The ASGI app.

    Args:
        holder: of the scorer that answers; it may be filled, or filled anew, while the app runs.
        max_body_bytes: largest request body.
    """

    async def model(_request: Request) -> Response:
        return _json(orjson.dumps({**holder.require().model_document, "serving": holder.serving()}))

    async def history(_request: Request) -> Response:
        return _json(orjson.dumps({"history": holder.history()}))

    async def openapi(_request: Request) -> Response:
        return _json(holder.require().openapi_document)

    async def livez(_request: Request) -> Response:
        return _json(orjson.dumps({"status": "alive"}))

    async def readyz(_request: Request) -> Response:
        file = holder.require().scorer.file
        return _json(orjson.dumps({"status": "ready", "model": file.model, "version": file.version}))

    predict = Predict(holder, max_body_bytes)
    routes: list[Any] = [
        Route(PREDICT, predict, methods=["POST"]),
        Route("/model", model),
        Route("/model/history", history),
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/openapi.json", openapi),
    ]
    others = Starlette(routes=routes, exception_handlers=problems.HANDLERS)
    others.router.redirect_slashes = False  # a redirected POST would lose its body in most clients
    return Service(predict, others)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
