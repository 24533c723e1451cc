"""Every limit, over real sockets: what is over it is answered at once with a problem, and nobody else notices."""

from __future__ import annotations

import gzip
import json
import socket
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scorer import Scorer
from scorer.service.codec.body import MAX_STREAMS
from tests.support.servers import Answer, Client, Server, running

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

URN = "urn:coefficient-scorer:problem:"
ROW = {"x5": "monday", "x91": 0.5}


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    environment = {
        "SCORER_MAX_BODY_BYTES": "100000",
        "SCORER_MAX_UNPACKED_BYTES": "2000000",
        "SCORER_MAX_HEADER_BYTES": "4096",
        "SCORER_MAX_ROWS": "1000",
        "SCORER_RECEIVE_SECONDS": "0.4",
    }
    with running(environment=environment) as server:
        yield server


@pytest.fixture
def client(limited: Server) -> Iterator[Client]:
    with limited.client() as connection:
        yield connection


def raw(server: Server, *chunks: bytes, pause: float = 0.0) -> tuple[int, dict[str, str], Any]:
    """Sends bytes as they are and reads until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for chunk in chunks:
            try:
                connection.sendall(chunk)
            except OSError:
                break
            time.sleep(pause)
        data = b""
        while received := connection.recv(65536):
            data += received
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, json.loads(body)


def test_rows(client: Client) -> None:
    assert len(client.predict([ROW] * 1_000).json()) == 1_000
    bodies: list[Any] = [[ROW] * 1_001, [{}] * 20_000]
    for body in bodies:
        answer = client.predict(body)
        assert (answer.status, answer.json()["type"]) == (422, f"{URN}too-many-rows")
    assert "the limit of 1,000" in answer.json()["detail"]
    with running(environment={"SCORER_MAX_ROWS": "3"}) as server, server.client() as other:
        assert [other.predict([ROW] * count).status for count in (3, 4)] == [200, 422]


@pytest.mark.parametrize("pieces", [1, 64])
def test_bodies_far_over_the_limit_are_read_to_their_end(pieces: int, client: Client) -> None:
    """A connection that is closed on a client in the middle of sending loses the answer."""
    piece = b" " * (32_000_000 // pieces)
    for _ in range(2):
        answer = client.send("POST", "/predict", piece if pieces == 1 else iter([piece] * pieces))
        assert (answer.status, answer.json()["type"]) == (413, f"{URN}body-too-large")
        assert client.predict(ROW).status == 200


def test_a_refused_body_that_does_not_end_is_not_waited_for(limited: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    status, _, document = raw(limited, head, *[b" " * 5_000] * 20, pause=0.01)
    assert (status, document["type"]) == (413, f"{URN}body-too-large")


def test_an_idle_connection_is_closed_after_a_refused_body_too(limited: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    status, headers, _ = raw(limited, head, b" " * 500_000, b" " * 500_000, pause=0.05)
    assert (status, headers.get("connection")) == (413, None)


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}"), ('[{"b":"]}","a":', "}]")], ids=["[", "{", "[{"])
@pytest.mark.parametrize(
    "rows", ["ROW", "[ROW]", '[{"x5":"[{[{[{"},ROW]'], ids=["alone", "in-an-array", "among-others"]
)
def test_what_the_decoder_cannot_read_for_its_depth_is_malformed(
    rows: str, brackets: tuple[str, str], server: Server
) -> None:
    def send(depth: int) -> Answer:
        cell = brackets[0] * depth + "0" + brackets[1] * depth
        with server.client() as client:
            body = rows.replace("ROW", f'{{"x5":"monday","x0":{cell}}}').encode()
            return client.send("POST", "/predict", body)

    assert [send(depth).status for depth in (1, 200, 700_000)] == [200, 200, 400]
    refused = send(700_000).json()
    assert (refused["type"], refused["detail"]) == (f"{URN}malformed-body", "the body is nested too deeply")


def test_a_number_of_10_000_000_digits(server: Server) -> None:
    """Used, it is beyond float64; unused, it is skipped."""
    for name, status in (("x12", 422), ("x5", 422), ("x0", 200)):
        with server.client() as client:
            body = b'[{"x44":1,"%b":%b}]' % (name.encode(), b"9" * 10_000_000)
            assert client.send("POST", "/predict", body).status == status
    with server.client() as client:
        assert client.predict({"x12": "0" * 5_000 + "1"}).json() == client.predict({"x12": 1}).json()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "X-GZip": gzip.compress,
    "Identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_compressed_bodies(encoding: str, client: Client, model: Scorer) -> None:
    pack = PACKED[encoding]
    bodies: list[Any] = [ROW, [ROW] * 1_000]
    for rows in bodies:
        headers = {"content-encoding": encoding, "content-type": "application/json"}
        answer = client.send("POST", "/predict", pack(json.dumps(rows).encode()), headers)
        assert answer.json() == model.score(rows).to_rows()


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_several_streams_one_after_the_other_are_one_body(encoding: str, client: Client) -> None:
    text = json.dumps([ROW, ROW]).encode()
    body = PACKED[encoding](text[:9]) + PACKED[encoding](text[9:])
    answer = client.send("POST", "/predict", body, {"content-encoding": encoding})
    assert (answer.status, len(answer.json())) == (200, 2)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_streams_without_end(encoding: str, server: Server) -> None:
    """Each takes time, and an empty one a few bytes."""
    pack = PACKED[encoding]
    text = json.dumps(ROW).encode()
    for empty, status in ((10, 200), (MAX_STREAMS - 1, 200), (MAX_STREAMS, 415), (100_000, 415)):
        with server.client() as client:
            body = pack(b"") * empty + pack(text)
            answer = client.send("POST", "/predict", body, {"content-encoding": encoding})
        assert answer.status == status, answer.body
    assert answer.json()["type"] == f"{URN}unsupported-body"
    assert answer.json()["detail"] == f"the body is {encoding} in more than 10,000 streams"


def test_skippable_frames_are_skipped(server: Server, model: Scorer) -> None:
    """RFC 8878, section 3.1.2: a magic number, the size, and what is skipped; pzstd writes one before each frame."""
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
    text = json.dumps(ROW).encode()
    body = skippable + zstd.compress(text[:9]) + skippable * 20 + zstd.compress(text[9:]) + skippable
    with server.client() as client:
        answer = client.send("POST", "/predict", body, {"content-encoding": "zstd"})
    assert answer.json() == model.score(ROW).to_rows()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_bombs_go_off_nowhere(encoding: str, client: Client) -> None:
    bomb = PACKED[encoding](b" " * 50_000_000)
    assert len(bomb) < 100_000
    answer = client.send("POST", "/predict", bomb, {"content-encoding": encoding})
    assert (answer.status, answer.json()["type"]) == (413, f"{URN}body-too-large")
    assert "2,000,000 bytes" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("encoding", "body", "status", "detail"),
    [
        ("gzip", b"{}", 400, "the body is not gzip"),
        ("zstd", b"{}{}{}{}{}", 400, "the body is not zstd"),
        ("gzip", gzip.compress(b'{"x5": null}', mtime=0)[:-4], 400, "the body is not gzip: it ends too early"),
        ("zstd", zstd.compress(b'{"x5": null}')[:-1], 400, "the body is not zstd: it ends too early"),
        ("gzip", gzip.compress(b'{"x5": null}', mtime=0) + b"more", 400, "the body is not gzip"),
        ("gzip", b"", 400, "the body is not gzip: it ends too early"),
        ("br", b"{}", 415, "the content encoding is not read: expected one of gzip, deflate, zstd"),
        ("gzip, gzip", b"{}", 415, "the content encoding is not read"),
    ],
)
def test_what_is_not_what_it_says(encoding: str, body: bytes, status: int, detail: str, client: Client) -> None:
    answer = client.send("POST", "/predict", body, {"content-encoding": encoding})
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/vnd.rows+json", 200),
        ("application/x-www-form-urlencoded", 200),
        ("", 200),
        ("text/csv; charset=utf-16", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/octet-stream", 415),
    ],
)
def test_content_types(kind: str, status: int, client: Client) -> None:
    answer = client.send("POST", "/predict", json.dumps(ROW).encode(), {"content-type": kind})
    assert answer.status == status
    if status == 415:
        assert answer.json()["type"] == f"{URN}unsupported-body"


def test_a_head_that_is_too_large(limited: Server, client: Client) -> None:
    assert client.send("GET", "/livez", headers={"x-a": "a" * 3_000}).status == 200
    for expected, head in (
        (431, b"GET / HTTP/1.1\r\nx-a: " + b"a" * 6_000),
        (414, b"GET /" + b"a" * 6_000),
        (431, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1_000),
    ):
        status, headers, document = raw(limited, head[:4_000], head[4_000:], pause=0.05)
        assert (status, headers["content-type"], document["status"]) == (expected, "application/problem+json", expected)


def test_what_is_no_http(limited: Server) -> None:
    for nonsense in (b"\x16\x03\x01 hello\r\n\r\n", b"POST /predict HTTP/1.1\r\ncontent-length: -1\r\n\r\n"):
        status, headers, document = raw(limited, nonsense)
        assert (status, headers["content-type"], document["title"]) == (400, "application/problem+json", "Bad Request")


def test_a_body_that_does_not_arrive_in_time(limited: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
    for chunks in ((head,), (head, *[b" "] * 30)):
        status, headers, document = raw(limited, *chunks, pause=0.05)
        assert (status, document["type"], headers["connection"]) == (408, f"{URN}slow-body", "close")
    assert document["detail"] == "the body did not arrive within 0.4 seconds"


def test_a_head_that_does_not_arrive_in_time(limited: Server) -> None:
    status, _, document = raw(limited, b"GET /livez HTTP/1.1\r\n", *[b"a: b\r\n"] * 30, pause=0.05)
    assert (status, document["title"]) == (408, "Request Timeout")


def test_a_connection_that_sends_nothing_is_closed(limited: Server) -> None:
    with socket.create_connection(("127.0.0.1", limited.port), timeout=20) as connection:
        assert connection.recv(1) == b""
