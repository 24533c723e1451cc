"""Places that hold bytes by key: a directory, a static file server, an object store.

A place knows nothing of models. Keys are relative, parts divided by slashes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from scorer import reading
from scorer.errors import StoreError
from scorer.files import atomic_write


class Blob(NamedTuple):
    """What lies at a key.

    Attributes:
        data: its bytes, at most one more than strict_json.MAX_BYTES.
        etag: tells these bytes from later ones, for the next read; None where the place gives none.
    """

    data: bytes
    etag: str | None


class Storage(Protocol):
    """Somewhere that holds bytes by key.

    Attributes:
        name: what to call it in errors and on /model; holds no password.
        local: whether reading is a matter of this machine alone, and takes no time to speak of.
    """

    name: str
    local: bool

    def where(self, key: str) -> str:
        """What to call a key in errors."""

    def read(self, key: str, etag: str | None = None) -> Blob | None:
        """The bytes at a key; None where they are still those of a etag.

        Raises:
            MissingFileError: there is nothing.
            UnreadableFileError: they cannot be read, or not in time.
        """

    def write(self, key: str, data: bytes) -> None:
        """Puts bytes at a key, all of them at once or none.

        Raises:
            StoreError: the place cannot be written to.
        """


class Directory:
    """A directory. The etag is the file's identity, time and size."""

    local = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def where(self, key: str) -> str:
        """The file's path."""
        return str(self.path / key)

    def read(self, key: str, etag: str | None = None) -> Blob | None:
        """As Storage."""
        path = self.path / key
        found = _etag(path)
        if etag is not None and found == etag:
            return None
        return Blob(reading.read_bytes(path), found)

    def write(self, key: str, data: bytes) -> None:
        """As Storage: a temporary sibling, then a rename."""
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
        return None  # reading it says why
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
