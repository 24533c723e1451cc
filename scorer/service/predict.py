"""POST /predict: reads the body, scores its rows, and makes the answer."""

from __future__ import annotations

from time import perf_counter

from starlette.types import Message, Receive, Scope

from scorer.errors import BadRowsError, BodyTooLargeError
from scorer.service.codec import body, media_types, options
from scorer.service.codec.scorers import start
from scorer.service.codec.streaming import Sample, StreamingScorer
from scorer.service.holder import Holder
from scorer.service.settings import Settings
from scorer.service.shadow import Shadow
from scorer.service.telemetry.counters import ScoredRequest

_READ_HEADERS = frozenset({b"content-length", b"content-type", b"content-encoding", b"accept"})
_ACCEPT_JSON = frozenset({b"", b"*/*", b"application/json"})
_JSON, _JSON_ANSWER = media_types.JSON, media_types.default_answer("json")
_VARY = (b"vary", b"accept")


class ClientGoneError(Exception):
    """The client closed the connection before its body was read."""


Answer = tuple[list[tuple[bytes, bytes]], bytes, ScoredRequest, tuple[Shadow, Sample] | None]
"""The headers, which name the model and the length of the body; the body; the rows, for the counters; a shadow
version and the sample to compare it on, where the request is among its share."""


class Predict:
    """The endpoint. Sending the answer is the caller's part: scorer.service.app."""

    def __init__(self, holder: Holder, settings: Settings) -> None:
        """Makes the endpoint.

        Args:
            holder: holds the model that answers.
            settings: source of the limits, and of what unknown levels do in requests that do not say.
        """
        self._holder = holder
        self._defaults = options.Options(unknown_levels=settings.unknown_levels)
        self._has_defaults = self._defaults == options.DEFAULT_OPTIONS
        self._max_body_bytes = settings.max_body_bytes
        self._max_unpacked_bytes = settings.max_unpacked_bytes
        self._max_rows = settings.max_rows

    async def __call__(self, scope: Scope, receive: Receive) -> Answer:
        """Scores the rows of a request, given as ASGI gives it.

        Raises:
            RequestError, BadShapeError, BadRowsError: those of the table of problems.
            ClientGoneError: nobody is there to be answered.
        """
        served = self._holder.served or self._holder.require()
        shadow = self._holder.shadow
        sample = shadow.sample() if shadow else None
        codec = served.codec
        began = perf_counter()
        decoder, body_type, answer_type = self._check_headers(scope)
        if (query := scope["query_string"]) or not self._has_defaults or answer_type is not _JSON_ANSWER:
            response_format = codec.response_format(options.parse(query, self._defaults), answer_type)
        else:
            response_format = codec.default_format
        message = await receive()
        is_json = body_type is _JSON
        if decoder or response_format.opening or message.get("more_body", True) or not is_json:
            sampled = shadow.used if shadow and sample is not None else ()
            scoring = start(body_type, codec, response_format, self._max_rows, sample, sampled)
            answer = await self._feed(scoring, decoder, message, receive)
            scored, rows, unknown, seconds = scoring.scored, scoring.rows, scoring.unknown, scoring.seconds
            receiving = perf_counter() - began - sum(seconds)
        else:  # all of the body is there, as it is of nearly every single row: it is one segment
            receiving = perf_counter() - began
            text = message.get("body", b"")
            if len(text) > self._max_body_bytes:
                raise BodyTooLargeError(self._max_body_bytes)
            result = codec.answer(text, response_format, self._max_rows)
            if result.total:
                raise BadRowsError.of(result.problems, result.total)
            answer, scored, rows, seconds = result.answer, [result.scored], result.rows, result.seconds
            unknown = result.unknown
            if sample is not None and len(result.scored):
                sample.append((text, result.scored))
        headers = [*served.headers, (b"content-length", b"%d" % len(answer))]
        if answer_type is not _JSON_ANSWER or not is_json:
            headers[0] = (b"content-type", answer_type.content_type)
            headers.append(_VARY)
        if unknown:
            headers.append((b"x-unknown-levels", b"%d" % unknown))
        comparison = (shadow, sample) if shadow and sample is not None else None
        return headers, answer, (served.scorer, scored, rows, (receiving, *seconds)), comparison

    def _check_headers(
        self, scope: Scope
    ) -> tuple[body.BodyDecoder | None, media_types.BodyType, media_types.AnswerType]:
        """Checks what the headers say of the body and the answer.

        Returns:
            The decoder of a compressed body, its type, and the type of the answer.

        Raises:
            BodyTooLargeError: by its content length.
            UnsupportedBodyError: a content type or a content encoding that is not read.
            NotAcceptableError: only answers are accepted that are not written.
        """
        decoder = None
        body_type = _JSON
        accept = b""
        for name, value in scope["headers"]:
            if name not in _READ_HEADERS:
                continue
            if name == b"content-length":
                if int(value) > self._max_body_bytes:
                    raise BodyTooLargeError(self._max_body_bytes)
            elif name == b"content-type":
                if value != b"application/json":
                    body_type = media_types.read_content_type(value)
            elif name == b"accept":
                accept = accept + b"," + value if accept else value
            elif value.lower() not in (b"", b"identity"):
                decoder = body.BodyDecoder(value)
        if body_type is _JSON and accept in _ACCEPT_JSON:
            return decoder, body_type, _JSON_ANSWER
        return decoder, body_type, media_types.negotiate(accept, body_type.format)

    async def _feed(
        self, scoring: StreamingScorer, decoder: body.BodyDecoder | None, message: Message, receive: Receive
    ) -> bytes:
        """Hands a body on while it arrives. Returns the answer."""
        reader = body.BodyReader(decoder, self._max_body_bytes, self._max_unpacked_bytes)
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            for piece in reader.feed(message.get("body", b"")):
                scoring.feed(piece)
            if not message.get("more_body", False):
                reader.finish()
                return scoring.finish()
            message = await receive()
