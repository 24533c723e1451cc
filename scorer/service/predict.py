"""POST /predict, as a plain ASGI app without Starlette's Request and Response objects."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import perf_counter

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from scorer.errors import BodyTooLargeError, OverloadedError, ScorerError
from scorer.scores import Scored
from scorer.service import problems
from scorer.service.codec import body as bodies
from scorer.service.codec import options
from scorer.service.codec.limits import Limits
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.streaming import StreamingScorer
from scorer.service.holder import Holder
from scorer.service.settings import Settings
from scorer.service.shadow import Sample
from scorer.service.telemetry.counters import Metrics
from scorer.service.telemetry.request_log import Watch, is_id

_log = logging.getLogger("scorer.service")


Answered = tuple[bytes, Sequence[Scored], int, Sequence[float]]
"""The body of an answer; what the model says, segment by segment; how many rows; what each of the STAGES took."""


class Predict:
    """The endpoint. It answers its own errors.

    Attributes:
        in_flight: how many requests are being answered.
    """

    def __init__(self, holder: Holder, settings: Settings, watch: Watch, metrics: Metrics | None) -> None:
        """Makes the endpoint.

        Args:
            holder: of the scorer that answers.
            settings: the limits are taken of them.
            watch: logs requests, and counts those that are refused.
            metrics: where answers are counted; None for nowhere.
        """
        self._holder = holder
        self._watch = watch
        self._metrics = metrics
        self._max_body_bytes = settings.max_body_bytes
        self._max_unpacked_bytes = settings.max_unpacked_bytes
        self._limits = Limits(settings.max_rows, settings.max_depth, settings.max_number_length)
        self._max_requests = settings.max_requests
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        self.in_flight += 1
        try:
            if self.in_flight > self._max_requests:
                raise OverloadedError(self._max_requests)
            served = self._holder.require()
            shadow = self._holder.shadow
            trial = shadow.sample() if shadow else None
            body, scored, rows, seconds = await self._answer(served.codec, scope, receive, trial)
            request_id = scope.get("request_id") or self._watch.new_id()
            length = str(len(body)).encode()
            headers = [*served.headers, (b"content-length", length), (b"x-request-id", request_id)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            if self._metrics:
                self._metrics.answered(served.scorer, scored, rows, seconds)
            if self._watch.share:
                self._watch.log(scope, 200, began, request_id)
            if shadow and trial is not None:
                await shadow.compare(trial)
        except ScorerError as error:
            await self._refuse(problems.of_scorer_error(error), error, scope, receive, send)
        except ClientGoneError:
            self._watch.end(self._watch.begin(scope, send))
        except Exception as error:
            _log.exception("POST /predict failed")
            await self._refuse(problems.of_fault(), error, scope, receive, send)
        finally:
            self.in_flight -= 1

    async def _refuse(self, response: Response, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        watched = self._watch.begin(scope, send)
        await response(scope, receive, watched)
        self._watch.end(watched)
        if self._metrics:
            for code in problems.codes(error):
                self._metrics.count("errors", code)

    async def _answer(self, codec: RowCodec, scope: Scope, receive: Receive, trial: Sample | None) -> Answered:
        """Reads the body and answers it.

        Raises:
            RequestError, BadShapeError, BadRowsError: those of the table of problems.
            ClientGoneError: the client closed the connection before its body was read.
        """
        began = perf_counter()
        query = scope["query_string"]
        style = codec.response_format(options.parse(query)) if query else codec.default_format
        packed = self._look_at_headers(scope)
        message = await receive()
        if packed or message.get("more_body", True):
            batch = StreamingScorer(codec, style, self._limits, trial)
            answer = await self._read(batch, packed, message, receive)
            receiving = perf_counter() - began - sum(batch.seconds)
            return answer, batch.scored, batch.rows, (receiving, *batch.seconds)
        receiving = perf_counter() - began
        body = message["body"]
        if len(body) > self._max_body_bytes:
            raise BodyTooLargeError(self._max_body_bytes)
        part = codec.answer(body, style, self._limits)
        if trial is not None and len(part.scored):
            trial.append((body, part.scored))
        return part.require(), (part.scored,), part.rows, (receiving, *part.seconds)

    async def _read(
        self, batch: StreamingScorer, packed: bodies.BodyDecoder | None, message: Message, receive: Receive
    ) -> bytes:
        """Scores a body while it arrives."""
        size = unpacked = 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body_bytes:
                raise BodyTooLargeError(self._max_body_bytes)
            if packed is None:
                batch.feed(chunk)
            else:
                for piece in packed.feed(chunk):
                    unpacked += len(piece)
                    if unpacked > self._max_unpacked_bytes:
                        raise BodyTooLargeError(self._max_unpacked_bytes)
                    batch.feed(piece)
            if not message.get("more_body", False):
                if packed is not None:
                    packed.finish()
                return batch.finish()
            message = await receive()

    def _look_at_headers(self, scope: Scope) -> bodies.BodyDecoder | None:
        packed = None
        for name, value in scope["headers"]:
            if name not in _LOOKED_AT:
                continue
            if name == b"content-length":
                if int(value) > self._max_body_bytes:
                    raise BodyTooLargeError(self._max_body_bytes)
            elif name == b"content-type":
                if value != b"application/json":
                    bodies.check_type(value)
            elif name == b"content-encoding" and value.lower() not in (b"", b"identity"):
                packed = bodies.BodyDecoder(value)
            elif name == b"x-request-id" and is_id(value):
                scope["request_id"] = value
        return packed


_LOOKED_AT = frozenset({b"content-length", b"content-type", b"content-encoding", b"x-request-id"})


class ClientGoneError(Exception):
    """The client closed the connection before its body was read."""
