"""python -m bench.in_memory PART TIMES BODY: a part of answering a single row, for bench/instructions.py to count.

The servers read from and write to memory: a transport hands a connection its next request once it has answered the one
before. Everything else is as in the service: uvloop, uvicorn's settings, the app with its metrics.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

import scorer
from bench.apps import SETTINGS, floor
from bench.peers.catalog import HOST, PREDICT
from scorer.service.app import create_app
from scorer.service.codec.encoder import AnswerEncoder
from scorer.service.codec.rows import RowCodec
from scorer.service.holder import Holder
from scorer.service.http_protocol import HTTPProtocol
from scorer.service.http_watchdog import SlowConnectionWatchdog
from scorer.service.settings import Settings
from scorer.service.telemetry.counters import Counters

WARM_TIMES = 500
"""How often each part is done before the counted times: caches are filled, and the interpreter has specialized."""

Work = Callable[[int], None]
"""Does a part of the work so many times."""


class MemoryTransport(asyncio.Transport):
    """A connection's other end: sends one request again and again, each after the answer to the one before.

    Attributes:
        answer: what came last, head and body.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, request: bytes) -> None:
        super().__init__({"peername": (HOST, 50_000), "sockname": (HOST, 1313)})
        self._loop = loop
        self._protocol = protocol
        self._request = request
        self._left = 0
        self.answer: list[bytes] = []
        protocol.connection_made(self)

    def run(self, times: int) -> None:
        """Sends the request ``times`` times."""
        if times:
            self._left = times
            self._loop.call_soon(self._send)
            self._loop.run_forever()

    def _send(self) -> None:
        self.answer = []
        self._protocol.data_received(self._request)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As asyncio.WriteTransport: a head that comes alone is followed by its body."""
        self.writelines((data,))

    def writelines(self, pieces: Any) -> None:
        """As asyncio.WriteTransport."""
        self.answer += pieces
        if not self.answer[-1].endswith(b"\r\n\r\n"):
            self._left -= 1
            self._loop.call_soon(self._send if self._left else self._loop.stop)

    def is_closing(self) -> bool:
        """As asyncio.BaseTransport: never."""
        return False

    def pause_reading(self) -> None:
        """As asyncio.ReadTransport: nothing is sent unasked."""

    def resume_reading(self) -> None:
        """As asyncio.ReadTransport."""


def connection(app: Any, http: Any, loop: asyncio.AbstractEventLoop, body: bytes) -> MemoryTransport:
    """A connection of an app whose client posts a body.

    Args:
        app: the ASGI app.
        http: the protocol's class, or what makes it.
        loop: the event loop.
        body: of each request.
    """
    config = uvicorn.Config(app, http=http, log_config=None, **SETTINGS)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Sat, 21 Nov 2026 00:00:00 GMT")]  # uvicorn's server renews it every second
    protocol = http(config, state, {}, loop)
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: {HOST}:1313\r\nContent-Type: application/json\r\n"
    return MemoryTransport(loop, protocol, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def servers(body: bytes, loop: asyncio.AbstractEventLoop) -> dict[str, MemoryTransport]:
    """A connection of the scorer, as it starts, and one of the floor.

    Args:
        body: a row, as a JSON object.
        loop: the event loop.
    """
    settings = Settings()
    own = partial(
        HTTPProtocol,
        max_header_bytes=settings.max_header_bytes,
        watchdog=SlowConnectionWatchdog(settings.receive_seconds),
    )
    return {
        "scorer": connection(create_app(Holder(scorer.load()), settings), own, loop, body),
        "floor": connection(floor, HttpToolsProtocol, loop, body),
    }


def parts(body: bytes, loop: asyncio.AbstractEventLoop) -> dict[str, Work]:
    """The two servers, and the steps of a row in the scorer's, each alone.

    Args:
        body, loop: as for `servers`.
    """
    model = scorer.load()
    codec, encoder, counters = RowCodec(model), AnswerEncoder(model), Counters()
    row = orjson.loads(body)
    cells = [row.get(declared.name) for declared in model.equation.inputs]
    score = model.score_row_cells(cells)
    scored = (model, [[score]], 1, (1e-5, 1e-5, 1e-5, 1e-5))
    version = model.file.version
    return {
        **{name: server.run for name, server in servers(body, loop).items()},
        "answer": repeated(lambda: codec.answer(body, codec.default_format)),
        "score": repeated(lambda: model.score_row_cells(cells)),
        "encode": repeated(lambda: encoder.encode_rows([score])),
        "count": repeated(lambda: counters.request(PREDICT, 200, version, scored)),
    }


def repeated(call: Callable[[], object]) -> Work:
    """A call, made so many times."""

    def work(times: int) -> None:
        for _ in range(times):
            call()

    return work


def main() -> None:
    """Does all parts, then one of them TIMES more."""
    part, times, body = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]).read_bytes()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    works = parts(body, loop)
    gc.freeze()  # as the service does
    for work in works.values():
        work(WARM_TIMES)
    works[part](times)


if __name__ == "__main__":
    main()
