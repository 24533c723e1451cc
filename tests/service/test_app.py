"""What a healthy server never shows: no model yet, and a fault of the program itself. Served on a real socket."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import uvicorn

import scorer
from scorer import Scorer
from scorer.coefficients import CoefficientFile
from scorer.service.app import create_app
from scorer.service.codec.rows import RowCodec
from scorer.service.endpoints import NoStore, StoreStatus
from scorer.service.holder import Holder, ServedModel
from scorer.service.settings import Settings
from tests.support.prometheus import scrape
from tests.support.servers import Client, wait_until

DEFAULTS = Settings()


@contextmanager
def serving(holder: Holder, settings: Settings = DEFAULTS, store: StoreStatus | None = None) -> Iterator[Client]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = create_app(holder, settings, store or NoStore())
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
        self.codec = BrokenCodec(scorer)

    @property
    def model_document(self) -> dict[str, object]:
        raise ZeroDivisionError("secret")

    @model_document.setter
    def model_document(self, _document: object) -> None:
        pass


class BrokenCodec(RowCodec):
    def answer(self, body: object, *_more: object) -> NoReturn:
        raise ZeroDivisionError(f"secret {body!r}")


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/model")])
def test_a_fault_is_answered_without_a_traceback_logged_and_counted(
    method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    holder = Holder()
    holder.served = Broken(scorer.load())
    with caplog.at_level(logging.INFO), serving(holder, Settings(access_log=1.0)) as client:
        answer = client.send(method, path, b"{}" if method == "POST" else None)
        found = scrape(client)
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert found["requests_total", path, "500", "1.0.1"] == 1
    assert found["errors_total", "fault"] == 1
    (fault,) = [record for record in caplog.records if record.exc_info]
    assert (fault.getMessage(), fault.exc_info and fault.exc_info[0]) == (f"{method} {path} failed", ZeroDivisionError)
    (line,) = [record for record in caplog.records if record.name == "scorer.access" and path in record.getMessage()]
    assert line.getMessage().startswith(f"{method} {path} 500, ")


class BrokenStore(NoStore):
    """A status that cannot be told at first, so that the first write of the worker's counts is a fault."""

    broken = True

    def gauges(self) -> dict[tuple[str, ...], float]:
        if self.broken:
            self.broken = False
            raise ZeroDivisionError
        return {}


@pytest.mark.parametrize(("method", "path"), [("GET", "/livez"), ("POST", "/predict")])
def test_an_answer_that_cannot_be_counted_is_the_only_one(
    method: str, path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A second response would be read as the answer to the next request on the connection."""
    settings = Settings(metrics_dir=str(tmp_path))
    with caplog.at_level(logging.ERROR), serving(Holder(scorer.load()), settings, BrokenStore()) as client:
        answers = [client.send(method, path, b'{"x5":null}' if method == "POST" else None)]
        answers += [client.send("GET", "/model") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert "name" in answers[1].json()
    assert [record.getMessage() for record in caplog.records] == [f"{method} {path} could not be counted or logged"]


def test_counts_that_cannot_be_written_are_no_concern_of_a_request() -> None:
    with serving(Holder(scorer.load()), Settings(metrics_dir="/proc")) as client:  # nobody may write there
        assert [client.predict({"x5": "monday"}).status for _ in range(3)] == [200, 200, 200]
        assert client.send("GET", "/livez").json() == {"status": "alive"}


def test_an_empty_array_is_counted() -> None:
    with serving(Holder(scorer.load())) as client:
        assert client.predict([]).json() == []
        found = scrape(client)
    assert found["requests_total", "/predict", "200", "1.0.1"] == 1
    assert (found["batch_rows_count",], found["batch_rows_sum",], found["stage_seconds_count", "decode"]) == (1, 0, 1)
    assert found["rows_total", "1.0.1"] == 0


def swapped_between_rows(holder: Holder, other: Client, file: CoefficientFile) -> Iterator[bytes]:
    """A body of two rows; another model is served from between them on."""
    yield b'[{"x5":"monday"},'
    wait_until(lambda: scrape(other)["requests_in_flight",] == 1, "the request")
    holder.served = ServedModel(Scorer(file))
    yield b'{"x5":"friday"}]'


def test_a_request_is_counted_under_the_version_that_scored_it(versions: list[CoefficientFile]) -> None:
    """Also where another one is served by the time of the answer."""
    holder = Holder(scorer.load())
    with serving(holder) as client, closing(Client(client.port)) as other:
        answer = client.send("POST", "/predict", swapped_between_rows(holder, other, versions[1]))
        found = scrape(other)
    assert (answer.status, answer.headers["x-model-version"]) == (200, "1.0.1")
    assert (found["requests_total", "/predict", "200", "1.0.1"], found["rows_total", "1.0.1"]) == (1, 2)


JSON_PATHS = ["/model", "/openapi.json"]


def test_what_may_be_cached_says_so_and_nothing_else_may() -> None:
    with serving(Holder(scorer.load())) as client:
        never = ("/livez", "/readyz", "/model/history", "/metrics", "/none")
        answers = [client.send("GET", path) for path in never]
        bodies: list[object] = [{"x5": "monday"}, {"x12": []}, b"{"]
        answers += [client.predict(body) for body in bodies]
        kept = [client.send("GET", path) for path in JSON_PATHS]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert {answer.headers["cache-control"] for answer in kept} == {"no-cache"}
    everything = [*answers, *kept]
    assert {answer.headers["x-content-type-options"] for answer in everything} == {"nosniff"}


@pytest.mark.parametrize("path", JSON_PATHS)
def test_a_document_that_is_known_is_not_sent_again(path: str, model: Scorer, versions: list[CoefficientFile]) -> None:
    holder = Holder(model)
    with serving(holder) as client:
        etag = client.send("GET", path).headers["etag"]
        assert model.file.sha256 in etag
        for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
            answer = client.send("GET", path, headers={"if-none-match": known})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
            assert answer.headers["cache-control"] == "no-cache"
        holder.served = ServedModel(Scorer(versions[1]))
        changed = client.send("GET", path, headers={"if-none-match": etag})
    assert (changed.status, versions[1].sha256 in changed.headers["etag"]) == (200, True)
