"""Files of web servers, which can only be read; with the standard library."""

from __future__ import annotations

import http.client
import io
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn, cast
from urllib.parse import quote, urlsplit

from scorer.errors import StoreError
from scorer.folders.folder import File
from scorer.folders.ranges import RangeFile
from scorer.store.http import reason
from scorer.version import __version__

TIMEOUT_SECONDS = 60
"""Of a wait for the next bytes."""

_BUFFER_BYTES = 1 << 20
_UNSAFE = re.compile(r"[^!-~]+")


class Web:
    """The path of a URL up to its last slash. What follows a question mark is sent with every request, and no error
    shows it: it may be a signature."""

    def __init__(self, address: str) -> None:
        """Takes a URL of a file.

        Raises:
            StoreError: it contains a password.
        """
        parts = urlsplit(_escaped(address))
        self._base = parts._replace(
            netloc=parts.netloc.rpartition("@")[2], path=parts.path.rpartition("/")[0], query=""
        )
        self._query = parts.query
        self.name = self._base.geturl()
        if "@" in parts.netloc:
            raise StoreError(self.name, "the URL contains a password, which would end up in logs")

    def where(self, path: str) -> str:
        """See Folder: the URL, without what follows a question mark."""
        return f"{self.name}/{path}"

    def key(self, path: str = "") -> str:
        """See Folder: the URL."""
        return self.where(path)

    def find(self, path: str) -> File | None:
        """See Folder."""
        with self._get(path, {"range": "bytes=0-0"}) as answer:
            total = answer.headers.get("content-range", "").rpartition("/")[2]
            size = total or answer.headers.get("content-length", "")
            state = answer.headers.get("etag") or answer.headers.get("last-modified") or ""
        return File(path, int(size) if size.isdecimal() else 0, state)

    def files(self) -> NoReturn:
        """See Folder: always raises."""
        raise StoreError(self.name, "a web server does not tell which files it has: name one of them")

    @contextmanager
    def open(self, file: File, seeks: bool) -> Iterator[BinaryIO]:
        """See Folder."""
        if seeks:
            with RangeFile(lambda start, end: self._range(file, start, end), file.size) as ranges:
                yield cast(BinaryIO, ranges)
        else:
            with self._get(file.path, {}) as answer:
                yield cast(BinaryIO, io.BufferedReader(_Stream(self.where(file.path), answer), _BUFFER_BYTES))

    def create(self, path: str) -> NoReturn:
        """See Folder: always raises."""
        raise StoreError(self.where(path), "cannot be written over HTTP")

    def remove(self, path: str) -> NoReturn:
        """See Folder: always raises."""
        self.create(path)

    def _range(self, file: File, start: int, end: int) -> bytes:
        condition = {"if-match": file.state} if file.state.startswith('"') else {}
        with self._get(file.path, {**condition, "range": f"bytes={start}-{end - 1}"}) as answer:
            if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                told = "the server sends no parts of files, and this format needs them: download it first"
                raise StoreError(self.where(file.path), told)
            with _naming(self.where(file.path)):
                data: bytes = answer.read()
        if len(data) != end - start:
            raise StoreError(self.where(file.path), f"{len(data):,} bytes came of a part of {end - start:,}")
        return data

    def _get(self, path: str, headers: dict[str, str]) -> Any:
        url = self._base._replace(path=f"{self._base.path}/{_escaped(path)}", query=self._query).geturl()
        asked = {"user-agent": f"coefficient-scorer/{__version__}", "accept-encoding": "identity", **headers}
        with _naming(self.where(path)):
            return urllib.request.urlopen(urllib.request.Request(url, headers=asked), timeout=TIMEOUT_SECONDS)


class _Stream(io.RawIOBase):
    """An answer's body."""

    def __init__(self, name: str, answer: Any) -> None:
        self._name = name
        self._answer = answer
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        with _naming(self._name):
            count: int = self._answer.readinto(buffer)
            if not count and len(buffer) and self._answer.length:
                raise StoreError(self._name, "ended too early")
        self._position += count
        return count


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Says of errors which file they are of."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            changed = error.code == http.HTTPStatus.PRECONDITION_FAILED
            told = "changed while it was read" if changed else f"answered {error.code} {error.reason}"
            raise StoreError(name, told) from None
    except urllib.error.URLError as error:
        raise StoreError(name, reason(error.reason)) from None
    except (http.client.InvalidURL, ValueError):  # whose text has all of the URL
        raise StoreError(name, "not a valid URL") from None
    except http.client.IncompleteRead:
        raise StoreError(name, "ended too early") from None
    except (OSError, http.client.HTTPException) as error:
        raise StoreError(name, reason(error)) from None


def _escaped(text: str) -> str:
    """A URL or a part of one, with escapes where people write none: for blanks, and letters beyond ASCII."""
    return _UNSAFE.sub(lambda found: quote(found[0]), text)
