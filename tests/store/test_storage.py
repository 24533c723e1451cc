"""What every storage promises, held against a directory, a static file server and an S3 endpoint."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scorer import errors, strict_json
from scorer.store.http import HTTP
from scorer.store.opening import open_storage
from scorer.store.storage import Directory, Storage
from tests.support.stores import s3, static_server

TIMEOUT = 5.0


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 bucket that the environment leads to."""
    with s3("models") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield "s3://models"


@pytest.fixture(params=["directory", "http", "s3"])
def storages(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Storage, Storage]]:
    """A storage to read from, and one to write the same to."""
    if request.param == "directory":
        yield open_storage(str(tmp_path / "store"), TIMEOUT), Directory(tmp_path / "store")
    elif request.param == "s3":
        opened = open_storage(f"{request.getfixturevalue('bucket')}/{tmp_path.name}/", TIMEOUT)
        yield opened, opened
    else:
        with static_server(tmp_path) as server:
            yield open_storage(f"{server.url}/store/", TIMEOUT), Directory(tmp_path / "store")


def test_bytes_come_back_and_unchanged_ones_are_not_sent_again(storages: tuple[Storage, Storage]) -> None:
    reads, writes = storages
    writes.write("a b/1.json", b"first")
    before = (reads.path / "a b" / "1.json").stat() if isinstance(reads, Directory) else None
    if isinstance(reads, HTTP) and isinstance(writes, Directory):
        os.utime(writes.path / "a b" / "1.json", (0, 0))  # Last-Modified, of whole seconds, tells of old files alone
    found = reads.read("a b/1.json")
    assert found is not None
    assert found.data == b"first"
    assert found.etag is not None
    assert reads.read("a b/1.json", found.etag) is None
    writes.write("a b/1.json", b"other")
    if before and isinstance(reads, Directory):  # the same size, and even the same time
        os.utime(reads.path / "a b" / "1.json", ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = reads.read("a b/1.json", found.etag)
    assert changed is not None
    assert changed.data == b"other"


def test_what_is_not_there(storages: tuple[Storage, Storage]) -> None:
    with pytest.raises(errors.MissingFileError, match=r"none\.json: (no such|answered 404)"):
        storages[0].read("none.json")


def test_a_huge_file_is_not_taken_into_memory(storages: tuple[Storage, Storage]) -> None:
    reads, writes = storages
    writes.write("huge.json", b" " * (strict_json.MAX_BYTES + 1000))
    try:
        found = reads.read("huge.json")
    except errors.FileTooLargeError:
        return
    assert found is not None
    assert len(found.data) == strict_json.MAX_BYTES + 1
    with pytest.raises(errors.FileTooLargeError):
        strict_json.parse(found.data, "huge")


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError, match=r"file/a\.json: (not a directory|file exists)"):
        Directory(tmp_path / "file").write("a.json", b"")


def test_no_bucket(bucket: str) -> None:
    storage = open_storage(bucket.replace("models", "nothing"), TIMEOUT)
    with pytest.raises(errors.StoreError, match=r"s3://nothing/a\.json: "):
        storage.write("a.json", b"")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://host/models", "unknown scheme ftp: expected a directory, or one of http, https, s3, gs, az"),
        ("http://user:secret@host/models", "the URL contains a password, which would end up in logs"),
        ("s3://", "."),
    ],
)
def test_addresses_that_are_none(address: str, reason: str) -> None:
    with pytest.raises(errors.StoreError, match=reason) as caught:
        open_storage(address, TIMEOUT)
    assert "secret" not in str(caught.value)


def test_without_the_store_extra_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["obstore"] = None
from scorer.store.opening import open_storage
open_storage("s3://models", 5)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("s3://models: needs obstore: pip install 'coefficient-scorer[store]'\n")


@contextmanager
def answering(*chunks: bytes, pause: float = 0.0) -> Iterator[str]:
    """A server that sends these bytes to whoever connects first, and closes."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for chunk in chunks:
                try:
                    connection.sendall(chunk)
                except OSError:
                    return
                time.sleep(pause)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", "answered 410"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "answered 304"),
        (OK + b"content-length: 10\r\n\r\n{}", r"ended after 2 of 10 bytes"),
        (b"what?\r\n\r\n", "what?"),
        (b"", "end closed connection without response"),
    ],
)
def test_answers_that_are_no_file(answer: bytes, reason: str) -> None:
    with answering(answer) as url, pytest.raises(errors.UnreadableFileError, match=reason):
        open_storage(url, TIMEOUT).read("a.json")


def test_a_server_that_sends_a_byte_now_and_then_is_given_up_on() -> None:
    with (
        answering(OK + b"content-length: 99\r\n\r\n", *[b" "] * 30, pause=0.05) as url,
        pytest.raises(errors.UnreadableFileError, match="no answer in time"),
    ):
        open_storage(url, 0.3).read("a.json")


def test_a_server_that_does_not_answer_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        storage = open_storage(f"http://127.0.0.1:{listener.getsockname()[1]}", 0.2)
        with pytest.raises(errors.UnreadableFileError, match="no answer in time"):
            storage.read("a.json")


def test_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(errors.UnreadableFileError, match="connection refused"):
        open_storage(url, TIMEOUT).read("a.json")
    with pytest.raises(
        errors.StoreError, match="cannot be written over HTTP: promote to the storage behind the server"
    ):
        open_storage(url, TIMEOUT).write("a.json", b"")


class WithETag(http.server.BaseHTTPRequestHandler):
    """Answers 304 to who has the ETag."""

    def do_GET(self) -> None:
        same = self.headers["if-none-match"] == '"tag"'
        self.send_response(304 if same else 200)
        self.send_header("etag", '"tag"')
        self.send_header("last-modified", "no time at all")
        self.end_headers()
        if not same:
            self.wfile.write(b"{}")

    def log_message(self, format: str, *_arguments: Any) -> None:  # noqa: A002
        pass


def test_an_etag_goes_before_a_time() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), WithETag) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        storage = open_storage(f"http://127.0.0.1:{server.server_port}", TIMEOUT)
        found = storage.read("a.json")
        assert found is not None
        assert (found.data, storage.read("a.json", found.etag)) == (b"{}", None)
        server.shutdown()
        thread.join()
