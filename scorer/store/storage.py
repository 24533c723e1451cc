"""Places that hold bytes by key: a directory, a static file server, an object store.

A place knows nothing of models. Keys are relative, parts divided by slashes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from scorer import reading
from scorer.errors import StoreError
from scorer.files import replacing


class Found(NamedTuple):
    """What lies at a key.

    Attributes:
        data: its bytes, at most one more than strict_json.MAX_BYTES.
        tag: tells these bytes from later ones, for the next read; None where the place gives none.
    """

    data: bytes
    tag: str | None


class Place(Protocol):
    """Somewhere that holds bytes by key.

    Attributes:
        name: what to call it in errors and on /model; holds no password.
        local: whether reading is a matter of this machine alone, and takes no time to speak of.
    """

    name: str
    local: bool

    def where(self, key: str) -> str:
        """What to call a key in errors."""

    def read(self, key: str, tag: str | None = None) -> Found | None:
        """The bytes at a key; None where they are still those of a tag.

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
    """A directory. The tag is the file's identity, time and size."""

    local = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def where(self, key: str) -> str:
        """The file's path."""
        return str(self.path / key)

    def read(self, key: str, tag: str | None = None) -> Found | None:
        """As Place."""
        path = self.path / key
        found = _tag(path)
        if tag is not None and found == tag:
            return None
        return Found(reading.read_bytes(path), found)

    def write(self, key: str, data: bytes) -> None:
        """As Place: a temporary sibling, then a rename."""
        path = self.path / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                file.write(data)
        except OSError as error:
            raise StoreError(str(path), (error.strerror or str(error)).lower()) from None


def _tag(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return None  # reading it says why
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


OBJECT_STORES = ("s3", "gs", "az")


def open_place(address: str, timeout: float) -> Place:
    """The place at an address.

    Args:
        address: a directory, or a URL with the scheme http, https, s3, gs or az.
        timeout: seconds within which a read or write has to be done.

    Raises:
        StoreError: no such kind of place, or a package is missing that it needs.
    """
    scheme = urlsplit(address).scheme if "://" in address else ""
    if scheme in ("http", "https"):
        from scorer.store.http import HTTP  # here and below: only who uses one pays for its import

        return HTTP(address, timeout)
    if scheme in OBJECT_STORES:
        try:
            from scorer.store.objects import Objects
        except ModuleNotFoundError as error:
            raise StoreError(address, f"needs {error.name}: pip install 'coefficient-scorer[store]'") from None
        return Objects(address, timeout)
    if scheme:
        known = ", ".join(("http", "https", *OBJECT_STORES))
        raise StoreError(address, f"no store has the scheme {scheme}: expected a directory, or one of {known}")
    return Directory(Path(address))
