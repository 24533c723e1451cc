"""Storage of bytes by key: a directory here, a static file server and an object store in modules of their own.

A storage knows nothing of models. Keys are relative paths with slashes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from scorer import reading
from scorer.errors import StoreError
from scorer.files import atomic_write


class Blob(NamedTuple):
    """The content of a key.

    Attributes:
        data: its bytes, at most strict_json.MAX_BYTES + 1: one more than is parsed.
        etag: identifies these bytes, for a conditional read; None if the storage gives none.
    """

    data: bytes
    etag: str | None


class Storage(Protocol):
    """Storage of bytes by key.

    Attributes:
        name: its name in errors and in GET /model; contains no password.
        local: whether it is on this machine, so that a read takes next to no time.
    """

    name: str
    local: bool

    def where(self, key: str) -> str:
        """The name of a key in errors: a path or a URL."""

    def read(self, key: str, etag: str | None = None) -> Blob | None:
        """Reads the content of a key.

        Args:
            key: the key.
            etag: of content read before; None to read in any case.

        Returns:
            The content; None if it still has the etag.

        Raises:
            MissingFileError: the key does not exist.
            UnreadableFileError: the content cannot be read, or not in time.
        """

    def write(self, key: str, data: bytes) -> None:
        """Writes the content of a key. Readers see the old content or the new, never a part of it.

        Raises:
            StoreError: the storage cannot be written to.
        """


class Directory:
    """A directory. An etag is the inode, modification time and size of a file."""

    local = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def where(self, key: str) -> str:
        """See Storage: the path of the file."""
        return str(self.path / key)

    def read(self, key: str, etag: str | None = None) -> Blob | None:
        """See Storage."""
        path = self.path / key
        current = _etag(path)  # before the bytes, so that a change in between is seen by the next read
        if etag is not None and current == etag:
            return None
        return Blob(reading.read_bytes(path), current)

    def write(self, key: str, data: bytes) -> None:
        """See Storage: writes a temporary sibling, then renames it."""
        path = self.path / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(data)
        except OSError as error:
            raise StoreError(str(path), (error.strerror or str(error)).lower()) from None


def _etag(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return None  # reading the file raises the error
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
