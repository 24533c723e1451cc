"""Odd requests, byte for byte: each is answered as the RFCs ask, and leaves no line in the log.

A request that is understood is followed by another, which is answered too. One that is not is refused with a problem
document, and the connection is closed: where requests cannot be told apart, nothing more on it may be taken for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from scorer import Scorer
from scorer.service.settings import Settings
from tests.support.raw_http import CHUNKED, RawAnswer, chunked, connect, exchange, get, post, read_to_end, send, sized
from tests.support.servers import Server, running

NEXT = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
"""Sent after each request; answered 404, and the connection is closed."""


class Odd(NamedTuple):
    """An odd request, the section that says how it is answered, and the statuses that come back; NEXT gives 404."""

    name: str
    section: str
    request: bytes
    statuses: list[int]


def understood(name: str, section: str, request: bytes, status: int = 200) -> Odd:
    """A request after which the connection stays open."""
    return Odd(name, section, request, [status, 404])


def refused(name: str, section: str, request: bytes, status: int = 400) -> Odd:
    """A request after which the connection is closed."""
    return Odd(name, section, request, [status])


WEBSOCKET = ("connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: YQ==")
H2C = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAoAAAAAIAAAAA")
HEAD_BYTES = Settings().max_header_bytes

LENGTHS = [
    refused("two lengths that differ", "RFC 9112 6.3", sized("content-length: 3")),
    refused("two equal lengths", "RFC 9110 8.6", sized("content-length: 15")),
    refused("a list of lengths", "RFC 9110 8.6", post("content-length: 15, 15")),
    refused("length, then chunked", "RFC 9112 6.1", chunked("content-length: 15")),
    refused("chunked, then length", "RFC 9112 6.1", post("transfer-encoding: chunked", "content-length: 20")),
    refused("length with a plus", "RFC 9110 8.6", post("content-length: +15")),
    refused("negative length", "RFC 9110 8.6", post("content-length: -15")),
    refused("length with a blank inside", "RFC 9110 8.6", post("content-length: 1 5")),
    understood("length with blanks after it", "RFC 9112 5", post("content-length: 15  ")),
    refused("length that is no number", "RFC 9110 8.6", post("content-length: many")),
    refused("hexadecimal length", "RFC 9110 8.6", post("content-length: 0xf")),
    refused("empty length", "RFC 9110 8.6", post("content-length:")),
    refused("length over 64 bits", "RFC 9110 8.6", post("content-length: 99999999999999999999")),
    understood("GET with a body", "RFC 9110 9.3.1", sized(method="GET", target="/livez")),
]
LINES = [
    refused("bare LF as line ends", "RFC 9112 2.2", sized().replace(b"\r\n", b"\n")),
    refused("bare CR in a line", "RFC 9112 2.2", sized("a: b\rc: d")),
    refused("obsolete folding", "RFC 9112 5.2", sized("a: b\r\n c")),
    refused("blank before the colon", "RFC 9112 5.1", sized("a : b")),
    refused("blank before the colon of a length", "RFC 9112 5.1", post("content-length : 15")),
    refused("blank before the first header", "RFC 9112 2.2", post(" a: b", "content-length: 15", "host: x")),
    refused("header name with brackets", "RFC 9110 5.1", sized("a(b): c")),
    refused("header name with bytes over 127", "RFC 9110 5.1", sized("\xe9: c")),
    refused("empty header name", "RFC 9110 5.1", sized(": c")),
    refused("header without a colon", "RFC 9112 5", sized("abc")),
    refused("NUL in a value", "RFC 9110 5.5", sized("a: b\0c")),
    refused("control byte in a value", "RFC 9110 5.5", sized("a: b\x01c")),
    understood("value with bytes over 127", "RFC 9110 5.5", sized("a: \xe9")),
    understood("empty line before the request", "RFC 9112 2.2", b"\r\n" + sized()),
    refused("blank before the request", "RFC 9112 3", b" " + sized()),
    refused("tabs in the request line", "RFC 9112 3", b"GET\t/livez\tHTTP/1.1\r\nhost: x\r\n\r\n"),
    understood("500 headers", "RFC 9110 5.4", sized(*(f"a{number}: b" for number in range(500)))),
    refused("head over the limit", "RFC 6585 5", sized(f"a: {'b' * HEAD_BYTES}"), 431),
    refused("header line without end", "RFC 6585 5", b"GET / HTTP/1.1\r\na: " + b"b" * HEAD_BYTES, 431),
    refused("target over the limit", "RFC 9112 3", get(target=f"/{'b' * HEAD_BYTES}"), 414),
    understood("many small requests at once", "RFC 9112 9.3.2", get() * 2_000)._replace(statuses=[200] * 2_000 + [404]),
]
HOSTS = [
    refused("no Host", "RFC 9112 3.2", sized("no-host")),
    refused("no Host, no body", "RFC 9112 3.2", get("no-host")),
    Odd("no Host, HTTP/1.0", "RFC 9112 3.2", sized("no-host", version="HTTP/1.0"), [200]),
    refused("two Hosts", "RFC 9112 3.2", sized("host: x", "host: y")),
    refused("the same Host twice", "RFC 9112 3.2", sized("host: x", "host: x")),
    refused("two Hosts, HTTP/1.0", "RFC 9112 3.2", sized("host: x", "host: y", version="HTTP/1.0")),
    refused("Host with a path", "RFC 9112 3.2", sized("host: x/y")),
    refused("Host with a blank", "RFC 9112 3.2", sized("host: x y")),
    refused("Host with a user", "RFC 9112 3.2", sized("host: user@x")),
    refused("two hosts in one Host", "RFC 9112 3.2", sized("host: x, y")),
    refused("Host with a port that is none", "RFC 9112 3.2", sized("host: x:y")),
    understood("empty Host", "RFC 9112 3.2", sized("host:")),
    understood("Host with a port", "RFC 9110 7.2", sized("host: a-b.example:1313")),
    understood("IPv6 Host", "RFC 3986 3.2.2", sized("host: [::1]:1313")),
]
TARGETS = [
    understood("absolute form", "RFC 9112 3.2.2", sized(target="http://x/predict")),
    understood("absolute form of another host", "RFC 9112 3.2.2", sized(target="http://y:80/predict")),
    understood("absolute form without a path", "RFC 9110 4.2.3", get(target="http://x"), 404),
    refused("absolute form without a host", "RFC 9110 4.2.1", get(target="http:///livez")),
    understood("asterisk form", "RFC 9112 3.2.4", get(method="OPTIONS", target="*"), 404),
    refused("asterisk form of another method", "RFC 9112 3.2.4", get(target="*")),
    refused("authority form of another method", "RFC 9112 3.2.3", get(target="x:80")),
    refused("CONNECT", "RFC 9110 9.1", get(method="CONNECT", target="x:80"), 501),
    refused("CONNECT to a path", "RFC 9110 9.1", sized(method="CONNECT"), 501),
    refused("target without a slash", "RFC 9112 3.2.1", sized(target="predict")),
    refused("target with a fragment", "RFC 9112 3.2.1", sized(target="/predict#a")),
    refused("bytes over 127 in the path", "RFC 9112 3.2.1", get(target="/\xe9")),
    understood("percent-encoded path", "RFC 9110 4.2.3", sized(target="/%70redict")),
    understood("line feed in the path", "RFC 3986 2.1", get(target="/a%0aINFO:%20forged"), 404),
    understood("path that is not UTF-8", "RFC 3986 2.5", get(target="/%ff"), 404),
    understood("path of 20,000 bytes", "RFC 9110 4.1", get(target=f"/{'a' * 20_000}"), 404),
    refused("control byte in the query", "RFC 9112 3.2", sized(target="/predict?explain=\x01")),
    refused("NUL in the query", "RFC 9112 3.2", sized(target="/predict?explain=\0")),
    understood("NUL in the query, encoded", "RFC 3986 2.1", sized(target="/predict?explain=%00"), 400),
]
METHODS = [
    refused("unknown method", "RFC 9110 9.1", sized(method="FROBNICATE"), 501),
    refused("lower-case method", "RFC 9110 9.1", sized(method="post"), 501),
    refused("unknown method after a request", "RFC 9110 9.1", sized(method="FROBNICATE"), 501)._replace(
        request=get() + sized(method="FROBNICATE"), statuses=[200, 400]
    ),
    understood("known method that nothing here has", "RFC 9110 15.5.6", sized(method="PROPFIND"), 405),
    understood("TRACE", "RFC 9110 9.3.8", get(method="TRACE"), 405),
]
VERSIONS = [
    refused("HTTP/0.9", "RFC 9110 15.6.6", b"GET /livez\r\n\r\n", 505),
    refused("HTTP/2 preface", "RFC 9112 3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("HTTP/2.0 in the request line", "RFC 9110 15.6.6", sized(version="HTTP/2.0"), 505),
    refused("HTTP/3.0 in the request line", "RFC 9110 15.6.6", sized(version="HTTP/3.0"), 505),
    understood("HTTP/1.2", "RFC 9110 2.5", sized(version="HTTP/1.2")),
    refused("HTTP/1.2 without Host", "RFC 9110 2.5", sized("no-host", version="HTTP/1.2")),
    refused("HTTP/1.10", "RFC 9112 2.3", sized(version="HTTP/1.10")),
    refused("http/1.1", "RFC 9112 2.3", sized(version="http/1.1")),
    refused("TLS", "RFC 9112 3", bytes.fromhex("16030100a5010000a10303") + bytes(165)),
]
CHUNKS = [
    refused("chunk size that is no number", "RFC 9112 7.1", chunked(body=b"zz\r\n")),
    refused("negative chunk size", "RFC 9112 7.1", chunked(body=b"-1\r\n")),
    refused("chunk size with 0x", "RFC 9112 7.1", chunked(body=b"0xf\r\n")),
    refused("chunk size over 64 bits", "RFC 9112 7.1", chunked(body=b"f" * 17 + b"\r\n")),
    refused("chunk longer than its size", "RFC 9112 7.1", chunked(body=b"e" + CHUNKED[1:])),
    refused("chunk size that ends in LF", "RFC 9112 7.1", chunked(body=b"f\n" + CHUNKED[3:])),
    refused("no last chunk", "RFC 9112 7.1", chunked(body=CHUNKED[:-5])),
    understood("chunk extension", "RFC 9112 7.1.1", chunked(body=b'f;a=b;c="d"' + CHUNKED[1:])),
    understood("trailer", "RFC 9112 7.1.2", chunked(body=CHUNKED[:-2] + b"a: b\r\n\r\n")),
    understood(
        "trailer is not a header", "RFC 9110 6.5.1", chunked(body=CHUNKED[:-2] + b"content-encoding: br\r\n\r\n")
    ),
    refused("trailer with a length", "RFC 9110 6.5.1", chunked(body=CHUNKED[:-2] + b"content-length: 3\r\n\r\n")),
    refused("trailer without end", "RFC 6585 5", chunked(body=CHUNKED[:-2] + b"a: " + b"b" * 1_000_000), 431),
    refused("chunk extension without end", "RFC 9112 7.1.1", chunked(body=b"f;" + b"b" * 1_000_000), 431),
]
CODINGS = [
    understood("Chunked", "RFC 9112 7", post("transfer-encoding: Chunked", body=CHUNKED)),
    understood("empty element before chunked", "RFC 9110 5.6.1", post("transfer-encoding: ,chunked", body=CHUNKED)),
    refused("gzip, chunked", "RFC 9112 6.1", post("transfer-encoding: gzip, chunked", body=CHUNKED), 501),
    refused("gzip and chunked", "RFC 9112 6.1", chunked("transfer-encoding: gzip"), 501),
    refused("identity, chunked", "RFC 9112 6.1", post("transfer-encoding: identity, chunked", body=CHUNKED), 501),
    refused("chunked twice", "RFC 9112 6.1", post("transfer-encoding: chunked, chunked", body=CHUNKED)),
    refused("chunked in two lines", "RFC 9112 6.1", chunked("transfer-encoding: chunked")),
    refused("chunked, gzip", "RFC 9112 6.3", post("transfer-encoding: chunked, gzip", body=CHUNKED)),
    refused("gzip", "RFC 9112 6.3", post("transfer-encoding: gzip", body=CHUNKED)),
    refused("identity", "RFC 9112 6.3", post("transfer-encoding: identity", body=CHUNKED)),
    refused("identity and a length", "RFC 9112 6.3", sized("transfer-encoding: identity")),
    refused("xchunked", "RFC 9112 6.3", post("transfer-encoding: xchunked", body=CHUNKED)),
    refused("vertical tab before chunked", "RFC 9110 5.5", post("transfer-encoding: \x0bchunked", body=CHUNKED)),
    refused("no coding", "RFC 9112 6.3", post("transfer-encoding:", body=CHUNKED)),
    Odd("chunked, HTTP/1.0", "RFC 9112 6.1", chunked(version="HTTP/1.0"), [200]),
]
EXPECTATIONS = [
    Odd("100-continue", "RFC 9110 10.1.1", sized("expect: 100-continue"), [100, 200, 404]),
    Odd("100-continue, HTTP/1.0", "RFC 9110 10.1.1", sized("expect: 100-continue", version="HTTP/1.0"), [200]),
    understood("another expectation", "RFC 9110 10.1.1", sized("expect: a-teapot")),
    understood("websocket", "RFC 9110 7.8", get(*WEBSOCKET)),
    understood("websocket and a body", "RFC 9110 7.8", sized(*WEBSOCKET)),
    understood("websocket and chunks", "RFC 9110 7.8", chunked(*WEBSOCKET)),
    understood("Upgrade that Connection does not name", "RFC 9110 7.8", sized("upgrade: websocket")),
    Odd("websocket, HTTP/1.0", "RFC 9110 7.8", sized(*WEBSOCKET, version="HTTP/1.0"), [200]),
    Odd("websocket and close", "RFC 9110 7.8", sized("upgrade: websocket", "connection: upgrade, close"), [200]),
    refused("websocket without Host", "RFC 9112 3.2", get("no-host", *WEBSOCKET)),
    refused("websocket and gzip, chunked", "RFC 9112 6.1", post(*WEBSOCKET, "transfer-encoding: gzip, chunked"), 501),
    understood("h2c", "RFC 9110 7.8", get(*H2C)),
    understood("h2c and a body", "RFC 9110 7.8", sized(*H2C)),
    Odd("h2c again and again", "RFC 9110 7.8", sized(*H2C) * 100, [200] * 100 + [404]),
]
PERSISTENCE = [
    Odd("close", "RFC 9112 9.6", sized("connection: close"), [200]),
    Odd("keep-alive, HTTP/1.0", "RFC 9112 9.3", sized("connection: keep-alive", version="HTTP/1.0"), [200]),
    Odd("HTTP/1.0", "RFC 9112 9.3", sized(version="HTTP/1.0"), [200]),
    Odd("pipelined", "RFC 9112 9.3.2", sized() + get() + get(target="/"), [200, 200, 404, 404]),
    Odd("pipelined before a refusal", "RFC 9112 9.3.2", sized() + get() + sized("no-host"), [200, 200, 400]),
    Odd("pipelined before nonsense", "RFC 9112 9.3.2", sized() + get() + b"nonsense", [200, 200, 400]),
    Odd("pipelined before bad chunks", "RFC 9112 9.3.2", sized() + get() + chunked(body=b"zz\r\n"), [200, 200, 400]),
]
SMUGGLED = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
LENGTH = f"content-length: {len(SMUGGLED)}"
SMUGGLING = [
    refused("length over chunked", "RFC 9112 11.2", chunked("content-length: 5", body=b"0\r\n\r\n" + SMUGGLED)),
    refused("chunked over length", "RFC 9112 11.2", chunked(LENGTH, body=SMUGGLED)),
    refused("hidden chunked", "RFC 9112 11.2", chunked("transfer-encoding: x", body=b"0\r\n\r\n" + SMUGGLED), 501),
    refused("two lengths", "RFC 9112 11.2", post("content-length: 0", LENGTH, body=SMUGGLED)),
    refused("HTTP/2.0", "RFC 9110 15.6.6", get(version="HTTP/2.0") + SMUGGLED, 505),
    understood("a request as the body", "RFC 9112 6.2", post(LENGTH, body=SMUGGLED), 400),
    understood("behind h2c", "RFC 9110 7.8", post(*H2C, LENGTH, body=SMUGGLED), 400),
    understood("behind a body of GET", "RFC 9112 6.2", post(LENGTH, body=SMUGGLED, method="GET"), 405),
]
GROUPS = [LENGTHS, LINES, HOSTS, TARGETS, METHODS, VERSIONS, CHUNKS, CODINGS, EXPECTATIONS, PERSISTENCE, SMUGGLING]
ODD = [odd for group in GROUPS for odd in group]


def check_refusal(answer: RawAnswer) -> None:
    """Holds an answer that closes the connection to what all of them have."""
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("connection") == "close"
    assert answer.header("date") is not None, "RFC 9110 6.6.1"
    assert json.loads(answer.body) == {"type": "about:blank", "title": answer.phrase, "status": answer.status}


@pytest.mark.parametrize("odd", ODD, ids=[odd.name for odd in ODD])
def test_odd_requests_are_answered_as_the_rfcs_ask(odd: Odd, server: Server) -> None:
    answers = exchange(server, odd.request + NEXT)
    assert [answer.status for answer in answers] == odd.statuses, odd.section
    if 404 not in odd.statuses[-1:] and odd.statuses[-1] != 200:
        check_refusal(answers[-1])


def test_after_the_lot_the_server_answers_and_its_log_is_empty(row: dict[str, Any], model: Scorer) -> None:
    with running() as server:
        for odd in ODD:
            assert len(exchange(server, odd.request + NEXT)) == len(odd.statuses)
        with server.client() as client:
            assert client.predict(row).json() == model.score(row).to_rows()
        server.stop()
    assert server.output == []


def test_no_two_cases_are_one() -> None:
    assert all(a != b for a, b in pairwise(sorted(odd.name for odd in ODD)))
    assert len({odd.request for odd in ODD}) == len(ODD)


def test_a_request_in_the_body_of_an_upgrade_stays_its_body_when_it_comes_later(server: Server) -> None:
    """llhttp takes what follows a head with Upgrade for another protocol, or for the next request."""
    head = post(*H2C, f"content-length: {len(SMUGGLED)}", body=b"")
    with connect(server) as connection:
        send(connection, get() + head)
        assert b"alive" in connection.recv(65536)  # so that the head has been read
        send(connection, SMUGGLED + NEXT)
        received = read_to_end(connection)
    assert received.count(b"HTTP/1.1 ") == 2
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"alive" not in received


def test_headers_of_an_upgrade_reach_the_app(server: Server) -> None:
    answer = exchange(server, sized(*H2C, "x-request-id: 42") + NEXT)[0]
    assert answer.header("x-request-id") == "42"


def test_a_refused_head_request_is_answered_without_a_body(server: Server) -> None:
    """RFC 9110 9.3.2."""
    with connect(server) as connection:
        send(connection, get("no-host", method="HEAD"))
        received = read_to_end(connection)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.endswith(b"\r\n\r\n")


@pytest.fixture
def small_limits() -> Iterator[Server]:
    with running(environment={"SCORER_MAX_BODY_BYTES": "1000"}) as server:
        yield server


def test_an_answered_request_is_not_refused_as_well(small_limits: Server) -> None:
    """A body that is over its limit is answered before its end, and then goes on as nonsense."""
    with connect(small_limits) as connection:
        send(connection, chunked(body=b"1000\r\n" + b" " * 0x1000))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        send(connection, b"nonsense")
        assert read_to_end(connection) == b""


def test_a_client_that_ends_in_the_middle_gets_no_answer(server: Server) -> None:
    """RFC 9112 8: what is incomplete is not acted upon."""
    for cut in (sized()[:-1], chunked(body=CHUNKED[:-5]), get()[:-2]):
        with connect(server) as connection:
            send(connection, cut)
            connection.shutdown(1)
            assert read_to_end(connection) == b""
