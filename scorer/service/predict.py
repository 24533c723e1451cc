"""POST /predict: reads the body, scores its rows, answers. A plain ASGI app, since Request and Response cost time."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from starlette.types import Message, Receive, Scope, Send

from scorer.errors import OverloadedError
from scorer.scores import Scored
from scorer.service.codec import body, options
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.streaming import Sample, StreamingScorer
from scorer.service.holder import Holder
from scorer.service.settings import Settings
from scorer.service.telemetry.counters import ScoredRequest

_READ_HEADERS = frozenset({b"content-length", b"content-type", b"content-encoding"})


Scoring = tuple[bytes, Sequence[Scored], int, Sequence[float]]
"""The answer, as JSON; the scores, segment by segment; how many rows; what each of the STAGES took."""


class ClientGoneError(Exception):
    """The client closed the connection before its body was read."""


class InFlight:
    """How many POST /predict this worker is answering.

    Attributes:
        count: that number.
    """

    def __init__(self) -> None:
        self.count = 0


class Predict:
    """The endpoint. Errors are the caller's to answer: scorer.service.app."""

    def __init__(self, holder: Holder, settings: Settings, in_flight: InFlight) -> None:
        """Makes the endpoint.

        Args:
            holder: holds the model that answers.
            settings: source of the limits.
            in_flight: counts the requests that are being answered.
        """
        self._holder = holder
        self._in_flight = in_flight
        self._max_body_bytes = settings.max_body_bytes
        self._max_unpacked_bytes = settings.max_unpacked_bytes
        self._max_rows = settings.max_rows
        self._max_requests = settings.max_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, and leaves what was scored in ``scope["scored"]``, a ScoredRequest.

        Raises:
            RequestError, BadShapeError, BadRowsError: those of the table of problems; nothing has been sent.
            ClientGoneError: nothing has been sent, since nobody is there.
        """
        self._in_flight.count += 1
        try:
            if self._in_flight.count > self._max_requests:
                raise OverloadedError(self._max_requests)
            served = self._holder.served or self._holder.require()
            shadow = self._holder.shadow
            sample = shadow.sample() if shadow else None
            answer, scored, rows, seconds = await self._score(served.codec, scope, receive, sample)
            scope["scored"] = ScoredRequest(served.scorer, scored, rows, seconds)
            headers = [*served.headers, (b"content-length", b"%d" % len(answer))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": answer})
            if shadow and sample is not None:
                await shadow.compare(sample)
        finally:
            self._in_flight.count -= 1

    async def _score(self, codec: RowCodec, scope: Scope, receive: Receive, sample: Sample | None) -> Scoring:
        began = perf_counter()
        query = scope["query_string"]
        response_format = codec.response_format(options.parse(query)) if query else codec.default_format
        decoder = self._check_headers(scope)
        message = await receive()
        if decoder or message.get("more_body", True):
            scoring = StreamingScorer(codec, response_format, self._max_rows, sample)
            await self._feed(scoring, decoder, message, receive)
            answer = scoring.finish()
            receiving = perf_counter() - began - sum(scoring.seconds)
            return answer, scoring.scored, scoring.rows, (receiving, *scoring.seconds)
        # All of it is there, as it is of nearly every single row: it is one segment.
        receiving = perf_counter() - began
        text = message.get("body", b"")
        if len(text) > self._max_body_bytes:
            body.check_size(len(text), self._max_body_bytes)
        result = codec.answer(text, response_format, self._max_rows)
        answer = result.require()
        if sample is not None and len(result.scored):
            sample.append((text, result.scored))
        return answer, (result.scored,), result.rows, (receiving, *result.seconds)

    def _check_headers(self, scope: Scope) -> body.BodyDecoder | None:
        """Checks what the headers say of the body. Returns the decoder of a compressed one.

        Raises:
            BodyTooLargeError: by its content length.
            UnsupportedBodyError: a content type or a content encoding that is not read.
        """
        decoder = None
        for name, value in scope["headers"]:
            if name not in _READ_HEADERS:
                continue
            if name == b"content-length":
                if int(value) > self._max_body_bytes:
                    body.check_size(int(value), self._max_body_bytes)
            elif name == b"content-type":
                if value != b"application/json":
                    body.check_type(value)
            elif value.lower() not in (b"", b"identity"):
                decoder = body.BodyDecoder(value)
        return decoder

    async def _feed(
        self, scoring: StreamingScorer, decoder: body.BodyDecoder | None, message: Message, receive: Receive
    ) -> None:
        """Hands a body on while it arrives."""
        reader = body.BodyReader(decoder, self._max_body_bytes, self._max_unpacked_bytes)
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            for piece in reader.feed(message.get("body", b"")):
                scoring.feed(piece)
            if not message.get("more_body", False):
                reader.finish()
                return
            message = await receive()
