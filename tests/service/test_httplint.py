"""Every kind of answer, linted by httplint: a public linter of HTTP messages, by one of the editors of RFC 9110."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels

from scorer.service.settings import Settings
from tests.support.raw_http import RawAnswer, connect, exchange, parse, read_to_end, send
from tests.support.servers import Server, free_port, running

ACCEPTED = {"STATUS_BAD_REQUEST": "it says that a request was answered 400, and these requests are bad"}
"""Notes of httplint that may stand: the name of the note's class, and why."""

ROW = b'{"x5":"monday"}'
PATHS = ["/model", "/model/history", "/openapi.json", "/livez", "/readyz", "/metrics", "/predict", "/nowhere"]


def request(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """A request after which the server closes."""
    length = [f"content-length: {len(body)}"] if body else []
    head = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close", *length, *lines, "", ""]
    return "\r\n".join(head).encode() + body


POSTED: dict[str, bytes] = {
    "row": request("POST", "/predict", body=ROW),
    "rows": request("POST", "/predict?explain=true", "content-type: application/json", body=b"[%b,%b]" % (ROW, ROW)),
    "no rows": request("POST", "/predict", body=b"[]"),
    "chosen id": request("POST", "/predict", "x-request-id: 42", body=ROW),
    "no JSON": request("POST", "/predict", body=b"{"),
    "bad row": request("POST", "/predict", body=b'{"x12":"no number"}'),
    "reported row": request("POST", "/predict?on_error=report", body=b'[{"x12":"no number"}]'),
    "no row": request("POST", "/predict", body=b"1"),
    "unknown parameter": request("POST", "/predict?a=b", body=ROW),
    "unknown type": request("POST", "/predict", "content-type: text/plain", body=ROW),
    "unknown coding": request("POST", "/predict", "content-encoding: br", body=ROW),
    "too many rows": request("POST", "/predict", body=b"[%b]" % b",".join([ROW] * 4)),
    "too large": request("POST", "/predict", body=b" " * 1_001),
    "elsewhere": request("POST", "/livez", body=ROW),
    "unknown method": request("FROBNICATE", "/predict", body=ROW),
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "no HTTP": b"nonsense\r\n\r\n",
    "large head": request("GET", "/livez", f"a: {'b' * Settings().max_header_bytes}"),
}


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    with running(environment={"SCORER_MAX_ROWS": "3", "SCORER_MAX_BODY_BYTES": "1000"}) as server:
        yield server


def notes(sent: bytes, answer: RawAnswer) -> list[str]:
    """What httplint finds bad in an answer, or warns of: the class of each note, and its summary."""
    method, _, rest = sent.partition(b" ")
    asked = HttpRequestLinter(start_time=time.time())
    asked.process_request_topline(method, b"http://localhost" + rest.partition(b" ")[0], b"HTTP/1.1")
    asked.process_headers([])
    linter = HttpResponseLinter(start_time=time.time())
    linter.request = asked
    linter.is_head_response = method == b"HEAD"
    linter.process_response_topline(b"HTTP/1.1", str(answer.status).encode(), answer.phrase.encode())
    linter.process_headers([(name.encode(), value.encode()) for name, value in answer.headers])
    linter.feed_content(answer.body)
    linter.finish_content(True)
    found = [(type(note).__name__, note) for note in linter.notes if note.level in (levels.BAD, levels.WARN)]
    return [f"{name}: {note.summary}" for name, note in found if name not in ACCEPTED]


def lint(server: Server, sent: bytes) -> RawAnswer:
    """Sends a request, holds its answer to httplint, and returns it."""
    (answer,) = exchange(server, sent, "HEAD" if sent.startswith(b"HEAD ") else "GET")
    assert notes(sent, answer) == []
    assert answer.header("x-content-type-options") == "nosniff"  # httplint says nothing of it
    return answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", PATHS)
def test_every_path(path: str, method: str, limited: Server) -> None:
    lint(limited, request(method, path))


@pytest.mark.parametrize("name", POSTED)
def test_what_is_posted(name: str, limited: Server) -> None:
    lint(limited, POSTED[name])


@pytest.mark.parametrize("path", ["/model", "/openapi.json"])
def test_a_document_that_has_not_changed(path: str, limited: Server) -> None:
    tag = lint(limited, request("GET", path)).header("etag")
    assert tag is not None
    assert lint(limited, request("GET", path, f"if-none-match: {tag}")).status == 304


@pytest.mark.parametrize("path", ["/readyz", "/model", "/predict"])
def test_no_model(path: str) -> None:
    with running("--model", f"http://127.0.0.1:{free_port()}/") as server:
        sent = request("POST", path, body=ROW) if path == "/predict" else request("GET", path)
        assert lint(server, sent).status == 503


def test_a_slow_body() -> None:
    with running(environment={"SCORER_RECEIVE_SECONDS": "0.1"}) as server, connect(server) as connection:
        sent = request("POST", "/predict", "content-length: 10")
        send(connection, sent)
        (answer,) = parse(read_to_end(connection))
    assert (answer.status, json.loads(answer.body)["status"]) == (408, 408)
    assert notes(sent, answer) == []


def test_what_is_bad_is_found() -> None:
    headers = [("content-type", "text/plain"), ("content-length", "2"), ("content-length", "3")]
    found = notes(request("GET", "/"), RawAnswer(200, "OK", headers, b"ab"))
    assert any("Content-Length" in note for note in found)


def test_what_is_accepted_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = RawAnswer(200, "OK", [("content-type", "text/plain"), ("content-length", "3")], b"ab")
    before = notes(request("GET", "/"), answer)
    name = before[0].partition(":")[0]
    monkeypatch.setitem(ACCEPTED, name, "as a test")
    assert not any(note.startswith(f"{name}:") for note in notes(request("GET", "/"), answer))
