"""The app factory, and the life of a request: whatever its route, it is admitted, answered, counted and logged here."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from scorer.service import problems
from scorer.service.holder import Holder
from scorer.service.keys import APIKeys
from scorer.service.predict import ClientGoneError, InFlight, Predict
from scorer.service.settings import Settings
from scorer.service.telemetry.counters import Counters, Key
from scorer.service.telemetry.request_log import RequestLog
from scorer.version import __version__

PREDICT = "/predict"
ADMIN_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""The paths that an admin port serves, and that need no key."""

_log = logging.getLogger("scorer.service")


class StoreStatus(Protocol):
    """Tells how the served model stands with its store: scorer.service.models.Models."""

    def report(self) -> dict[str, Any]:
        """For GET /model, under `serving`."""

    def history(self) -> list[dict[str, Any]]:
        """For GET /model/history: the versions that were served."""

    def gauges(self) -> dict[Key, float]:
        """For /metrics, by name and labels."""


class NoStore:
    """The status where a scorer is served as it is, without a store."""

    def report(self) -> dict[str, Any]:
        """As StoreStatus.report: empty."""
        return {}

    def history(self) -> list[dict[str, Any]]:
        """As StoreStatus.history: empty."""
        return []

    def gauges(self) -> dict[Key, float]:
        """As StoreStatus.gauges: empty."""
        return {}


class Exchange:
    """One request and its answer. It is the `send` of the endpoint that answers.

    Attributes:
        scope: of the request.
        request_id: the one that it came with, or a new one.
        began: when it did, as time.perf_counter counts.
        status: of the answer; 0 until that has begun.
    """

    __slots__ = ("_end", "_ended", "_send", "began", "request_id", "scope", "status")

    def __init__(self, scope: Scope, send: Send, request_id: bytes, end: Callable[[Exchange], None]) -> None:
        self.scope = scope
        self.request_id = request_id
        self.began = perf_counter()
        self.status = 0
        self._send = send
        self._end = end
        self._ended = False

    async def __call__(self, message: Message) -> None:
        """As ASGI's send; the exchange ends with the last byte of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] += ((b"x-request-id", self.request_id), problems.NO_SNIFFING)
            await self._send(message)
            return
        await self._send(message)
        if not message.get("more_body", False):
            self.end()

    def end(self) -> None:
        """Counts and logs the exchange, once."""
        if not self._ended:
            self._ended = True
            self._end(self)


class Service:
    """The ASGI app: one life for every request.

    POST /predict goes straight to its endpoint; Starlette's routing, Request and Response would take a quarter of the
    single-row rate.

    Attributes:
        routes: of all endpoints.
    """

    def __init__(
        self, predict: Predict, routes: list[Route], holder: Holder, settings: Settings, counters: Counters | None
    ) -> None:
        """Puts the app together.

        Args:
            predict: answers POST /predict.
            routes: of all endpoints.
            holder: holds the model whose version requests are counted under.
            settings: source of the API keys, the admin port and the share of requests that are logged.
            counters: count requests and errors; None for nowhere.

        Raises:
            SettingError: the keys cannot be read.
        """
        self.routes = routes
        self._predict = predict
        self._router = Router(routes, redirect_slashes=False)  # most clients lose the body of a redirected POST
        self._paths = frozenset(route.path for route in routes)
        self._holder = holder
        self._keys = APIKeys(Path(settings.api_keys_file)) if settings.api_keys_file else None
        self._admin_port = settings.admin_port
        self._open = self._keys is None and not self._admin_port
        self._counters = counters
        self._log = RequestLog(settings.access_log) if settings.access_log else None
        self._id_start = secrets.token_hex(8).encode() + b"-"
        self._id_numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI app."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        exchange = Exchange(scope, send, self._request_id(scope), self._end)
        try:
            if not self._open:
                self._admit(scope)
            if scope["path"] == PREDICT and scope["method"] == "POST":
                await self._predict(scope, receive, exchange)
            else:
                scope["app"] = self  # then the router raises 404 and 405, instead of answering them in its own way
                await self._router(scope, receive, exchange)
        except ClientGoneError:
            pass
        except Exception as error:
            await self._answer_error(error, receive, exchange)
        finally:
            exchange.end()

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and 0 < len(value) <= _LONGEST_ID and _NOT_IN_IDS.isdisjoint(value):
                given: bytes = value
                return given
        return self._id_start + b"%x" % next(self._id_numbers)

    def _admit(self, scope: Scope) -> None:
        """Raises what answers a request to the wrong port, or without a key."""
        admin = scope["path"] in ADMIN_PATHS
        if self._admin_port and (scope["server"][1] == self._admin_port) is not admin:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if self._keys and not admin:
            self._keys.require(next((value for name, value in scope["headers"] if name == b"authorization"), b""))

    async def _answer_error(self, error: Exception, receive: Receive, exchange: Exchange) -> None:
        scope = exchange.scope
        if problems.is_fault(error):
            _log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        if self._counters:
            for code in problems.codes(error):
                self._counters.error(code)
        if not exchange.status:  # else an answer has begun, and a second one would be read as a part of it
            await problems.of(error)(scope, receive, exchange)

    def _end(self, exchange: Exchange) -> None:
        """Counts and logs a request that has been answered, or whose client has gone."""
        scope = exchange.scope
        if self._counters:
            path = scope["path"]
            served = self._holder.served
            version = served.scorer.file.version if served else ""
            route = path if path in self._paths else "other"
            self._counters.request(route, exchange.status, version, scope.get("scored"))
        if self._log:
            self._log.write(scope, exchange.status, perf_counter() - exchange.began, exchange.request_id)


_LONGEST_ID = 128
_NOT_IN_IDS = frozenset(range(256)) - frozenset(range(0x21, 0x7F))
"""A request's id is taken over where it is visible ASCII: it is written to logs and headers."""


