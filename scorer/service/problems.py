"""Turns errors into RFC 9457 problem documents. One table gives each error its status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scorer import errors

MEDIA_TYPE = "application/problem+json"
URN = "urn:coefficient-scorer:problem:"

TABLE: dict[type[errors.ScorerError], tuple[HTTPStatus, str, str]] = {
    errors.MalformedBodyError: (HTTPStatus.BAD_REQUEST, "malformed-body", "The body cannot be read"),
    errors.BodyTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large"),
    errors.BadShapeError: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad-shape", "The body is neither rows nor columns"),
    errors.BadRowsError: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad-rows", "Rows cannot be scored"),
    errors.RowTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "row-too-large", "A row is too large"),
    errors.TooManyRowsError: (HTTPStatus.UNPROCESSABLE_ENTITY, "too-many-rows", "The request has too many rows"),
    errors.UnsupportedBodyError: (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-body",
        "The type or encoding is not supported",
    ),
    errors.NotAcceptableError: (HTTPStatus.NOT_ACCEPTABLE, "not-acceptable", "No accepted format can be answered"),
    errors.SlowBodyError: (HTTPStatus.REQUEST_TIMEOUT, "slow-body", "The body did not arrive in time"),
    errors.ParameterError: (HTTPStatus.BAD_REQUEST, "bad-parameter", "A query parameter is not valid"),
    errors.UnauthorizedError: (HTTPStatus.UNAUTHORIZED, "unauthorized", "A known API key is needed"),
    errors.OverloadedError: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "Too many requests at a time"),
    errors.NotReadyError: (HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "No model is loaded"),
}
"""Status, last part of the type URN, and title of each error that a request can cause."""

HEADERS: dict[type[errors.ScorerError], dict[str, str]] = {
    errors.NotAcceptableError: {"vary": "accept"},
    errors.UnauthorizedError: {"www-authenticate": "Bearer"},
    errors.OverloadedError: {"retry-after": "1"},
    errors.NotReadyError: {"retry-after": "1"},
}
"""Headers of an answer beside its document."""

NOT_STORED = {"cache-control": "no-store"}
"""Of answers that no cache may keep."""

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""Of every answer: browsers take the content type as it is."""


def of(error: Exception) -> Response:
    """The answer to an error. A traceback is in the log, never in the answer."""
    if isinstance(error, errors.ScorerError) and type(error) in TABLE:
        return of_scorer_error(error)
    if isinstance(error, HTTPException):
        return of_status(HTTPStatus(error.status_code), error.headers)
    return of_status(HTTPStatus.INTERNAL_SERVER_ERROR)


def is_fault(error: Exception) -> bool:
    """Whether an error is a fault of this program, rather than of a request."""
    return type(error) not in TABLE and not isinstance(error, HTTPException)


def codes(error: Exception) -> list[str]:
    """The codes that an error is counted under: the last part of its type, and those of the rows that are listed."""
    if is_fault(error):
        return ["fault"]
    if isinstance(error, HTTPException):
        return []  # its status is counted with the request
    listed = error.problems if isinstance(error, errors.BadRowsError) else ()
    return [TABLE[type(error)][1], *(problem.code for problem in listed)]  # type: ignore[index]


def of_scorer_error(error: errors.ScorerError) -> Response:
    """The document of an error in the table, with `errors` and `total` if rows are to blame."""
    status, name, title = TABLE[type(error)]
    document: dict[str, Any] = {"type": URN + name, "title": title, "status": status.value, "detail": str(error)}
    if isinstance(error, errors.BadRowsError):
        document |= {"errors": error.problems, "total": error.total}
    return _respond(status, document, HEADERS.get(type(error)))


def of_status(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """The document of a status that needs no more words than its own."""
    return _respond(status, {"type": "about:blank", "title": status.phrase, "status": status.value}, headers)


def _respond(status: HTTPStatus, document: dict[str, Any], headers: Mapping[str, str] | None) -> Response:
    return Response(orjson.dumps(document), status.value, {**NOT_STORED, **(headers or {})}, MEDIA_TYPE)
