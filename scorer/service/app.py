"""The app factory, and the life of a request: whatever its route, it is admitted, answered, counted and logged here."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus
from itertools import count
from pathlib import Path
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from scorer.errors import OverloadedError
from scorer.service import endpoints, problems
from scorer.service.endpoints import NoStore, StoreStatus
from scorer.service.holder import Holder
from scorer.service.http_protocol import WHOLE_ANSWER
from scorer.service.keys import APIKeys
from scorer.service.predict import ClientGoneError, Predict
from scorer.service.settings import Settings
from scorer.service.telemetry.counters import Counters, Key, ScoredRequest
from scorer.service.telemetry.request_log import RequestLog

PREDICT = "/predict"
ADMIN_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""The paths that an admin port serves, and that need no key."""

_log = logging.getLogger("scorer.service")


class Exchange:
    """One request and its answer, which is sent through it.

    Attributes:
        scope: of the request.
        request_id: the one that it came with, or a new one.
        began: when it did, as time.perf_counter counts.
        ended: when the answer was sent; `began` until then.
        status: of the answer; 0 until that has begun.
        scored: the rows of a POST /predict that were scored; else None.
    """

    __slots__ = ("_send", "began", "ended", "request_id", "scope", "scored", "status")

    def __init__(self, scope: Scope, send: Send, request_id: bytes) -> None:
        self.scope = scope
        self.request_id = request_id
        self.began = self.ended = perf_counter()
        self.status = 0
        self.scored: ScoredRequest | None = None
        self._send = send

    async def __call__(self, message: Message) -> None:
        """As ASGI's send."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] += ((b"x-request-id", self.request_id), problems.NO_SNIFFING)
        await self._send(message)
        self.ended = perf_counter()

    async def answer(self, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Sends a whole answer with status 200: as two calls would, with less to do for a single row."""
        self.status = 200
        headers += ((b"x-request-id", self.request_id), problems.NO_SNIFFING)
        if WHOLE_ANSWER in self.scope.get("extensions", ()):
            await self._send({"type": WHOLE_ANSWER, "headers": headers, "body": body})
        else:
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": body})
        self.ended = perf_counter()


class InFlight:
    """How many POST /predict this worker is answering.

    Attributes:
        count: that number.
    """

    def __init__(self) -> None:
        self.count = 0


class Service:
    """The ASGI app: one life for every request.

    POST /predict goes straight to its endpoint; Starlette's routing, Request and Response would take a quarter of the
    single-row rate.

    Attributes:
        paths: of all endpoints.
    """

    def __init__(
        self,
        predict: Predict,
        routes: list[Route],
        holder: Holder,
        settings: Settings,
        in_flight: InFlight,
        counters: Counters | None,
    ) -> None:
        """Puts the app together.

        Args:
            predict: the endpoint of POST /predict.
            routes: all others.
            holder: holds the model whose version requests are counted under.
            settings: source of the API keys, the admin port, and the limit and the logged share of requests.
            in_flight: counts the POST /predict that are being answered.
            counters: count requests and errors; None for nowhere.

        Raises:
            SettingError: the keys cannot be read.
        """
        self._predict = predict
        self._router = Router(routes, redirect_slashes=False)  # most clients lose the body of a redirected POST
        self.paths = frozenset({PREDICT, *(route.path for route in routes)})
        self._holder = holder
        self._keys = APIKeys(Path(settings.api_keys_file)) if settings.api_keys_file else None
        self._admin_port = settings.admin_port
        self._open = self._keys is None and not self._admin_port
        self._max_requests = settings.max_requests
        self._in_flight = in_flight
        self._counters = counters
        self._log = RequestLog(settings.access_log) if settings.access_log else None
        self._id_start = secrets.token_hex(8).encode() + b"-"
        self._id_numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI app."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        exchange = Exchange(scope, send, self._request_id(scope))
        try:
            if not self._open:
                self._admit(scope)
            if scope["path"] == PREDICT:
                await self._answer_rows(receive, exchange)
            else:
                scope["app"] = self  # then the router raises 404 and 405, instead of answering them in its own way
                await self._router(scope, receive, exchange)
        except ClientGoneError:
            pass
        except Exception as error:
            await self._answer_error(error, receive, exchange)
        finally:
            self._end(exchange)

    async def _answer_rows(self, receive: Receive, exchange: Exchange) -> None:
        scope = exchange.scope
        if scope["method"] != "POST":
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"allow": "POST"})
        in_flight = self._in_flight
        in_flight.count += 1
        try:
            if in_flight.count > self._max_requests:
                raise OverloadedError(self._max_requests)
            headers, body, exchange.scored, comparison = await self._predict(scope, receive)
            await exchange.answer(headers, body)
            if comparison:
                shadow, sample = comparison
                await shadow.compare(sample)
        finally:
            in_flight.count -= 1

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
        """Counts and logs a request that has been answered, or whose client has gone. Never raises."""
        scope = exchange.scope
        path = scope["path"]
        try:
            if self._counters:
                served = self._holder.served
                scorer = exchange.scored[0] if exchange.scored else served and served.scorer  # it may be swapped out
                version = scorer.file.version if scorer else ""
                route = path if path in self.paths else "other"
                self._counters.request(route, exchange.status, version, exchange.scored)
            if self._log:
                self._log.write(scope, exchange.status, exchange.ended - exchange.began, exchange.request_id)
        except Exception:
            _log.exception("%s %s could not be counted or logged", scope["method"], path)


_LONGEST_ID = 128
_NOT_IN_IDS = frozenset(range(256)) - frozenset(range(0x21, 0x7F))
"""A request's id is taken over where it is visible ASCII: it is written to logs and headers."""


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
    routes = endpoints.routes(holder, store, counters, settings)
    return Service(Predict(holder, settings), routes, holder, settings, in_flight, counted)