class Documents:
    """The endpoints of GET."""

    def __init__(self, holder: Holder, store: StoreStatus, counters: Counters) -> None:
        self._holder = holder
        self._store = store
        self._counters = counters

    async def model(self, request: Request) -> Response:
        """The model, and how it stands with its store. Its tag is weak: the store's status may change under it."""
        served = self._holder.require()
        document = {**served.model_document, "serving": self._store.report()}
        return _revalidated(request, orjson.dumps(document), f'W/"{served.scorer.file.sha256}"')

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document, which the model and the version of this package make."""
        served = self._holder.require()
        return _revalidated(request, served.openapi_document, f'"{served.scorer.file.sha256}-{__version__}"')

    async def history(self, _request: Request) -> Response:
        """The versions that this worker has served."""
        return _json(orjson.dumps({"history": self._store.history()}))

    async def livez(self, _request: Request) -> Response:
        """Whether the process runs."""
        return _json(orjson.dumps({"status": "alive"}))

    async def readyz(self, _request: Request) -> Response:
        """Whether a certified model is loaded, and the server is not about to stop."""
        if self._holder.draining:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE)
        file = self._holder.require().scorer.file
        return _json(orjson.dumps({"status": "ready", "model": file.model, "version": file.version}))

    async def metrics(self, request: Request) -> Response:
        """The counts of all workers."""
        from scorer.service.telemetry.exposition import expose  # a server that is not scraped need not import it

        text, content_type = expose(self._counters.all_snapshots(), request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type, "vary": "accept", **problems.NOT_STORED})


def create_app(holder: Holder, settings: Settings = Settings(), store: StoreStatus = NoStore()) -> Service:  # noqa: B008
    """The ASGI app.

    Args:
        holder: holds the model that answers; it may be filled, or filled anew, while the app runs.
        settings: source of the limits, the keys and the admin port.
        store: tells how the model stands with its store.

    Raises:
        SettingError: the keys cannot be read.
    """
    in_flight = InFlight()

    def gauges() -> dict[Key, float]:
        return {**store.gauges(), ("requests_in_flight",): float(in_flight.count)}

    counters = Counters(settings.metrics_dir, gauges)
    counted = counters if settings.metrics else None
    predict = Predict(holder, settings, in_flight)
    documents = Documents(holder, store, counters)
    routes = [
        Route(PREDICT, predict, methods=["POST"]),
        Route("/model", documents.model),
        Route("/model/history", documents.history),
        Route("/livez", documents.livez),
        Route("/readyz", documents.readyz),
        Route("/openapi.json", documents.openapi),
        *([Route("/metrics", documents.metrics)] if settings.metrics else []),
    ]
    return Service(predict, routes, holder, settings, counted)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json", headers=problems.NOT_STORED)


def _revalidated(request: Request, content: bytes, etag: str) -> Response:
    """A JSON document that may be kept, if each use asks whether it is still the same (RFC 9110, section 13.1.2)."""
    headers = {"etag": etag, "cache-control": "no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if not known.isdisjoint({"*", etag.removeprefix("W/")}):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
