"""The app factory: takes a holder of a scorer, gives an ASGI app. Endpoints translate; the scorer computes."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scorer.errors import UnauthorizedError
from scorer.service import problems
from scorer.service.holder import Holder
from scorer.service.keys import Keys
from scorer.service.predict import Predict
from scorer.service.settings import Settings
from scorer.service.telemetry.counters import PREDICT, Metrics
from scorer.service.telemetry.request_log import Watch

ADMIN = frozenset({"/livez", "/readyz", "/metrics"})
"""What an admin port serves, and what needs no key."""
PATHS = ADMIN | {PREDICT, "/model", "/model/history", "/openapi.json"}


class Service:
    """The ASGI app: POST /predict goes straight to its endpoint, everything else through Starlette.

    Starlette's middleware and routing would take a quarter of the single-row rate. The endpoint answers its own errors.
    """

    def __init__(self, predict: Predict, others: Starlette, watch: Watch, settings: Settings) -> None:
        """Puts the app together.

        Args:
            predict: answers POST /predict.
            others: answers everything else.
            watch: counts and logs requests.
            settings: the keys and the admin port are taken of them.

        Raises:
            SettingError: the keys cannot be read.
        """
        self._predict = predict
        self._others = others
        self._watch = watch
        self._keys = Keys(Path(settings.api_keys_file)) if settings.api_keys_file else None
        self._admin_port = settings.admin_port
        self._open = self._keys is None and not self._admin_port
        self.routes = others.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        refusal = None if self._open else self._refusal(scope)
        if refusal is None and scope["path"] == PREDICT and scope["method"] == "POST":
            await self._predict(scope, receive, send)
            return
        watched = self._watch.begin(scope, send)
        await (refusal or self._others)(scope, receive, watched)
        self._watch.end(watched)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to who asks in the wrong place, or without a key."""
        admin = scope["path"] in ADMIN
        if self._admin_port and (scope["server"][1] == self._admin_port) is not admin:
            return problems.of_status(HTTPStatus.NOT_FOUND)
        if self._keys and not admin:
            given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            try:
                self._keys.require(given)
            except UnauthorizedError as error:
                return problems.of_scorer_error(error)
        return None


def create_app(holder: Holder, settings: Settings = Settings()) -> Service:  # noqa: B008 (it is frozen)
    """The ASGI app.

    Args:
        holder: of the scorer that answers; it may be filled, or filled anew, while the app runs.
        settings: the limits, the keys and the admin port are taken of them.

    Raises:
        SettingError: the keys cannot be read.
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
        if holder.draining:
            return problems.of_status(HTTPStatus.SERVICE_UNAVAILABLE)
        file = holder.require().scorer.file
        return _json(orjson.dumps({"status": "ready", "model": file.model, "version": file.version}))

    async def scrape(request: Request) -> Response:
        from scorer.service.telemetry.exposition import expose  # who is not scraped does not pay for the import

        text, content_type = expose(metrics.all_snapshots(), request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    metrics = Metrics(settings.metrics_dir)
    counted = metrics if settings.metrics else None
    watch = Watch(holder, settings, counted, PATHS)
    predict = Predict(holder, settings, watch, counted)
    metrics.gauges = lambda: {**holder.gauges(), ("requests_in_flight",): float(predict.in_flight)}
    routes: list[Any] = [
        Route(PREDICT, predict, methods=["POST"]),
        Route("/model", model),
        Route("/model/history", history),
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/openapi.json", openapi),
        *([Route("/metrics", scrape)] if settings.metrics else []),
    ]
    others = Starlette(routes=routes, exception_handlers=problems.HANDLERS)
    others.router.redirect_slashes = False  # a redirected POST would lose its body in most clients
    return Service(predict, others, watch, settings)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
