"""What a healthy server never shows: no model yet, and a fault of the program itself. Served on a real socket."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

import scorer
from scorer import Scorer
from scorer.service.app import create_app
from scorer.service.codec.rows import SegmentResult
from scorer.service.holder import Holder, ServedModel
from tests.support.servers import Client


@contextmanager
def serving(holder: Holder) -> Iterator[Client]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = create_app(holder)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        client = Client(port)  # until the server runs, the connection waits in the queue of the socket
        yield client
        client.close()
    finally:
        server.should_exit = True
        thread.join()


def test_not_ready_until_a_model_is_loaded() -> None:
    holder = Holder()
    with serving(holder) as client:
        for method, path in (("GET", "/readyz"), ("GET", "/model"), ("GET", "/openapi.json"), ("POST", "/predict")):
            answer = client.send(method, path, b"{}" if method == "POST" else None)
            assert (answer.status, answer.json()["title"]) == (503, "No model is loaded")
        assert client.send("GET", "/livez").status == 200
        holder.served = ServedModel(scorer.load())
        assert client.send("GET", "/readyz").status == 200
        assert client.predict({"x5": "monday"}).status == 200


class Broken(ServedModel):
    """Served by a program with a fault in it."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__(scorer)
        self.codec.answer = self._fail  # type: ignore[method-assign, assignment]

    def _fail(self, body: object, *_more: object) -> SegmentResult:
        raise ZeroDivisionError(f"secret {body!r}")

    @property
    def model_document(self) -> dict[str, object]:
        raise ZeroDivisionError("secret")

    @model_document.setter
    def model_document(self, _document: object) -> None:
        pass


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/model")])
def test_a_fault_is_logged_and_answered_without_a_traceback(
    method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    holder = Holder()
    holder.served = Broken(scorer.load())
    with caplog.at_level(logging.ERROR), serving(holder) as client:
        answer = client.send(method, path, b"{}" if method == "POST" else None)
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)
