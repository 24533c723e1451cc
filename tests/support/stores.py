"""Real stores for tests: a static file server and an S3 endpoint on loopback, and versions to put into stores."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from export import archive
from scorer import Scorer
from scorer.coefficients import CoefficientFile
from scorer.store.pointer import Pointer, version_key
from scorer.store.sources import point
from scorer.store.storage import Directory
from tests.support.skips import require


class Store:
    """A directory of versions, as a store or as what one is filled from."""

    def __init__(self, path: Path, *files: CoefficientFile) -> None:
        self.path = path
        self.storage = Directory(path)
        self.scorers: dict[str, Scorer] = {}
        for file in files:
            archive.write_version(path, file)
            self.scorers[file.version] = Scorer(file)

    def pointer(self, version: str) -> Pointer:
        """Names one of the versions."""
        file = self.scorers[version].file
        return Pointer(file.model, version, file.sha256)

    def point(self, version: str) -> None:
        """Makes a version the current one."""
        point(self.storage, self.pointer(version))

    def write(self, key: str, data: bytes) -> None:
        """Puts bytes at a key."""
        self.storage.write(key, data)

    def path_of(self, version: str) -> Path:
        """A version's file."""
        return self.path / version_key(self.scorers[version].file.model, version)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *_arguments: Any) -> None:  # noqa: A002 (the base class calls it that)
        pass


class StaticServer:
    """Python's static file server, which can be stopped, started again on its port, and made to hang."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: http.server.ThreadingHTTPServer | None = None
        self._hanging: socket.socket | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serves."""

        def handler(*arguments: Any) -> _Quiet:
            return _Quiet(*arguments, directory=str(self._directory))

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self) -> None:
        """Refuses connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._hanging:
            self._hanging.close()
            self._hanging = None

    def hang(self) -> None:
        """Takes connections, and never answers."""
        self.stop()
        self._hanging = socket.create_server(("127.0.0.1", self.port), backlog=128)


@contextmanager
def static_server(directory: Path) -> Iterator[StaticServer]:
    """A static file server until the block ends."""
    server = StaticServer(directory)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def s3(bucket: str, log: Path | None = None) -> Iterator[dict[str, str]]:
    """An S3 endpoint with an empty bucket, in a process of its own. Gives the environment that leads there.

    Args:
        bucket: its name; three letters or more.
        log: where a line is written for each request.
    """
    code = (
        "import sys, boto3; from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False); server.start()\n"
        "host, port = server.get_host_and_port(); url = f'http://{host}:{port}'\n"
        "boto3.client('s3', endpoint_url=url, region_name='us-east-1').create_bucket(Bucket=sys.argv[1])\n"
        "print(url, flush=True); sys.stdin.read(); server.stop()\n"
    )
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
    with Path(log or os.devnull).open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", code, bucket],
            env={**os.environ, **keys},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        yield {**keys, "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def make_keys(directory: Path, name: str = "key") -> tuple[Path, Path]:
    """A private and a public key, by OpenSSL, as the documentation makes them."""
    private, public = directory / f"{name}.pem", directory / f"{name}.pub.pem"
    openssl = require("openssl")
    subprocess.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    subprocess.run([openssl, "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public
