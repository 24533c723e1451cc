"""Prefixes of object stores."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeVar, cast

from scorer.errors import StoreError
from scorer.folders.folder import File
from scorer.folders.ranges import RangeFile
from scorer.folders.upload import PART_BYTES, Upload
from scorer.store import objects

TIMEOUT_SECONDS = 60
"""Of a request for a piece of a file."""

RETRIES = 5
"""The waits between them double from a tenth of a second on."""

_BUFFER_BYTES = 1 << 20

_Answer = TypeVar("_Answer")


class Objects:
    """A prefix of a bucket."""

    def __init__(self, address: str) -> None:
        """Takes `scheme://bucket/prefix`. The prefix is that of the keys as they are: it has no escapes."""
        scheme, _, rest = address.partition("://")
        bucket, _, prefix = rest.partition("/")
        self._prefix = prefix.strip("/")
        self._bucket = f"{scheme}://{bucket}"
        self.name = f"{self._bucket}/{self._prefix}".rstrip("/")
        self._store = objects.connect(self._bucket, TIMEOUT_SECONDS, RETRIES)

    def where(self, path: str) -> str:
        """See Folder: the object's URL."""
        return f"{self._bucket}/{self._key_of(path)}"

    def key(self, path: str = "") -> str:
        """See Folder: the URL."""
        return self.where(path).rstrip("/")

    def find(self, path: str) -> File | None:
        """See Folder."""
        try:
            return _file(path, self._ask(path, lambda: self._store.head(self._key_of(path))))
        except _MissingError:
            return None

    def files(self) -> list[File]:
        """See Folder. The empty objects that some programs make in the place of directories are left out."""
        listed = self._ask("", lambda: self._store.list(f"{self._prefix}/" if self._prefix else None).collect())
        start = len(self._prefix) + 1 if self._prefix else 0
        found = [_file(meta["path"][start:], meta) for meta in listed]
        above = {"", *(file.path[:index] for file in found for index in _slashes(file.path))}
        return sorted((file for file in found if file.size or file.path not in above), key=lambda file: file.path)

    @contextmanager
    def open(self, file: File, seeks: bool) -> Iterator[BinaryIO]:
        """See Folder: by requests for parts, all of the same content."""
        options = {"if_match": f'"{file.state}"'} if " " not in file.state else {}

        def fetch(start: int, end: int) -> Any:
            asked: Any = {**options, "range": (start, end)}
            return self._ask(file.path, lambda: self._store.get(self._key_of(file.path), options=asked).bytes())

        with RangeFile(fetch, file.size) as opened:
            if seeks:
                yield cast(BinaryIO, opened)
            else:
                opened.expect()
                yield cast(BinaryIO, io.BufferedReader(opened, _BUFFER_BYTES))

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """See Folder."""

        def put(body: Any) -> object:
            sizes = {"chunk_size": PART_BYTES, "max_concurrency": 2}
            whole = isinstance(body, bytes)
            return self._ask(path, lambda: self._store.put(self._key_of(path), body, use_multipart=not whole, **sizes))

        with Upload(put) as upload:
            try:
                yield cast(BinaryIO, upload)
            except BaseException:
                upload.abort()
                raise
            upload.finish()

    def remove(self, path: str) -> None:
        """See Folder."""
        self._ask(path, lambda: self._store.delete(self._key_of(path)))

    def _key_of(self, path: str) -> str:
        return f"{self._prefix}/{path}".strip("/")

    def _ask(self, path: str, request: Callable[[], _Answer]) -> _Answer:
        """What a request gives; its errors say of which object they are."""
        from obstore.exceptions import BaseError, NotFoundError, PreconditionError

        try:
            return request()
        except PreconditionError:
            raise StoreError(self.where(path), "changed while it was read") from None
        except (NotFoundError, FileNotFoundError) as error:
            told = objects.reason(error)
            raise _MissingError(
                self.where(path), "no such object" if told == "answered 404 Not Found" else told
            ) from None
        except (BaseError, OSError) as error:
            raise StoreError(self.where(path), objects.reason(error)) from None


class _MissingError(StoreError):
    """There is no such object, or no such bucket."""


def _slashes(path: str) -> Iterator[int]:
    return (index for index, letter in enumerate(path) if letter == "/")


def _file(path: str, meta: Any) -> File:
    etag = (meta["e_tag"] or "").strip('"')  # Azure's lists have no quotes around it
    strong = etag and not etag.startswith("W/")
    return File(path, meta["size"], etag if strong else f"{meta['size']} bytes of {meta['last_modified']}")
