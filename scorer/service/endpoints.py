"""The endpoints of GET: probes, documents on the model, and metrics."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Protocol

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scorer.service import problems
from scorer.service.codec.options import Options
from scorer.service.holder import Holder
from scorer.service.openapi import openapi as make_document
from scorer.service.settings import Settings
from scorer.service.telemetry.counters import Counters, Key
from scorer.version import __version__


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
        """Empty: GET /model tells of no store."""
        return {}

    def history(self) -> list[dict[str, Any]]:
        """Empty: nothing was swapped."""
        return []

    def gauges(self) -> dict[Key, float]:
        """Empty: no metric tells of a store."""
        return {}


class Documents:
    """The endpoints of GET."""

    def __init__(self, holder: Holder, store: StoreStatus, counters: Counters, settings: Settings) -> None:
        self._holder = holder
        self._defaults = Options(unknown_levels=settings.unknown_levels)
        self._store = store
        self._counters = counters

    async def model(self, request: Request) -> Response:
        """The model, and how it stands with its store. Its tag is weak: the store's status may change under it."""
        served = self._holder.require()
        document = {**served.model_document, "serving": self._store.report()}
        return _revalidated(request, orjson.dumps(document), f'W/"{served.scorer.file.sha256}"')

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document, made of the model, the version of this package and the parameters' defaults."""
        scorer = self._holder.require().scorer
        etag = f'"{scorer.file.sha256}-{__version__}-{self._defaults.unknown_levels}"'
        return _revalidated(request, orjson.dumps(make_document(scorer, self._defaults)), etag)

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


def routes(holder: Holder, store: StoreStatus, counters: Counters, settings: Settings) -> list[Route]:
    """The routes of these endpoints; without /metrics where nothing is counted."""
    documents = Documents(holder, store, counters, settings)
    return [
        Route("/model", documents.model),
        Route("/model/history", documents.history),
        Route("/livez", documents.livez),
        Route("/readyz", documents.readyz),
        Route("/openapi.json", documents.openapi),
        *([Route("/metrics", documents.metrics)] if settings.metrics else []),
    ]


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json", headers=problems.NOT_STORED)


def _revalidated(request: Request, content: bytes, etag: str) -> Response:
    """A JSON document that may be kept, if each use asks whether it is still the same (RFC 9110, section 13.1.2)."""
    headers = {"etag": etag, "cache-control": "no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if not known.isdisjoint({"*", etag.removeprefix("W/")}):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
