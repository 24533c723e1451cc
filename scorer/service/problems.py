"""Errors → RFC 9457 problem documents. One table says which error is which status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scorer import errors

MEDIA_TYPE = "application/problem+json"
_URN = "urn:coefficient-scorer:problem:"

TABLE: dict[type[errors.ScorerError], tuple[HTTPStatus, str, str]] = {
    errors.MalformedBodyError: (HTTPStatus.BAD_REQUEST, "malformed-body", "The body is not JSON"),
    errors.BodyTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large"),
    errors.BadShapeError: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad-shape", "The body is neither a row nor rows"),
    errors.BadRowsError: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad-rows", "Rows cannot be scored"),
    errors.RowTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "row-too-large", "A row is too large"),
    errors.TooManyRowsError: (HTTPStatus.UNPROCESSABLE_ENTITY, "too-many-rows", "The request has too many rows"),
    errors.TooDeepError: (HTTPStatus.BAD_REQUEST, "too-deep", "The body is nested too deeply"),
    errors.NumberTooLongError: (HTTPStatus.BAD_REQUEST, "number-too-long", "A number is too long"),
    errors.UnsupportedBodyError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-body", "The body is not read"),
    errors.SlowBodyError: (HTTPStatus.REQUEST_TIMEOUT, "slow-body", "The body did not arrive in time"),
    errors.ParameterError: (HTTPStatus.BAD_REQUEST, "bad-parameter", "A query parameter cannot be used"),
    errors.UnauthorizedError: (HTTPStatus.UNAUTHORIZED, "unauthorized", "A known API key is needed"),
    errors.OverloadedError: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "Too many requests at a time"),
    errors.NotReadyError: (HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "No model is loaded"),
}
"""Status, last part of the type URN, and title of each error that a request can meet."""


HEADERS: dict[type[errors.ScorerError], dict[str, str]] = {
    errors.UnauthorizedError: {"www-authenticate": "Bearer"},
    errors.OverloadedError: {"retry-after": "1"},
    errors.NotReadyError: {"retry-after": "1"},
}
"""What an answer says beside its document."""


def of_scorer_error(error: errors.ScorerError) -> Response:
    """The document of an error of the table: with `errors` and `total` where rows are to blame."""
    status, name, title = TABLE[type(error)]
    document: dict[str, Any] = {"type": _URN + name, "title": title, "status": status.value, "detail": str(error)}
    if isinstance(error, errors.BadRowsError):
        document |= {"errors": error.problems, "total": error.total}
    return _respond(status, document, HEADERS.get(type(error)))


def codes(error: Exception) -> list[str]:
    """What went wrong, in words for metrics: the last part of the type, and the codes of the rows that are listed."""
    if not isinstance(error, errors.ScorerError):
        return ["fault"]
    listed = error.problems if isinstance(error, errors.BadRowsError) else ()
    return [TABLE[type(error)][1], *(problem.code for problem in listed)]


def of_fault() -> Response:
    """The document of a fault of this program. The traceback is in the log, never in the answer."""
    return of_status(HTTPStatus.INTERNAL_SERVER_ERROR)


def of_status(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """The document of a status that says it all."""
    return _respond(status, {"type": "about:blank", "title": status.phrase, "status": status.value}, headers)


async def _handle_scorer_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ScorerError)
    return of_scorer_error(error)


async def _handle_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return of_status(HTTPStatus(error.status_code), error.headers)


async def _handle_fault(_request: Request, _error: Exception) -> Response:
    return of_fault()


def _respond(status: HTTPStatus, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), status.value, headers, MEDIA_TYPE)


HANDLERS = {
    errors.ScorerError: _handle_scorer_error,
    HTTPException: _handle_http_exception,
    Exception: _handle_fault,
}
"""For Starlette's exception_handlers."""
