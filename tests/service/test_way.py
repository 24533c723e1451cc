"""The way of a single row through the sources, held to what docs/architecture.md says of it."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from functools import partial
from types import FrameType

import uvicorn

import scorer
from scorer.service.app import create_app
from scorer.service.holder import Holder
from scorer.service.http_protocol import HTTPProtocol
from scorer.service.http_watchdog import SlowConnectionWatchdog
from tests.support.paths import ROOT
from tests.support.servers import wait_until

SOURCES = str(ROOT / "scorer") + "/"
WATCHDOG = f"{SOURCES}service/http_watchdog.py"
COUNTERS = "telemetry/counters.py"
MOST_FILES = 9


class Way:
    """Notes which source file of the package calls into which, while it is `noting`."""

    def __init__(self) -> None:
        self.noting = False
        self.entered: list[str] = []

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        """As sys.setprofile's function."""
        if not self.noting or event != "call":
            return
        called = frame.f_code.co_filename
        caller = frame.f_back.f_code.co_filename if frame.f_back else ""
        if WATCHDOG in (called, caller):  # its timer may run out meanwhile
            return
        if called.startswith(SOURCES) and called != caller:
            self.entered.append(called.removeprefix(SOURCES).removeprefix("service/"))


def predict(connection: socket.socket, rows: list[dict[str, object]]) -> None:
    """Sends head and body at once: where the body comes later, the same calls go on, in two parts."""
    body = json.dumps(rows).encode()
    connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")


def way_of(rows: list[dict[str, object]]) -> list[str]:
    """The files that a request enters, in order; the second one on its connection."""
    way = Way()
    protocol = partial(HTTPProtocol, max_header_bytes=65_536, watchdog=SlowConnectionWatchdog(20))
    app = create_app(Holder(scorer.load()))
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None, ws="none")  # type: ignore[arg-type]
    server = uvicorn.Server(config)

    def serve(listener: socket.socket) -> None:
        sys.setprofile(way.note)
        server.run([listener])

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener,))
    thread.start()
    try:
        with socket.create_connection(listener.getsockname()) as connection:
            predict(connection, rows)
            way.noting = True
            predict(connection, rows)
            wait_until(lambda: COUNTERS in way.entered, "the count, which comes after the answer")
            way.noting = False
    finally:
        server.should_exit = True
        thread.join()
    return way.entered


def test_a_single_row_enters_each_file_once() -> None:
    entered = way_of([{"x5": "monday", "x12": "$1,205.10", "x91": 0.793728, "x44": 1.5}])
    connection = entered.count("http_protocol.py")  # uvicorn calls it for each part of a request
    assert connection > 1
    files = list(dict.fromkeys(entered))
    assert len(files) <= MOST_FILES
    assert len(entered) == len(files) - 1 + connection

    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page[page.index("A single row") : page.index("A batch")]
    assert re.findall(r"^\d\. `(\S+)`", section, re.MULTILINE) == files


def test_what_enters_a_file_twice_is_noticed() -> None:
    """A batch is read column by column: the library enters cells.py once for each."""
    entered = way_of([{"x5": "monday"}] * 20)
    assert entered.count("cells.py") > 1
